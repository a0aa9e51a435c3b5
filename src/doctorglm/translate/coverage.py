"""What a sample covers of its source, and what random samples of the same cost would."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from doctorglm.translate.sample import Source, at_random, length_strata

OFTEN = 5
"""Mentions from which a term counts as one of `terms_often`."""
SEEDS = 20
"""Random samples beside the chosen one."""


def coverage(source: Source, numbers: Iterable[int]) -> dict[str, Any]:
    """Counts of a sample, its expected cost, and how far lengths and departments are from the source's.

    The cost is in the unit of `source.costs`. A mention is a term in a conversation, once. A distance is the share of
    the sample that would have to be in another stratum (total variation, 0 to 1): of twenty of
    length, or of the departments.
    """
    chosen = list(numbers)
    mentions = Counter(term for i in chosen for term in source.terms[i])
    lengths = length_strata(source.chars).tolist()
    return {
        "conversations": len(chosen),
        "terms": len(mentions),
        "terms_often": sum(1 for n in mentions.values() if n >= OFTEN),
        "mentions": mentions.total(),
        "chars": sum(source.chars[i] for i in chosen),
        "cost": sum(source.costs[i] for i in chosen),
        "length_distance": distance(lengths, [lengths[i] for i in chosen]),
        "department_distance": distance(source.departments, [source.departments[i] for i in chosen]),
    }


def random_coverage(source: Source, cost: float, seeds: int = SEEDS) -> dict[str, float]:
    """The means of `coverage` over random samples that cost at least as much."""
    found = [coverage(source, at_random(source, cost, seed)) for seed in range(seeds)]
    return {"seeds": seeds, **{name: sum(one[name] for one in found) / seeds for name in found[0]}}


def distance(source: Sequence[Any], sample: Sequence[Any]) -> float:
    """Half the sum of the differences between the shares of each value."""
    if not sample:
        return 1.0
    all_, some = Counter(source), Counter(sample)
    return sum(abs(n / len(source) - some[value] / len(sample)) for value, n in all_.items()) / 2
