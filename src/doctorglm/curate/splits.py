"""Clusters to splits: a fixed order by hash, cut at the shares, within each source.

The order depends on the seed and the cluster's name alone, so data that is added moves only what lies at a cut.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from doctorglm.conversation import Conversation


def assign(conversations: Sequence[Conversation], shares: Mapping[str, float], seed: int) -> list[str]:
    """The split of each conversation, by its `meta["cluster"]`; no cluster is in two splits.

    A source's shares are met to within half of its largest cluster.
    """
    sizes = Counter(str(c.meta["cluster"]) for c in conversations)
    sources = {c.id: c.source for c in conversations}
    strata = defaultdict(list)
    for cluster in sizes:
        strata[sources[cluster]].append(cluster)
    chosen: dict[str, str] = {}
    for members in strata.values():
        members.sort(key=lambda cluster: _order(seed, cluster))
        chosen |= _cut(members, sizes, shares)
    return [chosen[str(c.meta["cluster"])] for c in conversations]


def _cut(members: Sequence[str], sizes: Mapping[str, int], shares: Mapping[str, float]) -> dict[str, str]:
    """Each cluster goes where its middle falls on the line from 0 to all records."""
    total = sum(sizes[cluster] for cluster in members)
    chosen, before = {}, 0
    for cluster in members:
        middle = (before + sizes[cluster] / 2) / total
        chosen[cluster] = _at(middle, shares)
        before += sizes[cluster]
    return chosen


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
