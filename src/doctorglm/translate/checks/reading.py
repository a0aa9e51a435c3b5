"""An English text and its Chinese, read once for all checks: words, terms and wordings, and what explains what."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from doctorglm.translate.checks.lexicon import Lexicon, Row, Wording, segmented
from doctorglm.translate.checks.words import Found, Word, outermost, words
from doctorglm.translate.entry import Entry
from doctorglm.translate.renderings import plain
from doctorglm.translate.terms import Mention, Terms


class Reader:
    """The lexicon and a glossary, with which texts are read."""

    def __init__(self, rows: Sequence[Row], nothing: Sequence[str], glossary: Sequence[Entry]) -> None:
        self.terms = Terms(glossary)
        self.first_term = len(rows)
        terms = [Row("glossary", "term", (), term.chinese, True) for term in self.terms.terms]
        self.lexicon = Lexicon([*rows, *terms], nothing)
        self.row_of = {id(term): self.first_term + i for i, term in enumerate(self.terms.terms)}
        self._numbers = {term.english: self.first_term + i for i, term in enumerate(self.terms.terms)}

    def read(self, english: str, chinese: str) -> "Reading":
        """Both texts, read; the Chinese is folded, without spaces beside Chinese characters."""
        return Reading(self, english, plain(chinese))

    def knows(self, word: str) -> bool:
        """Whether an English word, in small letters, has its Chinese in the lexicon or the glossary."""
        return any(
            one.strong and self.lexicon.rows[one.row].asks for one in self.lexicon.phrases.find(words(word))
        ) or bool(self.terms.find(word))

    def row(self, mention: Mention) -> int:
        """The row of a term of the glossary."""
        return self._numbers[mention.term.english]


@dataclass(frozen=True)
class Reading:
    """Two texts; places in the Chinese are those of the plain one."""

    reader: Reader
    english: str
    chinese: str

    @cached_property
    def words(self) -> list[Word]:
        """The English words."""
        return words(self.english)

    @cached_property
    def found(self) -> list[Found]:
        """The lexicon's English, overlapping phrases too."""
        return self.reader.lexicon.phrases.find(self.words)

    @cached_property
    def mentions(self) -> list[Mention]:
        """The terms of the glossary."""
        return self.reader.terms.find(self.english)

    @cached_property
    def said(self) -> frozenset[int]:
        """The rows whose English is there."""
        return frozenset({one.row for one in self.found} | {self.reader.row(one) for one in self.mentions})

    @cached_property
    def asking(self) -> dict[tuple[int, int], set[int]]:
        """Of each place that must have its Chinese, and lies in no longer one, the rows that may answer it."""
        spans = [*self.found, *(Found(m.start, m.end, 1, self.reader.row(m), True) for m in self.mentions)]
        outer = outermost(spans)
        rows: dict[tuple[int, int], set[int]] = {}
        for one in spans:
            if one.strong and self.row(one.row).asks and (one.start, one.end) in outer:
                rows.setdefault((one.start, one.end), set())
        for one in spans:
            if one.strong and (one.start, one.end) in rows:
                rows[one.start, one.end].add(one.row)
        return rows

    @cached_property
    def wordings(self) -> list[Wording]:
        """The lexicon's Chinese and the glossary's, overlapping wordings too."""
        return self.reader.lexicon.wordings(self.chinese)

    @cached_property
    def segments(self) -> list[Wording]:
        """The Chinese as a row of wordings that do not overlap."""
        return segmented(self.chinese, self.wordings)

    @cached_property
    def answered(self) -> frozenset[int]:
        """The rows of which a wording is there, and not only as a part of a word that no English explains."""
        strange = [one for one in self.segments if any(strong for _, strong in one.rows) and not self.explains(one)]
        return frozenset(
            row
            for one in self.wordings
            if not any(
                s.start <= one.start and one.end <= s.end and one.end - one.start < s.end - s.start for s in strange
            )
            for row, _ in one.rows
        )

    def row(self, number: int) -> Row:
        """A row by its number."""
        return self.reader.lexicon.rows[number]

    def explains(self, one: Wording) -> bool:
        """Whether the English says what this wording says, at once or by its parts."""
        if not one.rows or any(row in self.said for row, _ in one.rows):
            return True
        parts = [w for w in self.wordings if one.start <= w.start and w.end <= one.end and w.rows
                 and w.end - w.start < one.end - one.start and any(row in self.said for row, _ in w.rows)]  # fmt: skip
        if self.chinese[one.end - 1] in "前后" and any(self.row(row).name == "times" for row, _ in one.rows):
            return False  # 餐后 is not what after and breakfast say apart
        covered = {at for part in parts for at in range(part.start, part.end)}
        if all(row >= self.reader.first_term for row, _ in one.rows):
            return bool(covered)
        return len(covered) >= one.end - one.start and len(parts) > 1
