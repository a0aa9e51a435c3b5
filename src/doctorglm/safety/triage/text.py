"""A message as triage reads it: what hides words taken out, every character remembering where it stood; its clauses.

A clause is past, general, or now; past goes on to the end of the sentence, unless a word of the present ends it.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from doctorglm.clinical.folding import folded
from doctorglm.safety.triage.context import Cues, Said

_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e0fff\u2600-\u27bf\U0001f000-\U0001faff\u0300-\u036f]"
)
_CHINESE = "\u3400-\u9fff"
_APART = re.compile(
    f"(?<![{_CHINESE}])[{_CHINESE}](?:[^\\w\\s{_CHINESE}]{{1,3}}[{_CHINESE}]|"
    f"[ \\t]{{1,3}}[{_CHINESE}](?![{_CHINESE}])){{2,}}"
)
_LATIN_APART = re.compile(r"(?<![a-z])[a-z](?:[ .\-_*/|+·][a-z](?![a-z])){3,}")
_CLAUSE = re.compile(
    r"(?:[，,；;。！!？?\n：:…~]|\.(?!\d))+|(?<=[\u3400-\u9fff]) +(?=[\u3400-\u9fff])|\bbut\b|但是|不过|可是"
)
_SENTENCE = frozenset("。！!？?\n")
_SENTENCE_MARK = re.compile("[。！!？?\n]")


class Clause(NamedTuple):
    """`text[start:end]`, and how what it says is meant."""

    start: int
    end: int
    status: str


class Reading:
    """One message, ready for patterns."""

    def __init__(self, text: str, cues: Cues) -> None:
        self.text, self._origin = plain_of(text)
        self._cues = cues

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """The same place in the message as it was written."""
        return self._origin[start], self._origin[end - 1] + 1

    @cached_property
    def said(self) -> list[Said]:
        """Where words stand that say how something is meant."""
        return self._cues.said(self.text)

    def frame(self, before: str) -> str:
        """What frames it, after messages that `before` frames."""
        return self._cues.frame({kind for _, _, kinds in self.said for kind in kinds}, before)

    @cached_property
    def clauses(self) -> list[Clause]:
        """The clauses in order."""
        return _clauses(self.text, self.said, self._cues)

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
        marks = [match.start() for match in _SENTENCE_MARK.finditer(self.text)]
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


def plain_of(text: str) -> tuple[str, Sequence[int]]:
    """The text without what hides words, and where each of its characters stood."""
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


def _clauses(text: str, said: Sequence[Said], cues: Cues) -> list[Clause]:
    found: list[Clause] = []
    tense = "now"
    bounds = _bounds(text)
    kinds = _kinds(bounds, said)
    for number, (start, end, after) in enumerate(bounds):
        tense = cues.tense(text[start:end], kinds[number], tense)
        status = "general" if tense == "now" and "asking" in kinds[number] else tense
        if tense == "long":  # said of what stands before it, too
            if found and found[-1].status == "now" and kinds[number - 1].isdisjoint(("now", "lately")):
                found[-1] = found[-1]._replace(status="past")
            status, tense = "past", "now"
        found.append(Clause(start, after, status))
        if tense == "past" and not _SENTENCE.isdisjoint(text[end:after]):
            tense = "now"
    return found


def _bounds(text: str) -> list[tuple[int, int, int]]:
    """(start, end, end with the marks behind it) of each clause."""
    marks = [*(match.span() for match in _CLAUSE.finditer(text)), (len(text), len(text))]
    return [(before, *mark) for (_, before), mark in zip([(0, 0), *marks], marks, strict=False)]


def _kinds(bounds: Sequence[tuple[int, int, int]], said: Sequence[Said]) -> list[set[str]]:
    """The kinds of the words that stand in each clause, marks left out."""
    starts = [start for start, _, _ in bounds]
    found: list[set[str]] = [set() for _ in bounds]
    for start, end, kinds in said:
        number = bisect_right(starts, start) - 1
        if end <= bounds[number][1]:
            found[number] |= kinds
    return found
