"""Quick searches: of many words in one pass, and of a pattern where one of its first characters stands."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from ahocorasick_rs import AhoCorasick, MatchKind

_HALVES = re.compile("[\ud800-\udfff]")
"""Halves of characters, which no word holds and the automaton refuses."""


_DENSE = 6
"""Where more than one character of so many is a first one, the whole text is searched: that is quicker then."""


class Words:
    """Finds words in one pass (Aho-Corasick)."""

    def __init__(self, words: Iterable[str], *, longest: bool = False) -> None:
        self._words = tuple(words)
        self._longest = longest
        kind = MatchKind.LeftmostLongest if longest else MatchKind.Standard
        self._automaton = AhoCorasick(self._words, matchkind=kind)

    def places(self, text: str) -> list[tuple[int, int, int]]:
        """(number of the word, start, end); every word, or with `longest` the longest from left to right."""
        try:
            return self._automaton.find_matches_as_indexes(text, overlapping=not self._longest)
        except UnicodeEncodeError:
            return self.places(_HALVES.sub("\ufffd", text))


class Anchored:
    """A pattern that is tried where one of its first characters stands, and at the beginning of the text.

    `firsts` are as within the brackets of a regular expression, and all that there are: no other match is found.
    """

    def __init__(self, firsts: str, pattern: str) -> None:
        self.pattern = re.compile(pattern)
        self._firsts = re.compile(f"[{firsts}]")

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """The matches, as those of the pattern."""
        most = len(text) // _DENSE
        places = [first.start() for first in islice(self._firsts.finditer(text), most + 1)]
        if len(places) > most:
            yield from self.pattern.finditer(text)
            return
        reached = 0
        match = self.pattern.match
        for at in (0, *places):
            if at >= reached and (found := match(text, at)):
                yield found
                reached = found.end()

    def search(self, text: str) -> re.Match[str] | None:
        """The first match."""
        return next(self.finditer(text), None)
