"""A message as triage reads it: what hides words taken out, every character remembering where it stood; its clauses.

A clause is past, general, or now; past goes on to the end of the sentence, unless a word of the present ends it.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from doctorglm.clinical.folding import folded
from doctorglm.safety.triage.context import Cues

_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e0fff\u2600-\u27bf\U0001f000-\U0001faff\u0300-\u036f]"
)
_CHINESE = "\u3400-\u9fff"
_APART = re.compile(
    f"(?<![{_CHINESE}])[{_CHINESE}](?:[^\\w\\s{_CHINESE}]{{1,3}}[{_CHINESE}]|"
    f"[ \\t]{{1,3}}[{_CHINESE}](?![{_CHINESE}])){{2,}}"
)
_LATIN_APART = re.compile(r"(?<![a-z])[a-z](?:[ .\-_*][a-z](?![a-z])){3,}")
_CLAUSE = re.compile(
    r"(?:[，,；;。！!？?\n：:…~]|\.(?!\d))+|(?<=[\u3400-\u9fff]) +(?=[\u3400-\u9fff])|\bbut\b|但是|不过|可是"
)
_SENTENCE = frozenset("。！!？?\n")


@dataclass(frozen=True, slots=True)
class Clause:
    """`text[start:end]`, and how what it says is meant."""

    start: int
    end: int
    status: str


class Reading:
    """One message, ready for patterns."""

    def __init__(self, text: str, cues: Cues) -> None:
        self.text, self._origin = _plain(text)
        self._cues = cues

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The same place in the message as it was written."""
        return self._origin[start], self._origin[end - 1] + 1

    @cached_property
    def clauses(self) -> list[Clause]:
        """The clauses in order."""
        return _clauses(self.text, self._cues)

    @cached_property
    def inert(self) -> list[tuple[int, int]]:
        """Where words stand that hold another word without meaning it."""
        return self._cues.inert_spans(self.text)

    @cached_property
    def negations(self) -> list[tuple[int, int, int]]:
        """Where a negating word stands, and how many characters on it reaches."""
        return self._cues.negations(self.text)

    @cached_property
    def barriers(self) -> list[int]:
        """Places over which no pattern reaches: ends of sentences, and negations."""
        marks = [i for i, character in enumerate(self.text) if character in _SENTENCE]
        return sorted(marks + [start for start, _, _ in self.negations])

    def status(self, start: int) -> str:
        """`now`, `denied`, `past`, `general` of what begins there."""
        clause = self.clauses[bisect_right(self._starts, start) - 1]
        if any(clause.start <= s < e <= start <= e + reach for s, e, reach in self._near(start)):
            return "denied"
        return clause.status

    @cached_property
    def _starts(self) -> list[int]:
        return [clause.start for clause in self.clauses]

    @cached_property
    def _negation_starts(self) -> list[int]:
        return [start for start, _, _ in self.negations]

    def _near(self, start: int) -> list[tuple[int, int, int]]:
        at = bisect_right(self._negation_starts, start)
        return self.negations[max(0, at - 3) : at]


def _plain(text: str) -> tuple[str, Sequence[int]]:
    plain = folded(text)
    origin: Sequence[int] = range(len(plain))
    hidden = {match.start() for match in _HIDDEN.finditer(plain)}
    if hidden:
        origin = [i for i in origin if i not in hidden]
        plain = _HIDDEN.sub("", plain)
    apart: set[int] = set()
    for pattern in (_APART, _LATIN_APART):
        for match in pattern.finditer(plain):
            apart.update(i for i in range(*match.span()) if not plain[i].isalnum())
    if apart:
        origin = [place for i, place in enumerate(origin) if i not in apart]
        plain = "".join(character for i, character in enumerate(plain) if i not in apart)
    return plain, origin


def _clauses(text: str, cues: Cues) -> list[Clause]:
    found: list[Clause] = []
    at, tense = 0, "now"
    for mark in [*_CLAUSE.finditer(text), None]:
        end = mark.start() if mark else len(text)
        words = text[at:end]
        tense = cues.tense(words, tense)
        status = "general" if tense == "now" and cues.general(words) else tense
        if tense == "long":  # said of what stands before it, too
            if found and found[-1].status == "now" and not cues.present(text[found[-1].start : found[-1].end]):
                found[-1] = Clause(found[-1].start, found[-1].end, "past")
            status, tense = "past", "now"
        found.append(Clause(at, end + (len(mark[0]) if mark else 0), status))
        if mark is None:
            break
        at = mark.end()
        if set(mark[0]) & _SENTENCE and tense == "past":
            tense = "now"
    return found
