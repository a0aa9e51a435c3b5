"""The lexicon: every word of the lists with what it says, found longest first in one pass over a text.

A word is a term (type, norm), a cue (kind) or one to pass over. `精神…差` is a word with a gap: its head stands in the
text, and its tail within eight characters, on this side of a mark. English words stand between no other letters.
"""

from collections.abc import Iterator
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

_MARKS = frozenset("，。；！？、,.;!?\n：:")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a word says: of a term its type and norm, of a cue its kind; `over` where the word itself says it is past."""

    type: Type | None
    norm: str = ""
    cue: str = ""
    over: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """A word of the lexicon in a text, `text[start:end]`, and where its gap is."""

    start: int
    end: int
    entries: tuple[Entry, ...]
    gap: tuple[int, int] | None = None

    def is_cue(self, kind: str) -> bool:
        """True when it is a cue of that kind."""
        return any(entry.cue == kind for entry in self.entries)

    @property
    def terms(self) -> tuple[Entry, ...]:
        """Its entries that are terms."""
        return tuple(entry for entry in self.entries if entry.type)


@dataclass(slots=True)
class Lexicon:
    """Words by their first two characters (or the only one), with their lengths, the longest first."""

    said: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    lengths: dict[str, tuple[int, ...]] = field(default_factory=dict)
    tails: dict[str, list[tuple[str, Entry]]] = field(default_factory=dict)

    def add(self, word: str, entry: Entry) -> None:
        """Takes up a word, or a word with a gap."""
        head, gap, tail = folded(word).partition("…")
        if gap:
            self.tails.setdefault(head, []).append((tail, entry))
            self.said.setdefault(head, ())
        elif entry not in self.said.get(head, ()):
            self.said[head] = (*self.said.get(head, ()), entry)

    def close(self) -> "Lexicon":
        """The lexicon with its index made; call it once, after the last word."""
        lengths: dict[str, set[int]] = {}
        for word in self.said:
            if len(word) > 1:
                lengths.setdefault(word[:2], set()).add(len(word))
        self.lengths = {key: tuple(sorted(some, reverse=True)) for key, some in lengths.items()}
        return self

    def at(self, text: str, start: int) -> Iterator[int]:
        """Yields the ends of the words that stand here, the longest first."""
        pair = text[start : start + 2]
        for length in self.lengths.get(pair, ()):
            end = start + length
            if end <= len(text) and text[start:end] in self.said and _stands_alone(text, start, end):
                yield end
        if pair[0] in self.said and _stands_alone(text, start, start + 1):
            yield start + 1

    def items(self, text: str) -> list[Item]:
        """The words in a folded text, from left to right, the longest at each place."""
        found: list[Item] = []
        at, end = 0, len(text)
        lengths, said = self.lengths, self.said
        while at < end:
            if text[at : at + 2] not in lengths and text[at] not in said:
                at += 1
                continue
            at = self._take(text, at, found)
        return found

    def _take(self, text: str, at: int, found: list[Item]) -> int:
        """Adds what stands here; returns where to go on."""
        for stop in self.at(text, at):
            word = text[at:stop]
            with_gap = self._over_gap(text, at, stop)
            if with_gap:
                found.append(with_gap)
            own = self.said[word]
            if not own and not with_gap:
                continue  # the head of a gap that does not close
            if own:
                stop = self._before_longer_term(text, at, stop, own)
                found.append(Item(at, stop, self.said[text[at:stop]]))
            return stop
        return at + 1

    def _before_longer_term(self, text: str, at: int, stop: int, own: tuple[Entry, ...]) -> int:
        """没有精神萎靡 is 没有 and 精神萎靡, not 没有精神: where a denial and a longer term stand, its end."""
        if not any(entry.type for entry in own):
            return stop
        for cut in range(at + 1, min(at + 3, stop)):
            denial = self.said.get(text[at:cut], ())
            if any(entry.cue == "deny" for entry in denial):
                after = next((e for e in self.at(text, cut) if any(t.type for t in self.said[text[cut:e]])), stop)
                if after > stop:
                    return cut
        return stop

    def _over_gap(self, text: str, at: int, stop: int) -> Item | None:
        """The nearest tail of the word, with which it is a term."""
        best: Item | None = None
        for tail, entry in self.tails.get(text[at:stop], ()):
            where = text.find(tail, stop, stop + GAP + len(tail))
            is_nearer = where >= 0 and (best is None or where + len(tail) < best.end)
            if is_nearer and _MARKS.isdisjoint(text[stop:where]):
                best = Item(at, where + len(tail), (entry,), (stop, where))
        return best


def _stands_alone(text: str, start: int, end: int) -> bool:
    """False for what begins or ends within an English word; a plural's s is none."""
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
