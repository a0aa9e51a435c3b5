"""Clusters to splits: a fixed order by hash, cut at the shares, within each source or each department of a source.

The order depends on the seed and the cluster's name alone, so data that is added moves only what lies at a cut. With
departments there are many strata and more cuts; a stratum of one cluster would always fall on the middle of the line,
so that each stratum's line begins at a place of its own, drawn by the hash of its name: small strata meet the shares
together, though none can alone, and nothing is carried from one stratum to the next, which would move them all.
"""

import hashlib
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from doctorglm.curate.departments import canonical


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster by its name, with the number of its records, and source and department of the one it is named after."""

    name: str
    size: int
    source: str = ""
    department: str = ""


def assign(
    clusters: Iterable[Cluster], shares: Mapping[str, float], seed: int, *, by_department: bool = False
) -> list[str]:
    """The split of each cluster.

    A source's shares are met to within half of its largest cluster; `by_department`, those of each department of it to
    within its largest cluster. Of a cluster its hash, size and stratum are kept, so that there may be millions.
    """
    strata: dict[tuple[str, str], int] = {}
    orders, sizes, stratum_of = bytearray(), array("q"), array("q")
    for cluster in clusters:
        stratum = (cluster.source, canonical(cluster.department) if by_department else "")
        stratum_of.append(strata.setdefault(stratum, len(strata)))
        orders += _order(seed, cluster.name)
        sizes.append(cluster.size)
    names, chosen = list(shares), [""] * len(sizes)
    members, size_of = _sorted(orders, np.array(stratum_of)), np.array(sizes)
    ends = np.cumsum(np.bincount(stratum_of, minlength=len(strata)))[:-1]
    for stratum, line in zip(strata, np.split(members, ends), strict=True):
        start = _start(seed, stratum) if by_department else 0.0
        for number, split in zip(line.tolist(), _cut(size_of[line], shares, start).tolist(), strict=True):
            chosen[number] = names[split]
    return chosen


def _sorted(orders: bytearray, stratum_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """The clusters by stratum, then by hash."""
    words = np.frombuffer(orders, ">u8").reshape(-1, 4)
    return np.lexsort((*words.T[::-1], stratum_of))


def _cut(sizes: NDArray[np.int64], shares: Mapping[str, float], start: float) -> NDArray[np.int64]:
    """Each cluster goes where its middle falls on the line from 0 to all records, entered at `start` and closed."""
    before = np.cumsum(sizes) - sizes
    positions = (start + (before + sizes / 2) / sizes.sum()) % 1
    uppers = np.cumsum(list(shares.values()))
    found: NDArray[np.int64] = np.minimum(np.searchsorted(uppers, positions, side="right"), len(uppers) - 1)
    return found


def _start(seed: int, stratum: tuple[str, str]) -> float:
    return int.from_bytes(_order(seed, "\0".join(stratum))[:8]) / 2**64


def _order(seed: int, cluster: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{cluster}".encode()).digest()


def ids_sha256(ids: NDArray[np.bytes_]) -> str:
    """The sha256 of the sorted record ids, one a line: what is committed to show that a split has not changed."""
    digest, ids = hashlib.sha256(), np.sort(ids)
    for at in range(0, len(ids), _IDS):
        digest.update(b"".join(b"%b\n" % identifier for identifier in ids[at : at + _IDS].tolist()))
    return digest.hexdigest()


_IDS = 1 << 16
