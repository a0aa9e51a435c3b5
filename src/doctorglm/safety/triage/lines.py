"""Triage over lines of text or conversations: what `doctorglm inspect triage` writes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from doctorglm.clinical.inspect import records
from doctorglm.conversation import Conversation, Message, shown_keys
from doctorglm.errors import DataError
from doctorglm.safety.triage.engine import Triage, triage
from doctorglm.safety.triage.rules import rule_book
from doctorglm.safety.triage.second import prepare


def triaged(path: Path) -> Iterator[dict[str, Any]]:
    """Yields each line's record with `emergency`, `level`, `kinds`, `reason` and `fired`; its other fields are kept.

    Raises DataError with file and line for a line without text, ConfigError when rules or reader cannot be read.
    """
    rule_book()
    prepare()
    for record, where in records(path):
        yield {**record, **fields(triage(_messages(record, where)), "messages" in record)}


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
            en=f"{where}: neither a string `text` nor `messages`; the keys are {shown_keys(record)}.",
            zh=f"{where}：既没有字符串 `text`，也没有 `messages`；现有键 {shown_keys(record)}。",
        )
    return [Message("user", text)]
