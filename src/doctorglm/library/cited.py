"""A sentence and the citations in it: read from an answer, and written again without what was struck."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from doctorglm.clinical.folding import folded
from doctorglm.language import Text, spoken
from doctorglm.library.sentences import CITATION

MARK = Text(en=" [no source]", zh="〔无出处〕")
"""Stands before the end of a sentence that no cited passage supports."""
STRUCK = {
    "drug": Text(en="[drug removed: not in the source]", zh="〔药名已删：资料中没有〕"),
    "dose": Text(en="[dose removed: not in the source]", zh="〔剂量已删：资料中没有〕"),
}
"""Stand where a drug or a dose was struck."""

_CITED = re.compile(rf"(?P<lead>[ \t]{{0,2}}){CITATION}")
_NUMBER = re.compile(r"(\d{1,3})(?:\s?[~～至–-]\s?(\d{1,3}))?")
_WIDEST = 20
"""Passages from the first to the last of a range; a wider one is no range."""
_END = re.compile(r"(?:[。！？!?…｡]+|\.)?[”’」』）)】\"'*]*\s*$")
_JOINS = re.compile(r"[\s，,、和或及·]{0,3}")


@dataclass(frozen=True, slots=True)
class Strike:
    """`text[start:end]` is struck: a drug or a dose."""

    start: int
    end: int
    kind: Literal["drug", "dose"]


@dataclass(slots=True)
class Sentence:
    """A sentence of an answer as it came, and without its citations."""

    raw: str
    text: str = ""
    numbers: list[tuple[int, str, tuple[int, ...]]] = field(default_factory=list)
    """What is cited at which place of `text`, with the blanks before it; behind the end it is taken before that."""

    @classmethod
    def of(cls, raw: str) -> "Sentence":
        """The sentence, read; one with a citation inside of another loses all of them."""
        made, at = cls(raw), 0
        for match in _CITED.finditer(raw):
            made.text += raw[at : match.start()]
            made.numbers.append((len(made.text), match["lead"], tuple(_numbers(match["numbers"]))))
            at = match.end()
        made.text += raw[at:]
        while _CITED.search(made.text):
            made.numbers, made.text = [], _CITED.sub("", made.text)
        end = made.end
        made.numbers = [(min(place, end), lead if place <= end else "", n) for place, lead, n in made.numbers]
        return made

    @property
    def end(self) -> int:
        """Where its last mark begins."""
        match = _END.search(self.text)
        return match.start() if match else len(self.text)

    @property
    def cited(self) -> tuple[int, ...]:
        """All numbers, each once."""
        return tuple(dict.fromkeys(n for _, _, numbers in self.numbers for n in numbers))

    def without(self, strikes: Sequence[Strike]) -> str:
        """Its text without what is struck."""
        text = self.text
        for strike in reversed(strikes):
            text = f"{text[: strike.start]} {text[strike.end :]}"
        return text

    def written(self, kept: Sequence[int], strikes: Sequence[Strike], *, marked: bool) -> str:
        """The sentence with the numbers that stay, notes where something was struck, and its mark.

        A number stands where it was cited; one that was not cited stands before the end.
        """
        language, end, left = spoken(self.text), self.end, list(kept)
        put = [(s.start, s.end, getattr(STRUCK[s.kind], language)) for s in strikes]
        for place, blank, numbers in self.numbers:
            here = [n for n in dict.fromkeys(numbers) if n in left]
            left = [n for n in left if n not in here]
            behind = next((s.end for s in strikes if s.start < place < s.end), place)
            put.append((behind, behind, blank * bool(here) + _shown(here)))
        put += [(end, end, _shown(left)), (end, end, getattr(MARK, language) * marked)]
        return _with(self.text, put)


def _numbers(said: str) -> Iterator[int]:
    for match in _NUMBER.finditer(folded(said)):
        first, last = int(match[1]), int(match[2] or match[1])
        yield from range(first, last + 1) if first <= last < first + _WIDEST else (first, last)


def _shown(numbers: Sequence[int]) -> str:
    return "".join(f"[{n}]" for n in numbers)


def _with(text: str, put: Sequence[tuple[int, int, str]]) -> str:
    """The text with words in the place of its stretches; at one place a stretch comes before what is only put in."""
    parts, at = [], 0
    for start, stop, words in sorted(put, key=lambda one: (one[0], one[1] == one[0])):
        parts += [text[at:start], words]
        at = max(at, stop)
    return "".join([*parts, text[at:]])


def joined(text: str, strikes: Sequence[Strike]) -> list[Strike]:
    """In order, those of one kind that stand side by side as one, so that a list of doses has one note."""
    kept: list[Strike] = []
    for one in sorted(strikes, key=lambda strike: strike.start):
        last = kept[-1] if kept else None
        if last and one.start < last.end:
            kept[-1] = Strike(last.start, max(last.end, one.end), last.kind)
        elif last and last.kind == one.kind and _JOINS.fullmatch(text, last.end, one.start):
            kept[-1] = Strike(last.start, one.end, last.kind)
        else:
            kept.append(one)
    return kept
