"""Clusters to splits: a fixed order by hash, cut at the shares, within each source or each department of a source.

The order depends on the seed and the cluster's name alone, so data that is added moves only what lies at a cut. With
departments there are many strata and more cuts; a stratum of one cluster would always fall on the middle of the line,
so that each stratum's line begins at a place of its own, drawn by the hash of its name: small strata meet the shares
together, though none can alone, and nothing is carried from one stratum to the next, which would move them all.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from doctorglm.conversation import Conversation
from doctorglm.curate.departments import canonical


def assign(
    conversations: Sequence[Conversation], shares: Mapping[str, float], seed: int, *, by_department: bool = False
) -> list[str]:
    """The split of each conversation, by its `meta["cluster"]`; no cluster is in two splits.

    A source's shares are met to within half of its largest cluster; `by_department`, those of each department of it to
    within its largest cluster. A cluster is of the source and department of the record that it is named after.
    """
    sizes = Counter(str(c.meta["cluster"]) for c in conversations)
    stratum_of = {c.id: (c.source, canonical(c.department) if by_department else "") for c in conversations}
    strata = defaultdict(list)
    for cluster in sizes:
        strata[stratum_of[cluster]].append(cluster)
    chosen: dict[str, str] = {}
    for name, members in strata.items():
        members.sort(key=lambda cluster: _order(seed, cluster))
        start = _start(seed, name) if by_department else 0.0
        chosen |= _cut(members, sizes, shares, start)
    return [chosen[str(c.meta["cluster"])] for c in conversations]


def _cut(members: Sequence[str], sizes: Mapping[str, int], shares: Mapping[str, float], start: float) -> dict[str, str]:
    """Each cluster goes where its middle falls on the line from 0 to all records, entered at `start` and closed."""
    total = sum(sizes[cluster] for cluster in members)
    chosen, before = {}, 0
    for cluster in members:
        middle = (before + sizes[cluster] / 2) / total
        chosen[cluster] = _at((start + middle) % 1, shares)
        before += sizes[cluster]
    return chosen


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


def ids_sha256(conversations: Sequence[Conversation]) -> str:
    """The sha256 of the sorted record ids, one a line: what is committed to show that a split has not changed."""
    return hashlib.sha256("".join(f"{i}\n" for i in sorted(c.id for c in conversations)).encode()).hexdigest()
