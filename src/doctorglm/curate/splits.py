"""Clusters to splits: a fixed order by hash, cut at the shares, within each source or each department of a source.

The order depends on the seed and the cluster's name alone, so data that is added moves only what lies at a cut. With
departments there are many strata and more cuts; a stratum of one cluster would always fall on the middle of the line,
so that each stratum's line begins at a place of its own, drawn by the hash of its name: small strata meet the shares
together, though none can alone, and nothing is carried from one stratum to the next, which would move them all.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from doctorglm.curate.departments import canonical


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster by its name, with the number of its records, and source and department of the one it is named after."""

    name: str
    size: int
    source: str = ""
    department: str = ""


def assign(
    clusters: Sequence[Cluster], shares: Mapping[str, float], seed: int, *, by_department: bool = False
) -> list[str]:
    """The split of each cluster.

    A source's shares are met to within half of its largest cluster; `by_department`, those of each department of it to
    within its largest cluster.
    """
    strata: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, cluster in enumerate(clusters):
        strata[cluster.source, canonical(cluster.department) if by_department else ""].append(number)
    chosen = [""] * len(clusters)
    for stratum, members in strata.items():
        start = _start(seed, stratum) if by_department else 0.0
        members.sort(key=lambda number: _order(seed, clusters[number].name))
        for number, name in zip(members, _cut([clusters[n].size for n in members], shares, start), strict=True):
            chosen[number] = name
    return chosen


def _cut(sizes: Sequence[int], shares: Mapping[str, float], start: float) -> Iterable[str]:
    """Each cluster goes where its middle falls on the line from 0 to all records, entered at `start` and closed."""
    total, before = sum(sizes), 0
    for size in sizes:
        yield _at((start + (before + size / 2) / total) % 1, shares)
        before += size


def _start(seed: int, stratum: tuple[str, str]) -> float:
    return int.from_bytes(_order(seed, "\0".join(stratum))[:8]) / 2**64


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
