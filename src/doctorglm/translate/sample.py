"""Which conversations of a source the teacher translates: those that cover its terms, and are like it in the rest.

The value of a set is the share of the glossary's terms that it covers, a term's k-th mention worth 1 / (k (k + 1)), so
that a term's worth is never more than 1; the same of the source's words, for the terms that no glossary knows; and how
far lengths and departments are as the source has them. All are monotone and submodular, so that the greedy choice
reaches (1 - 1/e) of the best set of a size (Nemhauser, Wolsey, Fisher 1978, https://doi.org/10.1007/BF01588971). It is
evaluated lazily (Minoux 1978, https://doi.org/10.1007/BFb0006528). Within a budget the better of two greedy choices
counts, by gain and by gain per cost: (1 - 1/e) / 2 of the best where the budget alone is the limit (Leskovec et al.
2007, CELF, https://doi.org/10.1145/1281192.1281239; Krause and Golovin 2014). Saturating coverage: Lin and Bilmes 2011,
https://aclanthology.org/P11-1052.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass as settings_dataclass

from doctorglm.settings import STRICT

LENGTHS = 20
"""Strata of length: twentieths of the source by characters. Within one the longer are chosen, for they hold more."""
By = Literal["all", "gain", "gain_per_cost"]


@settings_dataclass(frozen=True, kw_only=True, config=STRICT)
class SampleSettings:
    """How a sample is chosen."""

    sample_seed: Annotated[int, Field(ge=0)] = 0
    """Decides between conversations that are worth the same."""
    sample_words: Annotated[float, Field(ge=0)] = 2.0
    """What all words of the source are worth, beside all terms; with 0, terms that the glossary lacks are met less
    often than at random, with more, terms that it has. Set by halves of the own list that were withheld."""
    sample_balance: Annotated[float, Field(ge=0)] = 4.0
    """What lengths and departments like the source's are worth, beside all terms; below, long ones prevail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the choice knows of each conversation, in the order of the source."""

    terms: Sequence[tuple[int, ...]]
    """The numbers of the terms in it, each once."""
    words: Sequence[tuple[int, ...]]
    """The numbers of the words in it, each once."""
    chars: Sequence[int]
    departments: Sequence[str]
    costs: Sequence[float]
    """In the unit of the budget, from 0."""
    originals: Sequence[int]
    """The number of the conversation that it is a near duplicate of; its own where it is none."""

    def __len__(self) -> int:
        return len(self.terms)


@dataclass(frozen=True, slots=True)
class Choice:
    """The numbers of the conversations in order, which of the greedy choices it was, and the set's value."""

    numbers: tuple[int, ...]
    by: By
    value: float


class Value:
    """The value of a set that grows. A near duplicate of what is in it gains nothing."""

    def __init__(self, source: Source, size: float, settings: SampleSettings) -> None:
        """`size`: how many conversations the set shall have; strata have their share of it."""
        self._originals = source.originals
        self._taken = set[int]()
        self._terms, self._words = Mentions(source.terms, 1.0), Mentions(source.words, settings.sample_words)
        self._strata, shares = strata(source)
        self._room = [share * size for share in shares]
        self._of_strata = settings.sample_balance / (2 * size)

    def gain(self, number: int) -> float:
        """What the conversation would add."""
        original = self._originals[number]
        if original in self._taken:
            return 0.0
        length, department = self._strata[original]
        room = min(1.0, max(0.0, self._room[length])) + min(1.0, max(0.0, self._room[department]))
        return self._terms.gain(original) + self._words.gain(original) + self._of_strata * room

    def add(self, number: int) -> None:
        """Takes the conversation into the set."""
        original = self._originals[number]
        if original in self._taken:
            return
        self._taken.add(original)
        self._terms.add(original)
        self._words.add(original)
        for stratum in self._strata[original]:
            self._room[stratum] -= 1


class Mentions:
    """What one more mention of each term is worth to a set that grows; all terms, mentioned for ever, `whole`."""

    def __init__(self, terms: Sequence[tuple[int, ...]], whole: float) -> None:
        known = {term for some in terms for term in some}
        self._terms = terms
        self._all = whole / len(known) if known else 0.0
        self._next = dict.fromkeys(known, 1)
        self._worth = [self._all / 2] * (1 + max(known, default=-1))

    def gain(self, number: int) -> float:
        """What the conversation's terms are worth."""
        return sum(map(self._worth.__getitem__, self._terms[number]))

    def add(self, number: int) -> None:
        """Each of the conversation's terms is mentioned once more."""
        for term in self._terms[number]:
            k = self._next[term] = self._next[term] + 1
            self._worth[term] = self._all / (k * (k + 1))


def choose(
    source: Source, number: int, budget: float | None = None, settings: SampleSettings | None = None
) -> Choice:  # fmt: skip
    """At most `number` conversations whose costs together are within `budget`.

    Without a budget exactly `number`, or all where the source has no more. The same arguments give the same choice.
    """
    chosen = settings or SampleSettings()
    if number >= len(source) and (budget is None or sum(source.costs) <= budget):
        return Choice(tuple(range(len(source))), "all", float("nan"))
    mean = sum(source.costs) / len(source)
    affordable = float("inf") if budget is None or not mean else max(1.0, budget / mean)
    size = min(number, len(source), affordable)
    value = Value(source, size, chosen)
    gains = [value.gain(i) for i in range(len(source))]
    rank = np.random.default_rng(chosen.sample_seed).permutation(len(source)).tolist()
    ways: tuple[By, ...] = ("gain",) if budget is None else ("gain_per_cost", "gain")
    room = float("inf") if budget is None else budget
    found = (_greedy(source, Value(source, size, chosen), gains, rank, number, room, by) for by in ways)
    return max(found, key=lambda one: one.value)


def _greedy(
    source: Source, value: Value, gains: Sequence[float], rank: Sequence[int], number: int, room: float, by: By
) -> Choice:
    """What gains most, again and again, from nothing, for which `gains` are; of equals the original before its copies.

    A gain only shrinks while the set grows, so that an old one is a bound: what is best by its new gain and the others'
    old ones is best.
    """

    def key(i: int, gain: float) -> tuple[float, bool, int, int]:
        worth = gain if by == "gain" else gain / max(source.costs[i], 1e-12)
        return -worth, source.originals[i] != i, rank[i], i

    waiting = [key(i, gain) for i, gain in enumerate(gains)]
    heapq.heapify(waiting)
    numbers, total = list[int](), 0.0
    while waiting and len(numbers) < number:
        i = heapq.heappop(waiting)[-1]
        if source.costs[i] > room:
            continue
        gain = value.gain(i)
        now = key(i, gain)
        if waiting and now > waiting[0]:
            heapq.heappush(waiting, now)
            continue
        value.add(i)
        numbers.append(i)
        total, room = total + gain, room - source.costs[i]
    return Choice(tuple(sorted(numbers)), by, total)


def strata(source: Source) -> tuple[list[tuple[int, int]], list[float]]:
    """The two strata of each conversation, its length's and its department's, and the share of the source of each."""
    lengths = length_strata(source.chars)
    names = {name: LENGTHS + n for n, name in enumerate(sorted(set(source.departments)))}
    of = [(int(length), names[name]) for length, name in zip(lengths, source.departments, strict=True)]
    counts = [0] * (LENGTHS + len(names))
    for both in of:
        for stratum in both:
            counts[stratum] += 1
    return of, [count / len(source) for count in counts]


def length_strata(chars: Sequence[int]) -> NDArray[np.int64]:
    """The stratum of each length, from 0: its twentieth of the source."""
    edges = np.quantile(np.asarray(chars), np.arange(1, LENGTHS) / LENGTHS)
    return np.searchsorted(edges, np.asarray(chars), side="left")


def at_random(source: Source, cost: float, seed: int) -> tuple[int, ...]:
    """A random sample that costs `cost` or, by its last conversation, a little more; the numbers in order."""
    spent, numbers = 0.0, list[int]()
    for i in _shuffled(len(source), seed):
        if spent >= cost:
            break
        spent += source.costs[i]
        numbers.append(i)
    return tuple(sorted(numbers))


def _shuffled(number: int, seed: int) -> Iterator[int]:
    yield from np.random.default_rng(seed).permutation(number).tolist()
