"""Why a conversation is rejected, and the stretch of text that it rests on."""

from dataclasses import dataclass

EVIDENCE_CHARS = 60
"""Characters of a conversation that a rejection may quote: a clause on both sides, and no more than a reader needs."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A reason that `run.json` counts, and what it rests on; identifiers in the evidence are not masked yet."""

    reason: str
    evidence: str = ""


def around(text: str, start: int, end: int) -> str:
    """The stretch from `start` to `end` with what stands about it, cut to EVIDENCE_CHARS, in one line.

    Half a surrogate pair, which UTF-8 cannot write, becomes a question mark.
    """
    before = max(0, EVIDENCE_CHARS - (end - start)) // 2
    first = max(0, min(start - before, len(text) - EVIDENCE_CHARS))
    stretch = text[first : first + EVIDENCE_CHARS]
    return " ".join(stretch.encode("utf-8", "replace").decode().split())


def head(text: str) -> str:
    """The beginning of a text, as evidence."""
    return around(text, 0, 0)
