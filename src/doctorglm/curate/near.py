"""Near-duplicates gathered into clusters, so that a split can keep copies of one text together.

Character trigrams are compared (curate/pairs.py), union-find joins. Questions, answers and whole conversations are
compared each with their like. A different number or a negation does not part two texts here: they are both kept, but
training on one and testing on the other would be a leak.
"""

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from doctorglm.curate.engines import Engine
from doctorglm.curate.pairs import Index, Numbers, Plan
from doctorglm.curate.store import Table
from doctorglm.curate.texts import Texts, View, indexed

_ROWS = 3
_BANDS = 84
"""A pair at Jaccard 0.4 shares one of 84 bands of 3 rows with probability 0.996, at 0.5 with 0.99999."""


class Comparison:
    """Records prepared for comparison; shorter questions and answers are compared only as a pair."""

    def __init__(self, table: Table, numbers: Numbers, min_compared_chars: int, engine: Engine, spill: Path) -> None:
        self._table, self._numbers, self._engine, self._spill = table, numbers, engine, spill
        asked = table.columns["question_chars"][numbers] >= min_compared_chars
        answered = table.columns["answer_chars"][numbers] >= min_compared_chars
        self._members: dict[View, Numbers] = {
            "whole": np.arange(len(numbers)),
            "question": np.flatnonzero(asked),
            "answer": np.flatnonzero(answered),
        }
        self._forest, self._rounds = Forest(len(numbers)), 0

    def clusters(self, threshold: float, rounds: int = 1) -> NDArray[np.int64]:
        """For each record the number of the one with the smallest id in its cluster, which order does not change.

        Each round proposes pairs with other hashes, so that what one misses another finds.
        """
        for seed in range(self._rounds + 1, rounds + 1):
            for members, texts, index in self._indexed(seed):
                self._join(members, texts, index, threshold)
        self._rounds = max(self._rounds, rounds)
        roots = self._forest.roots(np.arange(len(self._numbers)))
        rank = np.empty(len(self._table), np.int64)
        rank[self._table.order] = np.arange(len(rank))
        best = np.full(len(self._numbers), len(rank), np.int64)
        np.minimum.at(best, roots, rank[self._numbers])
        return self._table.order[best[roots]]

    def _join(self, members: Numbers, texts: Texts, index: Index, threshold: float) -> None:
        _, first, group = np.unique(texts.digests, return_index=True, return_inverse=True)
        again = np.flatnonzero(first[group] != np.arange(len(members)))
        for member, representative in zip(members[again].tolist(), members[first[group[again]]].tolist(), strict=True):
            self._forest.join(member, representative)

        def are_apart(i: Numbers, j: Numbers) -> NDArray[np.bool_]:
            return np.not_equal(self._forest.roots(members[i]), self._forest.roots(members[j]))

        for i, j, _ in index.similar(threshold, texts.shingles, are_apart, np.sort(first)):
            self._forest.join(int(members[i]), int(members[j]))

    def _indexed(self, seed: int) -> Iterator[tuple[Numbers, Texts, Index]]:
        """Each view's members and texts, and the index of these."""
        plan = Plan(_ROWS, _BANDS, seed)
        views = [Texts(self._table, self._numbers[members], view, plan) for view, members in self._members.items()]
        found = indexed(self._table, views, self._engine, self._spill)
        return zip(self._members.values(), views, found, strict=True)

    def largest_similarity(self, held_out: NDArray[np.bool_], at_least: float, rounds: int = 1) -> float:
        """The largest Jaccard similarity between a held-out record and another, of the pairs that MinHash proposes.

        Exact from `at_least` on; below, of those that looked as if they could reach it, 0 when none did. Uses neither
        the clusters nor the hashes of as many rounds of clustering, so that it can contradict them.
        """
        if held_out.all() or not held_out.any():
            return 0.0
        found = (
            _largest(texts, index, held_out[members], at_least) for members, texts, index in self._indexed(rounds + 1)
        )
        return max(found)


def _largest(texts: Texts, index: Index, held_out: NDArray[np.bool_], at_least: float) -> float:
    _, first, group = np.unique(texts.digests, return_index=True, return_inverse=True)
    if (held_out != held_out[first[group]]).any():
        return 1.0
    return index.largest(at_least, texts.shingles, lambda i, j: held_out[i] != held_out[j], np.sort(first))


class Forest:
    """Union-find over 0 to n - 1, with path halving."""

    def __init__(self, n: int) -> None:
        self._parents = array("q", range(n))
        self._view = np.frombuffer(self._parents, np.int64) if n else np.empty(0, np.int64)

    def root(self, i: int) -> int:
        """The number that stands for the set of `i`."""
        parents = self._parents
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    def roots(self, numbers: Numbers) -> Numbers:
        """The root of each."""
        found = self._view[numbers]
        while ((higher := self._view[found]) != found).any():
            found = higher
        return found

    def join(self, i: int, j: int) -> None:
        """Makes the sets of `i` and `j` one."""
        a, b = sorted((self.root(i), self.root(j)))
        self._parents[b] = a
