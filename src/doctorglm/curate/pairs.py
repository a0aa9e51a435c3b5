"""Pairs of similar texts among millions: MinHash proposes, a sketch estimates, exact Jaccard similarity decides.

Broder 1997; banding as in Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3; the estimate from the
low bits of the hashes as in Li and König, b-Bit Minwise Hashing, arXiv 0910.3349: one bit of each hash rules out most
pairs, eight bits of 128 most of the rest. Bands lie on disk where they are many; only one of them, and a bit of each
hash and 128 bytes a text for the estimates, are in memory.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from doctorglm.curate.spill import Spill
from doctorglm.curate.trigrams import hashes

Shingles: TypeAlias = frozenset[str]
Numbers: TypeAlias = NDArray[np.int64]
Wanted: TypeAlias = Callable[[Numbers, Numbers], NDArray[np.bool_]]
"""(i, j) -> which of the pairs are of interest; asked again before each batch of exact comparisons."""

_SKETCH = 128
_MARGIN = 0.17
"""Four standard deviations of an estimate from 128 hashes."""
_NEIGHBOURS = 64
"""In a bucket with more texts each is compared with so many that follow it: else its pairs grow with the square."""
_BLOCK = 1 << 14
"""Texts whose bits are looked at together: they stay in a core's cache."""
_BATCH = 1024
_REMEMBERED = 500_000
_HELD = 2_000_000
"""Pairs of which the largest similarity is looked for among the likeliest."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How pairs are proposed: `rows` hashes to a band."""

    rows: int
    bands: int
    seed: int = 1

    @property
    def hashes(self) -> int:
        """Hashes a text."""
        return self.rows * self.bands


@dataclass(frozen=True, slots=True)
class Signed:
    """Some texts' bands, uint32 (bands, texts), sketches, uint8 (texts, 128), and a bit of each hash, uint64."""

    bands: NDArray[np.uint32]
    sketches: NDArray[np.uint8]
    bits: NDArray[np.uint64]


def sign(texts: Sequence[str], plan: Plan) -> Signed:
    """The bands and sketches of texts by their trigrams (curate/trigrams.py)."""
    if not texts:
        least = np.empty((0, plan.hashes), np.uint32)
        return Signed(np.empty((plan.bands, 0), np.uint32), least[:, :_SKETCH].astype(np.uint8), _bits(least))
    signed = RMinHash.digest_matrix_from_flat_token_hashes(*hashes(texts), plan.hashes, plan.seed)
    least = np.array(signed.to_rows(), dtype=np.uint32)
    mixed = np.zeros((len(texts), plan.bands), np.uint64)
    rows = least.reshape(len(texts), plan.bands, plan.rows).astype(np.uint64)
    for row in range(plan.rows):
        mixed = (mixed ^ rows[:, :, row]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    bands = np.ascontiguousarray((mixed >> np.uint64(32)).astype(np.uint32).T)
    return Signed(bands, least[:, :_SKETCH].astype(np.uint8), _bits(least))


def _bits(hashes: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """The lowest bit of each hash, 64 to a word, the last filled up with zeros."""
    packed = np.packbits((hashes & 1).astype(np.uint8), axis=1)
    return np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8))).view(np.uint64)


class Index:
    """Signed texts, among which similar pairs are looked for; text `i` is the i-th of all blocks."""

    def __init__(self, plan: Plan, blocks: Iterable[Signed] = (), spill: Path | None = None) -> None:
        self._bands, self._sketched, self._bits = Spill(spill), Spill(spill), Spill(spill)
        self._blocks: list[tuple[int, int]] = []
        self._plan, self._width, self._words = plan, _SKETCH, 1
        for block in blocks:
            self.add(block)

    def add(self, block: Signed) -> None:
        """Takes in texts behind those of before."""
        self._width, self._words = block.sketches.shape[1], block.bits.shape[1]
        self._blocks.append((self._bands.write(block.bands), block.bands.shape[1]))
        self._sketched.write(block.sketches)
        self._bits.write(block.bits)

    def _band(self, number: int) -> NDArray[np.uint32]:
        parts = [self._bands.read(at + 4 * number * count, 4 * count) for at, count in self._blocks]
        return np.frombuffer(b"".join(parts), np.uint32)

    def candidates(
        self, at_least: float, wanted: Wanted, among: Numbers | None
    ) -> Iterator[tuple[Numbers, Numbers, NDArray[np.float32]]]:
        """(i, j, estimate) with i < j, in batches, of the wanted pairs in a common bucket that look similar enough."""
        if not self._blocks:
            return
        sketches = self._sketched.mapped().reshape(-1, self._width)
        bits = self._bits.mapped().view(np.uint64).reshape(-1, self._words)
        differing = _differing(self._plan.hashes, at_least)
        for band in range(self._plan.bands):
            order, ordered = _sorted(self._band(band), among)
            for at in range(0, len(order), _BLOCK):
                part = slice(at, at + _BLOCK + _NEIGHBOURS)
                i, j = _near(bits.take(order[part], axis=0), ordered[part], differing)
                yield from _alike(sketches, order[part][i], order[part][j], at_least, wanted)
            self._sketched.forget()
            self._bits.forget()

    def similar(
        self,
        at_least: float,
        shingled: Callable[[int], Shingles],
        wanted: Wanted | None = None,
        among: Numbers | None = None,
    ) -> Iterator[tuple[int, int, float]]:
        """(i, j, exact Jaccard similarity) with i < j of the pairs that reach it, each once; `among` these texts."""
        wanted = wanted or _all
        asked: set[tuple[int, int]] = set()
        for i, j, _ in self.candidates(at_least, wanted, among):
            for at in range(0, len(i), _BATCH):
                a, b = i[at : at + _BATCH], j[at : at + _BATCH]
                still = wanted(a, b)
                for one, other in zip(a[still].tolist(), b[still].tolist(), strict=True):
                    if (one, other) in asked:
                        continue
                    if len(asked) >= _REMEMBERED:
                        asked.clear()
                    asked.add((one, other))
                    similarity = jaccard(shingled(one), shingled(other))
                    if similarity >= at_least:
                        yield one, other, similarity

    def largest(
        self, at_least: float, shingled: Callable[[int], Shingles], wanted: Wanted, among: Numbers | None = None
    ) -> float:
        """The largest similarity of a wanted pair, if any reaches `at_least`.

        Else that of the pairs that looked as if they could, 0 when none did. The likeliest pairs are read first and
        each once, so that few are: what looks less similar than the largest by more than an estimate errs cannot be it.
        """
        largest = 0.0
        for one, other, estimate in _likeliest(self.candidates(at_least, wanted, among)):
            if estimate < largest - _MARGIN:
                break
            largest = max(largest, jaccard(shingled(one), shingled(other)))
        return largest


def _likeliest(batches: Iterable[tuple[Numbers, Numbers, NDArray[np.float32]]]) -> Iterator[tuple[int, int, float]]:
    """The pairs of all batches, each once, by falling estimate; of very many the likeliest."""
    held = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    more: list[tuple[Numbers, Numbers, NDArray[np.float32]]] = []
    count = 0
    for batch in batches:
        more.append(batch)
        count += len(batch[0])
        if count >= _HELD:
            held, more, count = _best([held, *more]), [], 0
    i, j, estimates = _best([held, *more])
    yield from zip(i.tolist(), j.tolist(), estimates.tolist(), strict=True)


def _best(
    batches: Sequence[tuple[Numbers, Numbers, NDArray[np.float32]]],
) -> tuple[Numbers, Numbers, NDArray[np.float32]]:
    """The likeliest pairs, each once; whatever is so unlikely that the likeliest rules it out goes."""
    i, j, estimates = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    possible = estimates >= estimates.max(initial=0) - 2 * _MARGIN
    i, j, estimates = i[possible], j[possible], estimates[possible]
    order = np.lexsort((j, i, -estimates))
    i, j, estimates = i[order], j[order], estimates[order]
    again = np.concatenate([[False], (i[1:] == i[:-1]) & (j[1:] == j[:-1])])[: len(i)]
    return i[~again][:_HELD], j[~again][:_HELD], estimates[~again][:_HELD]


def _sorted(hashes: NDArray[np.uint32], among: Numbers | None) -> tuple[Numbers, NDArray[np.uint32]]:
    """The texts by hash, equal ones in their order, and the hashes; one word to sort holds both, which is fast."""
    numbers = np.arange(len(hashes)) if among is None else among
    keys = (hashes[numbers].astype(np.uint64) << np.uint64(32)) | numbers.astype(np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.int64), (keys >> np.uint64(32)).astype(np.uint32)


def _differing(hashes: int, similarity: float) -> float:
    """So many bits differ at most, four standard deviations included, between texts of that Jaccard similarity."""
    return hashes * (1 - similarity) / 2 + 2 * math.sqrt(hashes * (1 - similarity**2))


def _near(bits: NDArray[np.uint64], ordered: NDArray[np.uint32], differing: float) -> tuple[Numbers, Numbers]:
    """Of texts in a band's order the pairs, by place, of one bucket that differ in no more bits."""
    words = np.ascontiguousarray(bits.T)
    found, starts = [(np.empty(0, np.int64),) * 2], np.arange(min(_BLOCK, len(ordered)))
    for step in range(1, _NEIGHBOURS + 1):
        starts = starts[starts < len(ordered) - step]
        starts = starts[ordered[starts] == ordered[starts + step]]
        if not len(starts):
            break
        counts = np.zeros(len(starts), np.uint16)
        for word in words:
            counts += np.bitwise_count(word[starts] ^ word[starts + step])
        close = starts[counts <= differing]
        found.append((close, close + step))
    i, j = zip(*found, strict=True)
    return np.concatenate(i), np.concatenate(j)


def _alike(
    sketches: NDArray[np.uint8], i: Numbers, j: Numbers, at_least: float, wanted: Wanted
) -> Iterator[tuple[Numbers, Numbers, NDArray[np.float32]]]:
    i, j = np.minimum(i, j), np.maximum(i, j)
    chosen = wanted(i, j)
    i, j = i[chosen], j[chosen]
    estimates = (_same(sketches.take(i, axis=0), sketches.take(j, axis=0)) - 1 / 256) / (1 - 1 / 256)
    chosen = estimates >= at_least - _MARGIN
    if chosen.any():
        yield i[chosen], j[chosen], estimates[chosen]


def _same(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of each row the share of equal bytes; up to 255 of them are counted in a byte, which is fast."""
    counts: NDArray[np.uint8] = (a == b).view(np.uint8).sum(axis=1, dtype=np.uint8)
    return counts.astype(np.float32) / np.float32(a.shape[1])


def _all(i: Numbers, _: Numbers) -> NDArray[np.bool_]:
    return np.ones(len(i), dtype=bool)


def jaccard(a: Shingles, b: Shingles) -> float:
    """Shared shingles over all shingles, 0 to 1."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)
