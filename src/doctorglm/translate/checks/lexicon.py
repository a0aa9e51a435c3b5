"""What English words are in Chinese and Chinese words in English: the project's own lists, for checks alone.

`lists/*.tsv` were written for this project from general knowledge, taken from no dictionary and from no corpus, and
were not reviewed by a clinician. Two columns: English patterns (`words.py`) and Chinese wordings, parted by `|`. `~`
before a pattern: it explains the row's Chinese and asks for none; before a wording: it answers and asks for none.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import NamedTuple

from doctorglm.translate.checks.fault import Kind
from doctorglm.translate.checks.words import Phrases
from doctorglm.translate.renderings import plain

LISTS: dict[str, Kind | None] = {
    "body": "term",
    "illness": "term",
    "symptoms": "term",
    "examinations": "term",
    "things": "term",
    "drugs": "drug",
    "persons": "gender_person",
    "sides": "laterality",
    "calendar": "number",
    "times": "unit_or_dose",
    "opposites": "negation",
    "common": None,
    "idioms": None,
}
"""The lists, and what a fault in one of their rows is; `common` tells sentences apart, `idioms` are sayings;
both find no fault alone."""
_ASKING = frozenset({"body", "illness", "symptoms", "examinations", "things", "drugs", "persons", "calendar"})
"""Lists whose English must have its Chinese; the others only ask for the English of their Chinese."""

HUSHED = "hushed"
"""The list of rows that are withheld: they have no fault, and tell nothing apart."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its list, what a fault in it is, its English as it is written, its Chinese wordings."""

    name: str
    kind: Kind | None
    english: tuple[str, ...]
    chinese: tuple[str, ...]
    asks: bool


class Wording(NamedTuple):
    """`text[start:end]` (of the plain Chinese) is a wording of these rows: number, whether it must have its English."""

    start: int
    end: int
    rows: tuple[tuple[int, bool], ...]
    numbers: frozenset[int]
    """Of the rows."""


@dataclass(slots=True)
class _Node:
    then: dict[str, "_Node"] = field(default_factory=dict)
    rows: tuple[tuple[int, bool], ...] = ()
    numbers: frozenset[int] = frozenset()
    is_word: bool = False
    is_latin: bool = False
    """Whether the wording begins or ends with a Latin letter or a digit."""


class Lexicon:
    """Rows, their English to be found in words, their Chinese in a plain text."""

    def __init__(self, rows: Iterable[Row], nothing: Iterable[str] = ()) -> None:
        self.rows = list(rows)
        self.phrases = Phrases()
        self._root = _Node()
        self.longest = 0
        """Characters of the longest wording."""
        for number, row in enumerate(self.rows):
            for phrase in row.english:
                self.phrases.add(phrase.lstrip("~"), number, not phrase.startswith("~"))
            for wording in row.chinese:
                self._add(wording.lstrip("~"), (number, not wording.startswith("~")))
        for wording in nothing:
            self._add(wording, None)

    def _add(self, wording: str, row: tuple[int, bool] | None) -> None:
        node, said = self._root, plain(wording)
        for letter in said:
            node = node.then.setdefault(letter, _Node())
        node.is_word, node.is_latin = True, said[:1].isascii() or said[-1:].isascii()
        self.longest = max(self.longest, len(said))
        if row is not None:
            node.rows, node.numbers = (*node.rows, row), node.numbers | {row[0]}

    def wordings(self, text: str) -> list[Wording]:
        """All wordings in a plain text, overlapping ones too, by their start; words that say nothing have no rows."""
        found, first, size = [], self._root.then, len(text)
        for start, letter in enumerate(text):
            node, at = first.get(letter), start + 1
            while node is not None:
                if node.is_word and (not node.is_latin or _stands_alone(text, start, at)):
                    found.append(Wording(start, at, node.rows, node.numbers))
                if at == size:
                    break
                node, at = node.then.get(text[at]), at + 1
        return found


def _stands_alone(text: str, start: int, end: int) -> bool:
    """False for a Latin wording inside a longer Latin word."""
    first, last = text[start], text[end - 1]
    if first.isascii() and first.isalnum() and start and text[start - 1].isascii() and text[start - 1].isalnum():
        return False
    return not (last.isascii() and last.isalnum() and text[end : end + 1].isascii() and text[end : end + 1].isalnum())


def segmented(text: str, found: Sequence[Wording]) -> list[Wording]:
    """The wordings of the reading of `text` with fewest parts; what no wording covers costs more than one."""
    by_end: dict[int, list[Wording]] = {}
    for one in found:
        by_end.setdefault(one.end, []).append(one)
    costs, lasts = [0.0], [None] * (len(text) + 1)  # type: list[float], list[Wording | None]
    for end in range(1, len(text) + 1):
        cost = costs[end - 1] + _UNKNOWN
        for one in by_end.get(end, ()):
            with_it = costs[one.start] + 1 - _LONGER * (end - one.start) ** 2
            if with_it < cost:
                cost, lasts[end] = with_it, one
        costs.append(cost)
    kept, end = [], len(text)
    while end:
        last = lasts[end]
        if last is not None:
            kept.append(last)
        end = last.start if last is not None else end - 1
    return kept[::-1]


_UNKNOWN = 1.2
_LONGER = 0.001


@cache
def own_rows() -> tuple[Row, ...]:
    """The rows of the project's own lists."""
    return tuple(row for name in LISTS for row in _rows(name))


@cache
def nothing() -> tuple[str, ...]:
    """Chinese words that hold a wording of the lists and mean something else."""
    return tuple(word for line in read_list("nothing.txt") for word in line.split())


def _rows(name: str) -> Iterator[Row]:
    for line in read_list(f"{name}.tsv"):
        english, chinese = line.split("\t")
        yield Row(name, LISTS[name], tuple(english.split("|")), tuple(chinese.split("|")), name in _ASKING)


def read_list(name: str) -> list[str]:
    """The lines of a list, remarks left out."""
    text = resources.files(__package__).joinpath("lists").joinpath(name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("# ")]
