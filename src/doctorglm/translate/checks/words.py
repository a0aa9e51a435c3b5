"""English words as the lexicon looks them up: by stem, by how they begin or end, phrase by phrase.

A pattern of the lexicon is a word (any of its usual endings), `hepat*` (begins so), `*scopy` (ends so) or `*` (any).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from doctorglm.translate.checks.texts import folded
from doctorglm.translate.spelling import canonical

_WORD = re.compile(r"[a-zà-ɏα-ωµμ0-9]+(?:'[a-z]+)?")
_BREAK = re.compile(r"[,;:!?()\n\"]|\.\s")
_IZE = re.compile(r"iz(?=ation|e|ing|$)")
_SHORTEST_PREFIX = 2
_SHORT = 4
"""Letters of a beginning that other words have, too; only usual endings may follow it: scan* is not scant."""
_ENDING = re.compile(
    r"(?:[bdgklmnprt]?(?:e?s|e?d|ing|ings|er|ers|y|ie[sdr]|ily|iness)|e|[aiu]?(?:tion|sion|ion|al|ally|l|c|cal|ble|bly)s?"
    r"|ic|ist|ists|ism|ous|ive|ment|ments|ness|ful|less|like|n|en|ens|ening|ened|ly|ity|age|ages|ant|ants|ancy|ance|ence|ia|ias"
    r"|ial|ual|ates?|ated|ating|ation|or|ors|our|ure|ures|ured|us|um|a|o|os|r|rs|th|work|time|wise|down|out|up|off|water|[a-z]{6,})?"
)


class Word(NamedTuple):
    """`text[start:end]`, in small letters and American spelling; `last` where nothing behind it belongs to it."""

    start: int
    end: int
    said: str
    last: bool = False


class Found(NamedTuple):
    """A phrase of the lexicon in a text: where, how many words, which row; `strong` where it is what the row means."""

    start: int
    end: int
    words: int
    row: int
    strong: bool


@dataclass(slots=True)
class _Node:
    then: dict[str, "_Node"] = field(default_factory=dict)
    rows: list[tuple[int, bool]] = field(default_factory=list)


class Phrases:
    """Phrases by row, to be found in texts in time that grows with their length."""

    def __init__(self) -> None:
        self._root = _Node()
        self._prefixes: set[str] = set()
        self._suffixes: set[str] = set()
        self._begun: dict[str, tuple[list[tuple[int, bool]], list[_Node]]] = {}
        self._keys: dict[str, tuple[str, ...]] = {}

    def add(self, phrase: str, row: int, strong: bool) -> None:
        """Adds a phrase of the lexicon; one without a word is left out."""
        node = self._root
        keys = [key for part in folded(phrase).split() for key in self._patterns(part)]
        if not keys:
            return
        for key in keys:
            node = node.then.setdefault(key, _Node())
        node.rows.append((row, strong))

    def _patterns(self, part: str) -> Iterator[str]:
        if part == "*":
            yield "*"
        elif part.startswith("*"):
            self._suffixes.add(part.strip("*"))
            yield f"*{part.strip('*')}"
        elif part.endswith("*"):
            *first, last = [word.said for word in words(part[:-1])] or [""]
            yield from (f"={stem(word)}" for word in first)
            if last:
                self._prefixes.add(last)
                yield f"{last}*"
        else:
            yield from (f"={stem(word.said)}" for word in words(part))

    def find(self, said: Sequence[Word]) -> list[Found]:
        """All phrases in these words, overlapping ones too."""
        found: list[Found] = []
        size = len(said)
        for first, word in enumerate(said):
            rows, nodes = self._begins(word.said)
            for row, strong in rows:
                found.append(Found(word.start, word.end, 1, row, strong))
            at = first
            while nodes and not said[at].last and at + 1 < size:
                at += 1
                keys, end = self._looked_up(said[at].said), said[at].end
                nodes = [node.then[key] for node in nodes for key in keys if key in node.then]
                found += [Found(word.start, end, at - first + 1, row, strong) for n in nodes for row, strong in n.rows]
        return found

    def _begins(self, word: str) -> tuple[list[tuple[int, bool]], list[_Node]]:
        """The rows that a word is, and the nodes of longer phrases that begin with it; kept, as words come again."""
        begun = self._begun.get(word)
        if begun is None:
            nodes = [self._root.then[key] for key in self._looked_up(word) if key in self._root.then]
            begun = [row for node in nodes for row in node.rows], [node for node in nodes if node.then]
            if len(self._begun) < 1 << 16:
                self._begun[word] = begun
        return begun

    def _looked_up(self, word: str) -> tuple[str, ...]:
        """The keys that a word is found under; kept, since the words of a language are few."""
        keys = self._keys.get(word)
        if keys is None:
            begins = [word[:n] for n in range(_SHORTEST_PREFIX, len(word) + 1) if word[:n] in self._prefixes]
            begins = [begin for begin in begins if len(begin) > _SHORT or _ENDING.fullmatch(word, len(begin))]
            ends = [end for end in self._suffixes if word.endswith((end, f"{end}s"))]
            keys = (f"={stem(word)}", *(f"{one}*" for one in begins), *(f"*{one}" for one in ends), "*")
            if len(self._keys) < 1 << 16:
                self._keys[word] = keys
        return keys


def words(text: str) -> list[Word]:
    """The words of a text, possessive endings left out."""
    plain = folded(text)
    spans = [match.span() for match in _WORD.finditer(plain)]
    ends = [*(start for start, _ in spans[1:]), len(plain)][: len(spans)]
    return [
        Word(
            start,
            then,
            _said(plain[start:then]),
            plain[then:end] != " " and _BREAK.search(plain, then, end) is not None,
        )
        for (start, then), end in zip(spans, ends, strict=True)
    ]


@lru_cache(1 << 16)
def _said(word: str) -> str:
    """The word in one spelling; what `canonical` makes -ize is -ise again, so that `exercis*` finds exercise."""
    return word if "n't" in word else _IZE.sub("is", canonical(word.replace("µ", "μ")))


@lru_cache(1 << 16)
def stem(word: str) -> str:
    """The word without its endings of number, tense and -y; what it makes need not be a word."""
    if len(word) > 4 and word.endswith("ies"):
        word = f"{word[:-3]}y"
    elif len(word) > 4 and re.search(r"(?:ss|ch|sh|x|z)es$", word):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not re.search(r"(?:ss|us|is)$", word):
        word = word[:-1]
    if len(word) > 5 and word.endswith("ing") and word != "evening":
        word = _with_e(_undoubled(word[:-3]), word)
    elif len(word) > 4 and word.endswith("ied"):
        word = f"{word[:-3]}y"
    elif len(word) > 4 and word.endswith("ed") and not word.endswith("eed"):
        word = _with_e(_undoubled(word[:-2]), word)
    if len(word) > 4 and word.endswith("e"):
        word = word[:-1]
    return f"{word[:-1]}i" if len(word) > 3 and word.endswith("y") else word


def _undoubled(word: str) -> str:
    return word[:-1] if re.search(r"([bdgmnprt])\1$", word) else word


def _with_e(stem_: str, word: str) -> str:
    """The stem of taking as that of take, which keeps its e; of sitting it is sit."""
    is_cut = word.startswith((f"{stem_}ing", f"{stem_}ed"))
    return f"{stem_}e" if is_cut and re.fullmatch(r"[^aeiou][aeiou][^aeiouwxy]", stem_) else stem_


def outermost(found: Iterable[Found]) -> set[tuple[int, int]]:
    """The spans that lie in no longer one."""
    longest: dict[int, int] = {}
    for one in found:
        if one.end > longest.get(one.start, -1):
            longest[one.start] = one.end
    kept, reached = set(), -1
    for start, end in sorted(longest.items()):
        if end > reached:
            kept.add((start, end))
            reached = end
    return kept
