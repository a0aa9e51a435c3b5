"""Terms of a glossary in an English text: inflected, in either spelling, with a hyphen or without, longest first.

A text is read word by word through a tree of the terms' words, in time that grows with its length. A word of two or
more capitals (ECG, HbA1c) is an abbreviation and counts as it stands; every other word in any case.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from doctorglm.translate.entry import Entry
from doctorglm.translate.spelling import canonical, numbers_of

_WORD = re.compile(r"[A-Za-z0-9À-ɏ]+(?:['’][A-Za-z]+)?['’]?")
_GAP = re.compile(r"[^\S\n]*\n?[^\S\n]*|\s?[-‐‑‒–]\s?\n?")
_CAPITALS = re.compile(r"[A-Z].*[A-Z]")
_OF = frozenset(("of", "in", "with", "to", "by", "from", "at", "on", "for", "due"))
"""What a noun stands before, and takes its plural: fractures of the hip."""
_PARTS_CHARS = (4, 3)
"""A term in one word is found in two (nose bleed) where these have so many letters; `a typical` is not atypical."""


@dataclass(frozen=True, slots=True)
class Term:
    """All rows of a glossary on one term: its English as the first row has it, and every rendering that is accepted."""

    english: str
    chinese: tuple[str, ...]
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mention:
    """`text[start:end]` is a form of this term."""

    start: int
    end: int
    term: Term


@dataclass(slots=True)
class _Node:
    then: dict[str, "_Node"] = field(default_factory=dict)
    term: Term | None = None


class Terms:
    """The terms of a glossary, to be found in texts."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.terms = _merged(entries)
        self._root = _Node()
        for forms in (_base, _forms):  # a term as it stands comes before what is only a form of another
            for term in self.terms:
                for words in forms(term.english):
                    self._add(words, term)

    def _add(self, words: Sequence[str], term: Term) -> None:
        node = self._root
        for word in words:
            node = node.then.setdefault(word, _Node())
        node.term = node.term or term

    def find(self, text: str) -> list[Mention]:
        """The mentions in order; of two that overlap the longer one, and of equal ones the first."""
        words = list(_WORD.finditer(text))
        keys = [_keys(match[0]) for match in words]
        first = self._root.then

        def joined(i: int) -> bool:
            return i + 1 < len(words) and _is_gap(text, words[i].end(), words[i + 1].start())

        found = [
            Mention(words[i].start(), _end(words[last]), term)
            for i in range(len(words))
            if any(key in first for key in keys[i])
            or (i + 1 < len(words) and _in_one(keys[i][-1], keys[i + 1][-1]) in first)
            for last, term in self._from(i, keys, joined)
        ]
        taken = bytearray(len(text))
        kept = []
        for one in sorted(found, key=lambda m: (m.start - m.end, m.start)):
            if not any(taken[one.start : one.end]):
                taken[one.start : one.end] = b"\1" * (one.end - one.start)
                kept.append(one)
        return sorted(kept, key=lambda m: m.start)

    def _from(
        self, first: int, keys: Sequence[tuple[str, ...]], joined: Callable[[int], bool]
    ) -> Iterator[tuple[int, Term]]:
        """(index of the last word, term) of each form that begins with this word."""
        nodes, at = [self._root], first
        while nodes:
            nodes = [node.then[key] for node in nodes for key in keys[at] if key in node.then]
            yield from ((at, node.term) for node in nodes if node.term is not None)
            if not joined(at):
                break
            at += 1
        both = self._root.then.get(_in_one(keys[first][-1], keys[first + 1][-1])) if joined(first) else None
        if both is not None and both.term is not None:
            yield first + 1, both.term


def _merged(entries: Iterable[Entry]) -> list[Term]:
    """One term for all rows whose words are the same, in the order of their first."""
    rows: dict[tuple[str, ...], list[Entry]] = {}
    for one in entries:
        (words,) = _base(one.english)
        if words:
            rows.setdefault(words, []).append(one)
    return [
        Term(
            same[0].english,
            tuple(dict.fromkeys(said for one in same for said in one.chinese)),
            tuple(dict.fromkeys(one.source for one in same if one.source)),
        )
        for same in rows.values()
    ]


def _base(english: str) -> list[tuple[str, ...]]:
    """The term as it stands, by words."""
    return [tuple(_keys(word)[0] for word in _words(english))]


def _forms(english: str) -> Iterator[tuple[str, ...]]:
    """All forms of a term, each by words: numbers of its nouns, a verb's endings, in one word."""
    words = _words(english)
    is_verb = len(words) > 1 and words[0].lower() == "to"
    words = words[1:] if is_verb else words
    heads = {len(words) - 1, *([i - 1 for i, word in enumerate(words) if word.lower() in _OF and i][:1])}
    choices = [_choices(word, is_verb and i == 0, not is_verb and i in heads) for i, word in enumerate(words)]
    for form in itertools.product(*choices):
        yield form
        if len(form) > 1:
            yield ("".join(part.lstrip("=").lower() for part in form),)


def _choices(word: str, is_verb: bool, is_noun: bool) -> list[str]:
    return _verb_forms(word) if is_verb else _noun_forms(word) if is_noun else [_keys(word)[0]]


def _noun_forms(word: str) -> list[str]:
    """The keys of a noun in both numbers; of an abbreviation with an s or without."""
    key = _keys(word)[0]
    if key.startswith("="):
        return [key, f"{key}s"]
    bare = re.sub(r"['’](?:s|S)?$", "", word)
    return sorted({key, *(canonical(form) for form in numbers_of(bare))})


def _verb_forms(word: str) -> list[str]:
    said = word.lower()
    stem = said[:-1] if said.endswith("e") else said
    past = f"{said[:-1]}ied" if re.search(r"[^aeiou]y$", said) else f"{stem}ed"
    third = f"{said[:-1]}ies" if re.search(r"[^aeiou]y$", said) else f"{said}s"
    return sorted({canonical(form) for form in (said, third, past, f"{stem}ing")})


def _words(text: str) -> list[str]:
    return [match[0] for match in _WORD.finditer(text)]


@lru_cache(1 << 16)
def _keys(word: str) -> tuple[str, ...]:
    """What a word is looked up by: an abbreviation as it stands, behind `=`, or as a word; any other as a word."""
    plain = re.sub(r"['’](?:s|S)?$", "", word)
    return (f"={plain}", canonical(word)) if _CAPITALS.search(plain) else (canonical(word),)


def _is_gap(text: str, start: int, end: int) -> bool:
    return end - start < 80 and _GAP.fullmatch(text, start, end) is not None


def _end(word: re.Match[str]) -> int:
    """Where a word ends, its possessive ending left out."""
    return word.start() + len(re.sub(r"['’](?:s|S)?$", "", word[0]))


def _in_one(first: str, second: str) -> str:
    return first + second if len(first) >= _PARTS_CHARS[0] and len(second) >= _PARTS_CHARS[1] else ""
