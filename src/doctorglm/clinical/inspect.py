"""One detector over lines of text: what `doctorglm inspect` writes, line by line as it reads.

A line is `{"text": ...}` (one speaker) or `{"messages": [...]}`, with whatever else; its other fields are kept, and
fields of the result win. Only this verb gives back what it was given: whatever else the program writes is masked.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from doctorglm.clinical import deid
from doctorglm.conversation import json_object, shown_keys
from doctorglm.errors import DataError

Detector: TypeAlias = Callable[[Sequence[str], bool], dict[str, Any]]
"""(texts, whether they are messages) -> the fields of the result."""


def inspected(path: Path, detector: Detector) -> Iterator[dict[str, Any]]:
    """Yields each line's record with the result; raises DataError with file and line for one that holds no text."""
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
                texts = _texts(record, f"{path}:{number}")
                yield {**record, **detector(texts, "messages" in record)}


def identifiers(texts: Sequence[str], are_messages: bool) -> dict[str, Any]:
    """`spans`, each with start, end, type, text and perhaps its message, and `masked`: the text, or all texts."""
    found = deid.find_in(texts)
    spans = [
        ({"message": index} if are_messages else {})
        | {"start": span.start, "end": span.end, "type": span.type, "text": text[span.start : span.end]}
        for index, (text, spans) in enumerate(zip(texts, found, strict=True))
        for span in spans
    ]
    masked = [deid.masked(text, spans) for text, spans in zip(texts, found, strict=True)]
    return {"spans": spans, "masked": masked if are_messages else masked[0]}


def _texts(record: Mapping[str, Any], where: str) -> list[str]:
    messages = record.get("messages")
    if isinstance(messages, list):
        texts = [m.get("content") if isinstance(m, dict) else None for m in messages]
    else:
        texts = [record.get("text")]
    if not texts or not all(isinstance(text, str) for text in texts):
        raise DataError(
            en=f"{where}: neither a string `text` nor `messages` with `content`; the keys are {shown_keys(record)}.",
            zh=f"{where}：既没有字符串 `text`，也没有带 `content` 的 `messages`；现有键 {shown_keys(record)}。",
        )
    return [str(text) for text in texts]
