"""Pairs of similar texts among millions: MinHash proposes, a sketch estimates, exact Jaccard similarity decides.

Broder 1997; banding as in Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3; the estimate from the
low bits of the hashes as in Li and König, b-Bit Minwise Hashing, arXiv 0910.3349. Bands lie on disk where they are
many; only one of them, and 128 bytes a text for the estimate, are in memory.
"""

import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

Shingles: TypeAlias = frozenset[str]
Numbers: TypeAlias = NDArray[np.int64]
Wanted: TypeAlias = Callable[[Numbers, Numbers], NDArray[np.bool_]]
"""(i, j) -> which of the pairs are of interest; asked again before each batch of exact comparisons."""

_SKETCH = 128
_MARGIN = 0.17
"""Four standard deviations of an estimate from 128 hashes."""
_NEIGHBOURS = 64
"""In a bucket with more texts each is compared with so many that follow it: else its pairs grow with the square."""
_BATCH = 1024
_REMEMBERED = 500_000
_IN_MEMORY_BYTES = 64_000_000


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
    """Some texts' bands, uint32 (bands, texts), and sketches, uint8 (texts, 128)."""

    bands: NDArray[np.uint32]
    sketches: NDArray[np.uint8]


def sign(sets: list[Shingles], plan: Plan) -> Signed:
    """The bands and sketches of shingled texts."""
    if not sets:
        return Signed(np.empty((plan.bands, 0), np.uint32), np.empty((0, min(_SKETCH, plan.hashes)), np.uint8))
    hashes = np.array([h.digest() for h in RMinHash.from_token_sets(sets, plan.hashes, plan.seed)], dtype=np.uint32)
    mixed = np.zeros((len(sets), plan.bands), np.uint64)
    rows = hashes.reshape(len(sets), plan.bands, plan.rows).astype(np.uint64)
    for row in range(plan.rows):
        mixed = (mixed ^ rows[:, :, row]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return Signed(
        np.ascontiguousarray((mixed >> np.uint64(32)).astype(np.uint32).T), hashes[:, :_SKETCH].astype(np.uint8)
    )


class Index:
    """Signed texts, among which similar pairs are looked for; text `i` is the i-th of all blocks."""

    def __init__(self, blocks: Iterable[Signed], spill: Path | None = None) -> None:
        # deleted by the system even after a kill
        folder = None if spill is None else str(spill)
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=folder)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._blocks: list[tuple[int, int]] = []
        sketches = []
        at, self._bands = 0, 0
        for block in blocks:
            self._bands, count = block.bands.shape
            self._blocks.append((at, count))
            at += self._file.write(block.bands.tobytes())
            sketches.append(block.sketches)
        self._sketches = np.concatenate(sketches) if sketches else np.empty((0, _SKETCH), np.uint8)

    def _band(self, number: int) -> NDArray[np.uint32]:
        parts = []
        for at, count in self._blocks:
            self._file.seek(at + 4 * number * count)
            parts.append(np.frombuffer(self._file.read(4 * count), np.uint32))
        return np.concatenate(parts) if parts else np.empty(0, np.uint32)

    def candidates(
        self, at_least: float, wanted: Wanted, among: Numbers | None
    ) -> Iterator[tuple[Numbers, Numbers, NDArray[np.float32]]]:
        """(i, j, estimate) with i < j, in batches, of the wanted pairs in a common bucket that look similar enough."""
        for band in range(self._bands):
            hashes = self._band(band)
            order = np.argsort(hashes, kind="stable") if among is None else _sorted(hashes, among)
            ordered = hashes[order]
            starts = np.arange(len(order))
            for step in range(1, _NEIGHBOURS + 1):
                starts = starts[starts < len(order) - step]
                starts = starts[ordered[starts] == ordered[starts + step]]
                if not len(starts):
                    break
                for part in np.array_split(starts, len(starts) // (1 << 16) + 1):
                    yield from self._alike(order[part], order[part + step], at_least, wanted)

    def _alike(
        self, i: Numbers, j: Numbers, at_least: float, wanted: Wanted
    ) -> Iterator[tuple[Numbers, Numbers, NDArray[np.float32]]]:
        i, j = np.minimum(i, j), np.maximum(i, j)
        chosen = wanted(i, j)
        i, j = i[chosen], j[chosen]
        same = (self._sketches[i] == self._sketches[j]).mean(axis=1, dtype=np.float32)
        estimates = (same - 1 / 256) / (1 - 1 / 256)
        chosen = estimates >= at_least - _MARGIN
        if chosen.any():
            yield i[chosen], j[chosen], estimates[chosen]

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
        """The largest similarity of a wanted pair; 0 when none reaches `at_least`."""
        largest = 0.0
        for i, j, estimates in self.candidates(at_least, wanted, among):
            for at in np.argsort(-estimates):
                if estimates[at] < max(largest, at_least) - _MARGIN:
                    break
                similarity = jaccard(shingled(int(i[at])), shingled(int(j[at])))
                if similarity >= at_least:
                    largest = max(largest, similarity)
        return largest


def _sorted(hashes: NDArray[np.uint32], among: Numbers) -> Numbers:
    return among[np.argsort(hashes[among], kind="stable")]


def _all(i: Numbers, _: Numbers) -> NDArray[np.bool_]:
    return np.ones(len(i), dtype=bool)


def jaccard(a: Shingles, b: Shingles) -> float:
    """Shared shingles over all shingles, 0 to 1."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)
