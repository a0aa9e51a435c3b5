"""Clusters to splits: a fixed order by hash, cut at the shares, within each source.

The order depends on the seed and the cluster's name alone, so data that is added moves only what lies at a cut.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster by its name, with the number of its records, and what it is stratified by."""

    name: str
    size: int
    stratum: str = ""


def assign(clusters: Sequence[Cluster], shares: Mapping[str, float], seed: int) -> list[str]:
    """The split of each cluster.

    A stratum's shares are met to within half of its largest cluster.
    """
    strata: dict[str, list[int]] = defaultdict(list)
    for number, cluster in enumerate(clusters):
        strata[cluster.stratum].append(number)
    chosen = [""] * len(clusters)
    for members in strata.values():
        members.sort(key=lambda number: _order(seed, clusters[number].name))
        for number, name in zip(members, _cut([clusters[n].size for n in members], shares), strict=True):
            chosen[number] = name
    return chosen


def _cut(sizes: Sequence[int], shares: Mapping[str, float]) -> Iterable[str]:
    """Each cluster goes where its middle falls on the line from 0 to all records."""
    total, before = sum(sizes), 0
    for size in sizes:
        yield _at((before + size / 2) / total, shares)
        before += size


def _at(position: float, shares: Mapping[str, float]) -> str:
    upper = 0.0
    for name, share in shares.items():
        upper += share
        if position < upper:
            return name
    return list(shares)[-1]


def _order(seed: int, cluster: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{cluster}".encode()).digest()


def ids_sha256(ids: Iterable[str]) -> str:
    """The sha256 of the sorted record ids, one a line: what is committed to show that a split has not changed."""
    return hashlib.sha256("".join(f"{i}\n" for i in sorted(ids)).encode()).hexdigest()
