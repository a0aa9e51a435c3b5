"""Near duplicates in a source: conversations of which most runs of three words are the same.

MinHash by rensa, banded (Broder 1997, https://doi.org/10.1109/SEQUEN.1997.666900); the Jaccard similarity is estimated
from the signatures. Which pairs count is no verdict: a copy that is missed is a conversation that gains little.
"""

from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from doctorglm.conversation import Conversation

_HASHES = 64
_ROWS = 4
"""A pair at Jaccard 0.8 shares one of 16 bands of 4 rows with probability 0.9998."""
_ALIKE = 0.8
"""Estimated from 64 hashes, with a standard error of 0.05."""
_SEED = 1


class Signatures:
    """A signature of 256 bytes for each conversation."""

    def __init__(self) -> None:
        self._hashes = array("I")

    def add(self, one: Conversation) -> None:
        """The next conversation; what the system says counts for nothing."""
        said = " ".join(m.content for m in one.messages if m.role != "system").lower().split()
        made = RMinHash(_HASHES, _SEED)
        made.update([" ".join(said[i : i + 3]) for i in range(max(1, len(said) - 2))])
        self._hashes.extend(made.digest())

    def originals(self) -> list[int]:
        """For each conversation the number of the first of its near duplicates; its own where it has none."""
        hashes = np.frombuffer(self._hashes, np.uint32).reshape(-1, _HASHES)
        roots = list(range(len(hashes)))
        for first, others in _together(hashes):
            alike = (hashes[others] == hashes[first]).mean(axis=1) >= _ALIKE
            for other in others[alike].tolist():
                _join(roots, first, other)
        return [_root(roots, i) for i in range(len(roots))]


def _together(hashes: NDArray[np.uint32]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """(the first, the others) of those that share a band."""
    for start in range(0, _HASHES, _ROWS):
        band = np.ascontiguousarray(hashes[:, start : start + _ROWS]).view(np.dtype((np.void, 4 * _ROWS))).ravel()
        _, of = np.unique(band, return_inverse=True)
        order = np.argsort(of, kind="stable")
        for same in np.split(order, np.flatnonzero(np.diff(of[order])) + 1):
            if len(same) > 1:
                yield int(same[0]), same[1:]


def _join(roots: list[int], one: int, other: int) -> None:
    low, high = sorted((_root(roots, one), _root(roots, other)))
    roots[high] = low


def _root(roots: list[int], i: int) -> int:
    while roots[i] != i:
        roots[i] = roots[roots[i]]
        i = roots[i]
    return i
