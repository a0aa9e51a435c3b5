"""The lexicon: every word of the lists with what it says, found longest first in one pass over a text.

A word is a term (type, norm), a cue (kind) or one to pass over. `精神…差` is a word with a gap: its head stands in the
text, and its tail within eight characters, on this side of a mark. English words stand between no other letters.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Literal, TypeAlias

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms.words import entries, words

Type: TypeAlias = Literal["symptom", "disease", "drug", "test", "procedure"]

LISTS: dict[str, Type] = {
    "symptoms": "symptom",
    "diseases": "disease",
    "drugs": "drug",
    "tests": "test",
    "procedures": "procedure",
}

GAP = 8
"""Characters that may stand in the gap of a word."""

_DENYING = frozenset("没无未")
_MARKS = frozenset("，。；！？、,.;!?\n：:")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a word says: of a term its type and norm, of a cue its kind; `over` where the word says that it is past."""

    type: Type | None
    norm: str = ""
    cue: str = ""
    over: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """All that a word says: the terms that it is, and the kinds of cues."""

    terms: tuple[Entry, ...] = ()
    cues: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.terms or self.cues)

    def also(self, entry: Entry) -> "Word":
        """The word with one thing more to say."""
        if entry.type:
            return Word((*self.terms, entry), self.cues) if entry not in self.terms else self
        return Word(self.terms, self.cues | {entry.cue})


@dataclass(slots=True)
class Item:
    """A word of the lexicon in a text, `text[start:end]`: its terms and cues, and where its gap is."""

    start: int
    end: int
    terms: tuple[Entry, ...]
    cues: frozenset[str]
    gap: tuple[int, int] | None = None


@dataclass(slots=True)
class Lexicon:
    """What each word says, how words begin, and how long those are that begin so."""

    said: dict[str, Word] = field(default_factory=dict)
    pairs: set[str] = field(default_factory=set)
    """The first two characters of the words that have two and more."""
    lengths: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Lengths of three and more, the longest first, by the first three characters."""
    tails: dict[str, list[tuple[str, Entry]]] = field(default_factory=dict)

    def add(self, word: str, entry: Entry) -> None:
        """Takes up a word, or a word with a gap."""
        head, gap, tail = folded(word).partition("…")
        if gap:
            self.tails.setdefault(head, []).append((tail, entry))
            self.said.setdefault(head, Word())
        else:
            self.said[head] = self.said.get(head, Word()).also(entry)

    def close(self) -> "Lexicon":
        """The lexicon with its index made; call it once, after the last word."""
        lengths: dict[str, set[int]] = {}
        for word in self.said:
            if len(word) > 1:
                self.pairs.add(word[:2])
            if len(word) > 2:
                lengths.setdefault(word[:3], set()).add(len(word))
        self.lengths = {key: tuple(sorted(some, reverse=True)) for key, some in lengths.items()}
        return self

    def items(self, text: str) -> list[Item]:
        """The words in a folded text, from left to right, the longest at each place."""
        found: list[Item] = []
        pairs, said = self.pairs, self.said
        at, end = 0, len(text)
        while at < end:
            if text[at : at + 2] in pairs or text[at] in said:
                at = self._take(text, at, found)
            else:
                at += 1
        return _without_tails(found) if any(item.gap for item in found) else found

    def _take(self, text: str, at: int, found: list[Item]) -> int:
        """Adds what stands here; returns where to go on."""
        said, tails = self.said, self.tails
        for length in (*self.lengths.get(text[at : at + 3], ()), 2, 1):
            word = text[at : at + length]
            own = said.get(word)
            if own is None or len(word) < length:
                continue
            if (word[0] <= "z" or word[-1] <= "z") and not _stands_alone(text, at, at + length):
                continue
            with_gap = self._over_gap(text, at, at + length) if word in tails else None
            if with_gap:
                found.append(with_gap)
            if own.terms or own.cues:
                stop = self._before_longer_term(text, at, at + length) if own.terms else at + length
                if stop < at + length:
                    own = said[text[at:stop]]
                found.append(Item(at, stop, own.terms, own.cues))
                return stop
            if with_gap:
                return at + length
        return at + 1  # nothing, or the head of a gap that does not close

    def _before_longer_term(self, text: str, at: int, stop: int) -> int:
        """没有精神萎靡 is 没有 and 精神萎靡, not 没有精神: where a denial and a longer term stand, the denial's end."""
        if text[at] not in _DENYING:
            return stop
        for cut in range(at + 1, min(at + 3, stop)):
            denial = self.said.get(text[at:cut])
            if denial and "deny" in denial.cues:
                for length in (*self.lengths.get(text[cut : cut + 3], ()), 2):
                    longer = self.said.get(text[cut : cut + length])
                    if cut + length > stop and longer and longer.terms:
                        return cut
        return stop

    def _over_gap(self, text: str, at: int, stop: int) -> Item | None:
        """The nearest tail of the word, with which it is a term."""
        best: Item | None = None
        for tail, entry in self.tails.get(text[at:stop], ()):
            where = text.find(tail, stop, stop + GAP + len(tail))
            is_nearer = where >= 0 and (best is None or where + len(tail) < best.end)
            if is_nearer and _MARKS.isdisjoint(text[stop:where]):
                best = Item(at, where + len(tail), (entry,), frozenset(), (stop, where))
        return best


def _without_tails(items: list[Item]) -> list[Item]:
    """Without the words over which the tail of a word with a gap stands: 肚子有点疼 is no 疼 besides."""
    kept: list[Item] = []
    tail = (0, 0)
    for item in items:
        if item.gap is None and item.start < tail[1] and tail[0] < item.end:
            continue
        kept.append(item)
        if item.gap:
            tail = (item.gap[1], item.end)
    return kept


def _stands_alone(text: str, start: int, end: int) -> bool:
    """False for what begins or ends within an English word."""
    if "a" <= text[start] <= "z" and start and "a" <= text[start - 1] <= "z":
        return False
    return not ("a" <= text[end - 1] <= "z" and end < len(text) and "a" <= text[end] <= "z")


@cache
def lexicon() -> Lexicon:
    """All lists, read once."""
    made = Lexicon()
    for name, kind in LISTS.items():
        for norm, called in entries(name):
            for word in {norm: None} | dict.fromkeys(called):
                made.add(word, Entry(kind, norm))
    for norm, called in entries("resolved"):
        for word in called:
            made.add(word, Entry("symptom", norm, over=True))
    for kind_of_cue, called in entries("cues"):
        for word in called:
            made.add(word, Entry(None, cue=kind_of_cue))
    for word in words("ignored"):
        made.add(word, Entry(None, cue="ignored"))
    for name, kind in LISTS.items():
        if kind != "symptom":
            for word in words(f"thuocl_{name}"):
                if word not in made.said:
                    made.add(word, Entry(kind, word))
    return made.close()
