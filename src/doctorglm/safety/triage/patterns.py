"""Patterns in patients' own words, found in one pass over the text and put together from their pieces.

`(胸口|心口)…(压|闷)`: alternatives, and a gap. `…` is at most 8 characters of Chinese (40 of English), `……` at most 24
(100), never over the end of a sentence, never over a word that negates. `{chest}` names a group of words. English words
stand between no other letters, unless a `*` says that they go on. Every pattern takes time linear in the text.
"""

import itertools
import re
import string
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from doctorglm.safety.search import Words

MOST_MENTIONS = 1000
"""Of one word, or one sign read from numbers, in one text: beyond, the first and the last half are read, so that time
stays linear."""
MOST_ALTERNATIVES = 4000
_TOKEN = re.compile(r"……|…|\(([^()]*)\)|\{(\w+)\}|([^(){}…]+)")
_GAPS = {"…": (8, 40), "……": (24, 100)}

_LETTERS = frozenset(string.ascii_letters)

_T = TypeVar("_T")
Part: TypeAlias = tuple[str, ...]
Hits: TypeAlias = dict[str, list[int]]
Span: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Pattern:
    """Parts that follow one another, and how far apart they may stand."""

    parts: tuple[Part, ...]
    gaps: tuple[int, ...]


def parsed(text: str, groups: Mapping[str, Part]) -> Pattern:
    """The pattern; raises ValueError that says what is wrong with it."""
    parts: list[Part] = []
    gaps: list[str] = []
    pieces: list[Part] = []
    at = 0
    for token in _TOKEN.finditer(text):
        if token.start() != at:
            break
        at = token.end()
        if token[0] in _GAPS:
            parts.append(_joined(pieces, text))
            gaps.append(token[0])
            pieces = []
        else:
            pieces.append(_alternatives(token, groups))
    if at != len(text):
        raise ValueError(f"`{text}` cannot be read from `{text[at:]}` on")
    parts.append(_joined(pieces, text))
    english = all(word.isascii() for part in parts for word in part)
    return Pattern(tuple(parts), tuple(_GAPS[gap][english] for gap in gaps))


def _alternatives(token: re.Match[str], groups: Mapping[str, Part]) -> Part:
    if token[2]:
        if token[2] not in groups:
            raise ValueError(f"there is no group of words `{token[2]}`")
        return groups[token[2]]
    return tuple((token[1] if token[1] is not None else token[3]).split("|"))


def _joined(pieces: list[Part], text: str) -> Part:
    words = tuple(dict.fromkeys("".join(word).strip().lower() for word in itertools.product(*pieces)))
    if not pieces or "" in words:
        raise ValueError(f"`{text}` has an empty part")
    if len(words) > MOST_ALTERNATIVES:
        raise ValueError(f"`{text}` has {len(words)} alternatives in one part, more than {MOST_ALTERNATIVES}")
    return words


class PatternWords:
    """Finds all words of all patterns in one pass."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = sorted(set(words))
        self._bare = [word.rstrip("*") for word in self.words]
        self._open = [word.endswith("*") for word in self.words]
        self._latin = [bare[0].isascii() and bare[0].isalnum() for bare in self._bare]
        self._seen = Words(self._bare)

    def hits(self, text: str) -> Hits:
        """Where each word begins; words that do not occur are absent."""
        found: Hits = defaultdict(list)
        for index, start, end in self._seen.places(text):
            if self._latin[index] and not _alone(text, start, end, self._open[index]):
                continue
            found[self.words[index]].append(start)
        return {word: bounded(starts) for word, starts in found.items()}


def bounded(found: list[_T]) -> list[_T]:
    """The first and the last half of `MOST_MENTIONS` where there are more."""
    half = MOST_MENTIONS // 2
    return found if len(found) <= MOST_MENTIONS else found[:half] + found[-half:]


def without_inert(hits: Hits, spans: list[Span]) -> Hits:
    """The hits without those that are a part of an inert word only."""
    covered = {place: span for span in spans for place in range(*span)}
    kept = {}
    for word, found in hits.items():
        if covered.keys().isdisjoint(found):
            kept[word] = found
        elif outside := [at for at in found if not (at in covered and _inside(at, word, covered[at]))]:
            kept[word] = outside
    return kept


def _inside(at: int, word: str, span: Span) -> bool:
    length = len(word.rstrip("*"))
    return at + length <= span[1] and length < span[1] - span[0]


def _alone(text: str, start: int, end: int, goes_on: bool) -> bool:
    return text[start - 1 : start] not in _LETTERS and (goes_on or text[end : end + 1] not in _LETTERS)


def complete(pattern: Pattern, hits: Hits) -> bool:
    """Whether each part behind the first has a word in the text."""
    return not any(hits.keys().isdisjoint(part) for part in pattern.parts[1:])


def places(pattern: Pattern, hits: Hits, barriers: list[int]) -> Iterator[Span]:
    """Where the pattern stands; `barriers` are places in order that no gap may hold."""
    chains = _spans(pattern.parts[0], hits)
    for part, gap in zip(pattern.parts[1:], pattern.gaps, strict=True):
        following = _spans(part, hits)
        starts = [start for start, _ in following]
        longer = []
        for start, end in chains:
            at = bisect_left(starts, end)
            if at < len(starts) and starts[at] - end <= gap and not _between(barriers, end, starts[at]):
                longer.append((start, following[at][1]))
        chains = longer
    yield from chains


def _spans(part: Part, hits: Hits) -> list[Span]:
    found = []
    for word in filter(hits.__contains__, part):
        length = len(word.rstrip("*"))
        found += [(start, start + length) for start in hits[word]]
    return sorted(found)


def _between(barriers: list[int], start: int, end: int) -> bool:
    at = bisect_left(barriers, start)
    return at < len(barriers) and barriers[at] < end
