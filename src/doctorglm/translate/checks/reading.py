"""An English text and its Chinese, read once for all checks: words, terms and wordings, and what explains what."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from doctorglm.translate.checks.lexicon import HUSHED, Lexicon, Row, Wording, segmented
from doctorglm.translate.checks.patterns import words_of
from doctorglm.translate.checks.texts import plain
from doctorglm.translate.checks.words import Found, Word, outermost, stem, words
from doctorglm.translate.entry import Entry
from doctorglm.translate.terms import Mention, Terms

_SHORTEST = 6
"""Letters of a drug's name that is no other word."""
_ILLNESS = re.compile(r"(?:itis|osis|[ae]mia|oma|pathy|algia|paresis|plegia|penia|uria|ectomy|scopy|ography|plasty)s?$")
"""How names of illnesses and procedures end; `knows` is asked as well, so that Oklahoma is none."""
_TERMS = frozenset(("illness", "symptoms", "body", "drugs", "examinations", "things", "glossary", HUSHED))
"""Lists of terms."""
_PLAIN = frozenset(map(stem, words_of("plain_english")))
_LEAST = 3
"""Letters of an English word that may name a term."""
_NOUNS = frozenset(("body", "things", "persons"))
"""Lists of things: what has the ending of a verb is none of them, handed no hand."""
_NO_NAMES = frozenset(("body", "things", "symptoms", "examinations"))
"""Lists whose words are no part of a name: of the Milken Institute nobody drinks."""
_VERB = ("ed", "ing")
_KEPT = 16
"""Sentences and texts of either language that are kept for the next text; more would be looked through as garbage."""


class Reader:
    """The lexicon and a glossary, with which texts are read."""

    def __init__(self, rows: Sequence[Row], nothing: Sequence[str], glossary: Sequence[Entry]) -> None:
        self.terms = Terms(glossary)
        self.first_term = len(rows)
        terms = [Row("glossary", "term", (), term.chinese, True) for term in self.terms.terms]
        self.lexicon = Lexicon([*rows, *terms], nothing)
        self.hushed = frozenset(number for number, row in enumerate(rows) if row.name == HUSHED)
        self._inflected = frozenset(
            number for number, row in enumerate(rows) if row.name in _NOUNS and not _has_verb(row)
        )
        self._named = frozenset(number for number, row in enumerate(rows) if row.name in _NO_NAMES)
        self._numbers = {term.english: self.first_term + i for i, term in enumerate(self.terms.terms)}
        plain_names = [w for row in rows if row.name == "drugs" for w in row.english if w.islower() and w.isascii()]
        names = [w for w in plain_names if w[0] != "~" and " " not in w and len(w) >= _SHORTEST]
        self._generic = frozenset(names)
        self._generic_prefixes = tuple(w.rstrip("*") for w in names if w.endswith("*"))
        self._are_terms: dict[frozenset[int], bool] = {}
        self._english: dict[str, English] = {}
        self._chinese: dict[str, Chinese] = {}

    def read(self, english: str, chinese: str) -> "Reading":
        """Both texts, read; the Chinese is folded, without spaces beside Chinese characters."""
        return Reading(self, self.english(english), self.chinese(chinese))

    def english(self, text: str) -> "English":
        """The English, read."""
        found = self._english.get(text)
        if found is None:
            found = self._english[text] = English(self, text)
        return found

    def chinese(self, text: str) -> "Chinese":
        """The Chinese, read."""
        found = self._chinese.get(text)
        if found is None:
            found = self._chinese[text] = Chinese(self, plain(text))
        return found

    def forget(self) -> None:
        """Drops what was read of other texts, unless it is little; to be called between texts, not within one."""
        for known in (self._english, self._chinese):
            if len(known) > _KEPT:
                known.clear()

    def knows(self, word: str) -> bool:
        """Whether an English word, in small letters, has its Chinese in the lexicon or the glossary."""
        found = self.lexicon.phrases.find(words(word))
        return any(one.strong and self.lexicon.rows[one.row].asks for one in found) or bool(self.terms.find(word))

    def named(self, word: str) -> bool:
        """Whether an English word, in small letters, is the generic name of a drug, or an illness that is known."""
        if word.startswith(self._generic_prefixes) or word in self._generic:
            return True
        return _ILLNESS.search(word) is not None and self.knows(word)

    def strong(self, text: str, found: Sequence[Found]) -> list[Found]:
        """Phrases of the lexicon; weak where a noun was found in a verb's form or in a name: handed, Milken."""
        low = text.lower()
        return [
            one._replace(strong=False)
            if one.strong
            and (
                (one.row in self._inflected and low[one.start : one.end].endswith(_VERB))
                or (text[one.start].isupper() and one.row in self._named and _is_name(text, one.start, one.end))
            )
            else one
            for one in found
        ]

    def is_term(self, numbers: frozenset[int]) -> bool:
        """Whether some of these rows are terms, or withheld ones, and none is a common word."""
        known = self._are_terms.get(numbers)
        if known is None:
            names = {self.lexicon.rows[number].name for number in numbers}
            known = self._are_terms[numbers] = bool(names & _TERMS) and "common" not in names
        return known

    def row(self, mention: Mention) -> int:
        """The row of a term of the glossary."""
        return self._numbers[mention.term.english]


def _has_verb(row: Row) -> bool:
    """Whether a row names a form of a verb itself: bleeding, or all words that begin so."""
    return any(word.rstrip("*").endswith(_VERB) or word.endswith("*") for word in row.english if word[0] != "~")


def _is_name(text: str, start: int, end: int) -> bool:
    """Whether it has a capital and begins no sentence or line; CPAP is no name."""
    said = text[start:end]
    if not said[0].isupper() or said.isupper():
        return False
    return _BEGINS.search(text, max(0, start - 6), start) is None


_BEGINS = re.compile(r"(?:^|[.!?:;\n\"“‘(\-*•)]\s*|\d[.)]\s*)$")


@dataclass(frozen=True)
class English:
    """An English text: its words, what they are in the lexicon and the glossary."""

    reader: Reader
    text: str

    @cached_property
    def words(self) -> list[Word]:
        """The words."""
        return words(self.text)

    @cached_property
    def found(self) -> list[Found]:
        """The lexicon's phrases, overlapping ones too."""
        return self.reader.strong(self.text, self.reader.lexicon.phrases.find(self.words))

    @cached_property
    def mentions(self) -> list[Mention]:
        """The terms of the glossary."""
        return self.reader.terms.find(self.text)

    @cached_property
    def said(self) -> frozenset[int]:
        """The rows whose English is there, and those that are withheld."""
        rows = {one.row for one in self.found} | {self.reader.row(one) for one in self.mentions}
        return frozenset(rows) | self.reader.hushed

    @cached_property
    def asking(self) -> dict[tuple[int, int], set[int]]:
        """Of each place that must have its Chinese, and lies in no longer one, the rows that may answer it."""
        spans = [*self.found, *(Found(m.start, m.end, 1, self.reader.row(m), True) for m in self.mentions)]
        outer, rows = outermost(spans), self.reader.lexicon.rows
        strong = [one for one in spans if one.strong and one[:2] in outer]
        asking: dict[tuple[int, int], set[int]] = {one[:2]: set() for one in strong if rows[one.row].asks}
        for one in strong:
            if one[:2] in asking:
                asking[one[:2]].add(one.row)
        return asking

    @cached_property
    def unknown(self) -> list[str]:
        """The words of which neither the lexicon nor the glossary knows the Chinese; no names, numbers, plain words."""
        return [word.said for word in self._not_known if not _is_name(self.text, word.start, word.end)]

    @cached_property
    def brands(self) -> list[str]:
        """The same of words that have a capital, also where they begin a sentence."""
        return [word.said for word in self._not_known if self.text[word.start].isupper()]

    @cached_property
    def _not_known(self) -> list[Word]:
        known = [(one.start, one.end) for one in self.found] + [(one.start, one.end) for one in self.mentions]
        return [
            word
            for word in self.words
            if len(word.said) >= _LEAST
            and word.said.isalpha()
            and stem(word.said) not in _PLAIN
            and not any(start <= word.start < end for start, end in known)
        ]

    @cached_property
    def spaced(self) -> str:
        """The words in small letters, with a blank before and behind each."""
        return f" {' '.join(word.said for word in self.words)} "

    @cached_property
    def places(self) -> dict[int, list[tuple[int, int]]]:
        """By row, where its English stands: the lexicon's first, then the glossary's."""
        places: dict[int, list[tuple[int, int]]] = {}
        for one in self.found:
            places.setdefault(one.row, []).append(one[:2])
        for mention in self.mentions:
            places.setdefault(self.reader.row(mention), []).append((mention.start, mention.end))
        return places

    def covering(self, start: int, end: int) -> list[Mention]:
        """The term of the glossary, if any, that lies around a place; terms do not overlap."""
        at = bisect_right(self._mention_starts, start) - 1
        return [self.mentions[at]] if at >= 0 and self.mentions[at].end >= end else []

    @cached_property
    def _mention_starts(self) -> list[int]:
        return [one.start for one in self.mentions]


@dataclass(frozen=True)
class Chinese:
    """A plain Chinese text: its wordings, and its reading as a row of them."""

    reader: Reader
    text: str

    @cached_property
    def wordings(self) -> list[Wording]:
        """The lexicon's and the glossary's, overlapping ones too."""
        return self.reader.lexicon.wordings(self.text)

    @cached_property
    def segments(self) -> list[Wording]:
        """The text as wordings that do not overlap."""
        return segmented(self.text, self.wordings)

    @cached_property
    def rows(self) -> frozenset[int]:
        """The rows of its wordings."""
        return frozenset[int]().union(*(one.numbers for one in self.wordings))

    @cached_property
    def _starts(self) -> list[int]:
        return [one.start for one in self.wordings]

    def between(self, first: int, last: int) -> Iterator[Wording]:
        """The wordings that start from `first` to `last`."""
        return islice(self.wordings, bisect_left(self._starts, first), bisect_right(self._starts, last))

    def inside(self, one: Wording) -> list[Wording]:
        """The wordings that are a part of one, without itself."""
        return [w for w in self.between(one.start, one.end - 1) if w.end <= one.end and w[:2] != one[:2]]

    def around(self, one: Wording) -> list[Wording]:
        """The longer wordings that one is a part of."""
        first = one.end - self.reader.lexicon.longest
        return [w for w in self.between(first, one.start) if w.end >= one.end and w[:2] != one[:2]]


@dataclass(frozen=True)
class Reading:
    """Two texts; places in the Chinese are those of the plain one."""

    reader: Reader
    said: English
    there: Chinese
    _explained: dict[tuple[int, int], bool] = field(default_factory=dict)

    @property
    def english(self) -> str:
        """The English text."""
        return self.said.text

    @property
    def chinese(self) -> str:
        """The Chinese text, plain."""
        return self.there.text

    @cached_property
    def answered(self) -> frozenset[int]:
        """The rows of which a wording is there, and not only as a part of a word that no English explains."""
        parts = {
            part[:2]
            for one in self.there.segments
            if any(strong for _, strong in one.rows) and not self.explains(one)
            for part in self.there.inside(one)
        }
        return frozenset[int]().union(*(one.numbers for one in self.there.wordings if one[:2] not in parts))

    def row(self, number: int) -> Row:
        """A row by its number."""
        return self.reader.lexicon.rows[number]

    def explains(self, one: Wording) -> bool:
        """Whether the English says what this wording says, at once or by its parts."""
        if not one.rows or not one.numbers.isdisjoint(self.said.said):
            return True
        place = one[:2]
        if place not in self._explained:
            self._explained[place] = self._by_parts(one)
        return self._explained[place]

    def is_inside_said(self, one: Wording) -> bool:
        """Whether it is a part of a longer wording whose English is there: 瘤 of 动脉瘤, read as 主动脉 and 瘤."""
        return any(not other.numbers.isdisjoint(self.said.said) for other in self.there.around(one))

    def _by_parts(self, one: Wording) -> bool:
        """Whether it is made of others that the English says; 餐后 is not what after and breakfast say apart.

        每周 is not what every night and six weeks say.
        """
        is_time = any(self.row(row).name == "times" for row, _ in one.rows)
        if is_time and (self.chinese[one.end - 1] in "前后" or self.chinese[one.start] == "每"):
            return False
        parts = [part for part in self.there.inside(one) if not part.numbers.isdisjoint(self.said.said)]
        covered = {at for part in parts for at in range(part.start, part.end)}
        if all(row >= self.reader.first_term for row, _ in one.rows):
            return bool(covered)
        return len(covered) >= one.end - one.start and len(parts) > 1
