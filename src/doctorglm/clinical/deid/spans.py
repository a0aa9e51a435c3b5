"""What is found: spans of a text, each with the type of what it identifies, and the text with them masked."""

import bisect
from collections.abc import Iterable
from dataclasses import dataclass

TYPES = (
    "name",
    "mobile",
    "landline",
    "id_card",
    "bank_card",
    "wechat",
    "qq",
    "email",
    "url",
    "address",
    "hospital",
    "mrn",
    "plate",
    "date",
    "age",
)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Where an identifier stands, in Unicode code points, the end exclusive; and its type."""

    start: int
    end: int
    type: str


def resolved(found: Iterable[Span]) -> list[Span]:
    """The spans without overlaps, in order: of two that overlap the one that was found first stays."""
    kept: list[Span] = []
    for span in found:
        at = bisect.bisect(kept, span)
        if (at == 0 or kept[at - 1].end <= span.start) and (at == len(kept) or span.end <= kept[at].start):
            kept.insert(at, span)
    return kept


def masked(text: str, spans: Iterable[Span]) -> str:
    """The text with each span as `[type]`."""
    parts, at = [], 0
    for span in sorted(spans):
        parts += [text[at : span.start], f"[{span.type}]"]
        at = span.end
    return "".join([*parts, text[at:]])
