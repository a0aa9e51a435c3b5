"""Triage over lines of text or conversations: what `doctorglm inspect triage` writes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation, Message, json_object
from doctorglm.errors import DataError
from doctorglm.safety.triage.engine import Triage, triage
from doctorglm.safety.triage.rules import rule_book


def triaged(path: Path) -> Iterator[dict[str, Any]]:
    """Yields each line's record with `emergency`, `level`, `kinds`, `reason` and `fired`; its other fields are kept.

    Raises DataError with file and line for a line without text, ConfigError when the rules cannot be read.
    """
    rule_book()
    try:
        lines = path.open("rb")
    except OSError as error:
        raise DataError(
            en=f"{path}: cannot be read ({error.strerror}). Give a file of JSON lines with `text` or `messages`.",
            zh=f"{path}：无法读取（{error.strerror}）。请给出每行含 `text` 或 `messages` 的 JSON 行文件。",
        ) from None
    with lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                record = json_object(line, f"{path}:{number}")
                yield {**record, **fields(triage(_messages(record, f"{path}:{number}")), "messages" in record)}


def fields(found: Triage, are_messages: bool) -> dict[str, Any]:
    """The triage as it is written: rules that fired, and where the words stand that fired them."""
    return {
        "emergency": found.emergency,
        "level": found.level,
        "kinds": list(found.kinds),
        "reason": {"en": found.reason.en, "zh": found.reason.zh},
        "fired": [
            {
                "rule": fired.rule.id,
                "words": [
                    ({"message": m.message} if are_messages else {}) | {"start": m.start, "end": m.end}
                    for m in fired.mentions
                ],
            }
            for fired in found.fired
        ],
    }


def _messages(record: Mapping[str, Any], where: str) -> Sequence[Message]:
    if "messages" in record:
        return Conversation.from_dict(record, where).messages
    text = record.get("text")
    if not isinstance(text, str):
        raise DataError(
            en=f"{where}: neither a string `text` nor `messages`; the keys are {sorted(record)[:8]}.",
            zh=f"{where}：既没有字符串 `text`，也没有 `messages`；现有键 {sorted(record)[:8]}。",
        )
    return [Message("user", text)]
