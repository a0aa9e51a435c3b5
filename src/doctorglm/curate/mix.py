"""Which conversations a limit keeps: departments even, the best of each first.

Balance by filling with water: every department gets the same cap, a smaller one keeps all it has, and the cap rises
until the limit is reached. Of equal quality the seeded hash of the id decides, so that neither the order of the records
nor that of the files counts. Millions of records are numbers here, no texts: 20 bytes each, and as
much again while the columns grow. Records without a department are balanced by their source, since corpora that
name none are no department.
"""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt


class Candidates:
    """Gathers what the choice needs of each conversation: its department, its quality, a hash of its id."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._departments: dict[str, int] = {}
        self._numbers: _Column = _Column("i4")
        self._totals: _Column = _Column("f8")
        self._order: _Column = _Column("u8")

    def add(self, identifier: str, source: str, department: str, total: float) -> None:
        """Notes the next conversation; its index is the number of those before it."""
        department = department or f"\0{source}"
        self._numbers.append(self._departments.setdefault(department, len(self._departments)))
        self._totals.append(total)
        self._order.append(tie(self._seed, identifier))

    def __len__(self) -> int:
        return len(self._totals)

    def chosen(self, limit: int) -> npt.NDArray[np.bool_]:
        """True for each of the `limit` that are kept; all when there are no more."""
        numbers, totals, order = self._numbers.array, self._totals.array, self._order.array
        sizes = np.bincount(numbers, minlength=len(self._departments))
        names = sorted(self._departments, key=lambda name: tie(self._seed, name))
        caps = np.zeros_like(sizes)
        ranks = [self._departments[name] for name in names]
        caps[ranks] = filled(sizes[ranks], limit)
        # by department, then the best first, then by hash
        by = np.lexsort((order, -totals, numbers))
        place = np.arange(len(by)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        keep = np.zeros(len(by), dtype=bool)
        keep[by] = place < np.repeat(caps, sizes)
        return keep


class _Column:
    """Numbers of one type, appended in amortised constant time."""

    def __init__(self, kind: str) -> None:
        self._values: npt.NDArray[Any] = np.empty(1024, dtype=kind)
        self._count = 0

    def append(self, value: float) -> None:
        if self._count == len(self._values):
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._values[self._count] = value
        self._count += 1

    def __len__(self) -> int:
        return self._count

    @property
    def array(self) -> npt.NDArray[Any]:
        return self._values[: self._count]


def filled(sizes: npt.NDArray[np.int64], limit: int) -> npt.NDArray[np.int64]:
    """How many of each are kept: all of the small ones, an equal cap of the large; they add up to `limit`, or to all.

    What does not divide evenly goes, one each, to the first of those that are cut.
    """
    kept = np.minimum(sizes, _cap(sizes, limit))
    cut = np.flatnonzero(sizes > kept)
    kept[cut[: max(0, min(limit, int(sizes.sum())) - int(kept.sum()))]] += 1
    return kept


def _cap(sizes: npt.NDArray[np.int64], limit: int) -> int:
    """The largest cap whose total does not exceed the limit."""
    low, high = 0, int(sizes.max(initial=0))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if int(np.minimum(sizes, middle).sum()) <= limit else (low, middle - 1)
    return low


def tie(seed: int, name: str) -> int:
    """A number of 64 bits that decides between equals, the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0limit\0{name}".encode()).digest()[:8])
