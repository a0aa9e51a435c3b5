"""One detector over lines of text: what `doctorglm inspect` writes, line by line as it reads.

A line is `{"text": ...}` (one speaker) or `{"messages": [...]}`, with whatever else; its other fields are kept, and
fields of the result win. Only this verb gives back what it was given: whatever else the program writes is masked.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from doctorglm.clinical import deid
from doctorglm.clinical.terms import Speaker, Turn, find_in
from doctorglm.conversation import json_object, shown_keys
from doctorglm.errors import ConfigError, DataError

Detector: TypeAlias = Callable[[Sequence[Turn], bool], dict[str, Any]]
"""(turns, whether they are messages) -> the fields of the result."""

_SPEAKERS: Mapping[str, Speaker] = {
    **dict.fromkeys(("user", "patient", "human", "患者", "病人", "家长"), "patient"),
    **dict.fromkeys(("assistant", "doctor", "gpt", "医生", "大夫"), "doctor"),
}
"""Whom the roles of messages name; with any other role nobody knows who speaks."""


def inspected(path: Path, detector: Detector) -> Iterator[dict[str, Any]]:
    """Yields each line's record with the result; raises DataError with file and line for one that holds no text."""
    for record, where in records(path):
        yield {**record, **detector(_turns(record, where), "messages" in record)}


def records(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Yields each line's record and its file:line; raises DataError when the file, or a line of it, cannot be read."""
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
                yield json_object(line, f"{path}:{number}"), f"{path}:{number}"


def detector(name: str, *others: str) -> Detector:
    """The detector of that name; raises ConfigError with those that there are, the others included."""
    if name not in DETECTORS:
        there = ", ".join(sorted([*DETECTORS, *others]))
        raise ConfigError(
            en=f"inspect {name}: there is no such detector; there are {there}.",
            zh=f"inspect {name}：没有这个检测器；现有 {there}。",
        )
    return DETECTORS[name]


def terms(turns: Sequence[Turn], are_messages: bool) -> dict[str, Any]:
    """`terms`, each with text, norm, type, status, start, end and perhaps its message."""
    return {
        "terms": [
            ({"message": index} if are_messages else {})
            | {
                "text": term.text,
                "norm": term.norm,
                "type": term.type,
                "status": term.status,
                "start": term.start,
                "end": term.end,
            }
            for index, found in enumerate(find_in(turns))
            for term in found
        ]
    }


def identifiers(turns: Sequence[Turn], are_messages: bool) -> dict[str, Any]:
    """`spans`, each with start, end, type, text and perhaps its message, and `masked`: the text, or all texts."""
    texts = [turn.text for turn in turns]
    found = deid.find_in(texts)
    spans = [
        ({"message": index} if are_messages else {})
        | {"start": span.start, "end": span.end, "type": span.type, "text": text[span.start : span.end]}
        for index, (text, spans) in enumerate(zip(texts, found, strict=True))
        for span in spans
    ]
    masked = [deid.masked(text, spans) for text, spans in zip(texts, found, strict=True)]
    return {"spans": spans, "masked": masked if are_messages else masked[0]}


DETECTORS: Mapping[str, Detector] = {"deid": identifiers, "terms": terms}
"""What `doctorglm inspect` can look for."""


def _turns(record: Mapping[str, Any], where: str) -> list[Turn]:
    messages = record.get("messages")
    if isinstance(messages, list):
        said = [(m.get("content"), m.get("role")) if isinstance(m, dict) else (None, None) for m in messages]
    else:
        said = [(record.get("text"), None)]
    turns = [Turn(text, _SPEAKERS.get(str(role))) for text, role in said if isinstance(text, str)]
    if not turns or len(turns) < len(said):
        raise DataError(
            en=f"{where}: neither a string `text` nor `messages` with `content`; the keys are {shown_keys(record)}.",
            zh=f"{where}：既没有字符串 `text`，也没有带 `content` 的 `messages`；现有键 {shown_keys(record)}。",
        )
    return turns
