"""Which way verdicts lean, and how far two judges agree beyond chance.

Sources: Cohen 1960, doi 10.1177/001316446002000104; the large-sample error of Fleiss, Cohen and Everitt 1969,
doi 10.1037/h0028106.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from doctorglm.evaluate.statistics import Interval, normal_quantile, paired_share_difference, share_interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two judges on the same items."""

    share: Interval
    """Of items on which both say the same."""
    kappa: Interval | None
    """Cohen's, with its large-sample interval: no ends where it has no width; None where both always say one thing."""


def balance(ours: Sequence[bool], theirs: Sequence[bool]) -> Interval | None:
    """The share of `ours` against `theirs` over items of which each is one, the other or neither, which counts half.

    It is 0.5 + (ours - theirs) / 2n, with Newcombe's interval for the paired difference; None without items.
    """
    if not ours:
        return None
    found = paired_share_difference(ours, theirs)
    low, high = (0.5 + end / 2 if end is not None else None for end in (found.low, found.high))
    return Interval(0.5 + found.difference / 2, low, high, found.n)


def agreement(ours: Sequence[str], theirs: Sequence[str]) -> Agreement | None:
    """Share of agreement and Cohen's kappa of two judges' categories, item by item; None without items."""
    if not ours:
        return None
    same = share_interval([one == other for one, other in zip(ours, theirs, strict=True)])
    return Agreement(share=same, kappa=_kappa(ours, theirs))


def _kappa(ours: Sequence[str], theirs: Sequence[str]) -> Interval | None:
    n = len(ours)
    joint = {pair: count / n for pair, count in Counter(zip(ours, theirs, strict=True)).items()}
    categories = sorted({*ours, *theirs})
    first = {c: ours.count(c) / n for c in categories}
    second = {c: theirs.count(c) / n for c in categories}
    observed = sum(joint.get((c, c), 0.0) for c in categories)
    expected = sum(first[c] * second[c] for c in categories)
    if expected >= 1:
        return None
    kappa = (observed - expected) / (1 - expected)
    same = sum(p * (1 - (first[a] + second[b]) * (1 - kappa)) ** 2 for (a, b), p in joint.items() if a == b)
    other = sum(p * (second[a] + first[b]) ** 2 for (a, b), p in joint.items() if a != b)
    variance = same + (1 - kappa) ** 2 * other - (kappa - expected * (1 - kappa)) ** 2
    reach = normal_quantile() * math.sqrt(max(0.0, variance) / n) / (1 - expected)
    if reach < 1e-9:
        return Interval(kappa, None, None, n)
    return Interval(kappa, max(-1.0, kappa - reach), min(1.0, kappa + reach), n)
