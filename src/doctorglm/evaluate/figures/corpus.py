"""Figures of a whole set of answers that are no means: from the sums of each answer's counts, with interval and test.

BLEU of a set is a function of summed counts, as are chrF and any share of things that the answers hold. A resample of
answers is a row of sums, so the bootstrap and the exchange of two systems are those of `statistics`, with more columns.

Sources: Koehn 2004, https://aclanthology.org/W04-3250 (paired bootstrap for BLEU); Riezler and Maxwell 2005,
https://aclanthology.org/W05-0908 (approximate randomisation, the sign-flip test here).
Shapes: I items, K counts of an item.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from doctorglm.errors import DataError
from doctorglm.evaluate.statistics import (
    RESAMPLES,
    Difference,
    Floats,
    Interval,
    Transform,
    _bca,
    _no_items,
    _sign_flip_p,
    _unpaired,
)

Rows = Sequence[Sequence[float]] | Floats


@dataclass(frozen=True)
class Corpus:
    """A metric of a set of items: `figure`, vectorised, of the sums (..., K) of what `sums` counts in each item."""

    suite: str
    better: Literal["lower", "higher", "neither"]
    sums: Callable[[Any], Sequence[float]]
    figure: Transform


def share_of(sums: Floats) -> Floats:
    """The first of two sums by the second, (..., 2) to (...); 0 where nothing was counted, as in a few small resamples.

    Leave a metric out where nothing is counted in all items together.
    """
    counted: Floats = sums[..., 1]
    return np.where(counted > 0, sums[..., 0] / np.where(counted > 0, counted, 1), 0.0)


def corpus_value(rows_IK: Rows, figure: Transform) -> float:
    """The figure of all items together; raises DataError for none, or for counts that are not finite."""
    return float(figure(_table(rows_IK).sum(axis=0)))


def corpus_interval(rows_IK: Rows, figure: Transform, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """The figure of all items together with its BCa bootstrap interval over items; raises as `corpus_value`."""
    table_IK = _table(rows_IK)
    low, high = _bca(table_IK, figure, resamples, seed)
    return Interval(float(figure(table_IK.sum(axis=0))), low, high, len(table_IK))


def corpus_difference(
    ours_IK: Rows, theirs_IK: Rows, figure: Transform, *, resamples: int = RESAMPLES, seed: int = 0
) -> Difference:
    """The figure of `ours` less that of `theirs` on the same items: BCa interval over items, sign-flip p.

    Raises as `corpus_value`, and for other numbers of items or counts.
    """
    ours, theirs = _table(ours_IK), _table(theirs_IK)
    if len(ours) != len(theirs):
        raise _unpaired(len(ours), len(theirs))
    if ours.shape != theirs.shape:
        raise _uneven(ours.shape[1], theirs.shape[1])
    half = ours.shape[1]

    def difference(sums: Floats) -> Floats:
        return figure(sums[..., :half]) - figure(sums[..., half:])

    table_IK = np.hstack([ours, theirs])
    low, high = _bca(table_IK, difference, resamples, seed)
    p = _sign_flip_p(table_IK, difference, resamples, seed)
    return Difference(float(difference(table_IK.sum(axis=0))), low, high, p, len(table_IK))


def _table(rows_IK: Rows) -> Floats:
    if not len(rows_IK):
        raise _no_items()
    widths = sorted({len(row) for row in rows_IK})
    if len(widths) > 1:
        raise _uneven(widths[0], widths[-1])
    table_IK = np.asarray(rows_IK, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(table_IK).all(axis=1))
    if len(bad):
        raise DataError(
            en=f"item {bad[0]} has counts {table_IK[bad[0]].tolist()}: they must be finite ({len(bad)} such items). "
            "Evaluate again.",
            zh=f"第 {bad[0]} 项的计数为 {table_IK[bad[0]].tolist()}：须为有限数（共 {len(bad)} 项）。请重新评测。",
        )
    return table_IK


def _uneven(first: int, second: int) -> DataError:
    return DataError(
        en=f"{first} counts of one item against {second} of another: they are of different metrics. Evaluate again.",
        zh=f"条目的计数个数不同（{first} 与 {second}）：它们不属于同一指标。请重新评测。",
    )
