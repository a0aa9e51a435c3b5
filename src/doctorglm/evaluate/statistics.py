"""Intervals, paired differences and tests over the items of an evaluation.

Every mean here is a ratio of two sums over items (nats and tokens, or a score and the count), so a resample is a row of
counts, and all resamples are one matrix product. Shares of yes/no items have score intervals instead, which stay honest
when nothing was seen: 0 loops in 20 answers is not "0 %, certainly".

Sources: Efron 1987, doi 10.1080/01621459.1987.10478410 (BCa); Hesterberg 2015, doi 10.1080/00031305.2015.1089789
(levels widened for small n); Wilson 1927, doi 10.1080/01621459.1927.10502953; Newcombe 1998, Statistics in Medicine
17:2635 (paired shares, his method 10); McNemar 1947, doi 10.1007/BF02295996 (exact form).
Shapes: I items, R resamples, K columns to be summed.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from doctorglm.errors import DataError

CONFIDENCE = 0.95
"""Two-sided confidence of every interval."""

RESAMPLES = 10_000
"""Bootstrap resamples and random sign flips: the ends of an interval move by about 1 % of its width between seeds."""

_ROUNDING = 1e-9
"""As a share of the largest figure: what is nearer to another is equal to it in exact arithmetic."""

_CHUNK = 1 << 20
"""Counts held at a time (8 MB), so that memory does not grow with items x resamples."""

Floats: TypeAlias = npt.NDArray[np.float64]
Numbers: TypeAlias = Sequence[float] | Floats
Transform: TypeAlias = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval over `n` items; `low` and `high` are None where n < 2 says nothing."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A paired difference with its 95 % interval and two-sided p over `n` items; no interval where n < 2."""

    difference: float
    low: float | None
    high: float | None
    p: float
    n: int


def bootstrap_interval(
    values: Numbers,
    weights: Numbers | None = None,
    *,
    transform: Transform | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """sum(values) / sum(weights) with its BCa bootstrap interval over items; the mean where no weights are given.

    `transform` (monotone, vectorised; `np.exp` for perplexity) is applied to the ratio. Raises DataError for no
    items, values that are not finite, unequal lengths, or weights that are not positive.
    """
    columns_IK = _columns(values, weights)
    figure = _ratio(transform)
    low, high = _bca(columns_IK, figure, resamples, seed)
    return Interval(float(figure(columns_IK.sum(axis=0))), low, high, len(columns_IK))


def paired_difference(
    ours: Numbers,
    theirs: Numbers,
    weights: Numbers | None = None,
    *,
    transform: Transform | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """The ratio of sums for `ours` less that for `theirs`, item by item on the same items with the same weights.

    The interval is BCa over resampled items; p is that of the sign-flip test, which exchanges the two systems item by
    item: exact where 2^n <= resamples, else by random flips and never 0. Raises as `bootstrap_interval`.
    """
    ours_IK, theirs_IK = paired_columns(ours, theirs, weights)
    ratio = _ratio(transform)

    def figure(sums: Floats) -> Floats:
        return ratio(sums[..., :2]) - ratio(sums[..., 2:])

    columns_IK = np.hstack([ours_IK, theirs_IK])
    low, high = _bca(columns_IK, figure, resamples, seed)
    p = _sign_flip_p(columns_IK, figure, resamples, seed)
    return Difference(float(figure(columns_IK.sum(axis=0))), low, high, p, len(columns_IK))


def share_interval(flags: Sequence[bool]) -> Interval:
    """The share of True with its Wilson score interval; raises DataError for no items."""
    n, count = len(flags), sum(map(bool, flags))
    if not n:
        raise _no_items()
    low, high = _wilson(count, n)
    return Interval(count / n, low, high, n)


def paired_share_difference(ours: Sequence[bool], theirs: Sequence[bool]) -> Difference:
    """The share of True in `ours` less that in `theirs`, on the same items: Newcombe's interval, exact McNemar p.

    Raises DataError for no items or unequal lengths.
    """
    p = mcnemar_exact(ours, theirs)
    both, only_ours, only_theirs, neither = paired_table(ours, theirs)
    n = len(ours)
    first, second = (both + only_ours) / n, (both + only_theirs) / n
    low_first, high_first = _wilson(both + only_ours, n)
    low_second, high_second = _wilson(both + only_theirs, n)
    phi = _correlation(both, only_ours, only_theirs, neither)
    below = _square_and_add(first - low_first, high_second - second, phi)
    above = _square_and_add(high_first - first, second - low_second, phi)
    return Difference(first - second, first - second - below, first - second + above, p, n)


def mcnemar_exact(ours: Sequence[bool], theirs: Sequence[bool]) -> float:
    """Two-sided p of the exact McNemar test: the binomial test on the items where the two differ; 1.0 without any."""
    _, only_ours, only_theirs, _ = paired_table(ours, theirs)
    differing = only_ours + only_theirs
    return min(1.0, 2 * float(special.bdtr(min(only_ours, only_theirs), differing, 0.5)))


def standard_error(low: float, high: float) -> float:
    """The standard error that a 95 % interval of this width would have under the normal law."""
    return (high - low) / (2 * normal_quantile())


def normal_quantile() -> float:
    """The standard normal quantile of the two-sided confidence: 1.96."""
    return float(special.ndtri((1 + CONFIDENCE) / 2))


def paired_table(ours: Sequence[bool], theirs: Sequence[bool]) -> tuple[int, int, int, int]:
    """Items that are True in both, in ours alone, in theirs alone, in neither; raises as `paired_share_difference`."""
    if len(ours) != len(theirs):
        raise _unpaired(len(ours), len(theirs))
    if not len(ours):
        raise _no_items()
    first_I, second_I = np.asarray(ours, dtype=bool), np.asarray(theirs, dtype=bool)
    cells = (first_I & second_I, first_I & ~second_I, ~first_I & second_I, ~first_I & ~second_I)
    both, only_ours, only_theirs, neither = (int(np.count_nonzero(cell)) for cell in cells)
    return both, only_ours, only_theirs, neither


def paired_columns(ours: Numbers, theirs: Numbers, weights: Numbers | None) -> tuple[Floats, Floats]:
    """Each system's values beside the weights, (I, 2); raises DataError as `paired_difference`."""
    ours_IK, theirs_IK = _columns(ours, weights), _columns(theirs, weights)
    if len(ours_IK) != len(theirs_IK):
        raise _unpaired(len(ours_IK), len(theirs_IK))
    return ours_IK, theirs_IK


def _columns(values: Numbers, weights: Numbers | None) -> Floats:
    value_I = np.asarray(values, dtype=np.float64)
    weight_I = np.ones_like(value_I) if weights is None else np.asarray(weights, dtype=np.float64)
    if not len(value_I):
        raise _no_items()
    if len(value_I) != len(weight_I):
        raise _unpaired(len(value_I), len(weight_I))
    bad = np.flatnonzero(~np.isfinite(value_I) | ~np.isfinite(weight_I) | (weight_I <= 0))
    if len(bad):
        first = bad[0]
        raise DataError(
            en=f"item {first} has value {value_I[first]} and weight {weight_I[first]}: values must be finite, weights "
            f"positive ({len(bad)} such items). Evaluate again.",
            zh=f"第 {first} 项的值为 {value_I[first]}、权重为 {weight_I[first]}：值须为有限数，权重须为正"
            f"（共 {len(bad)} 项）。请重新评测。",
        )
    return np.column_stack([value_I, weight_I])


def _ratio(transform: Transform | None) -> Transform:
    def figure(sums: Floats) -> Floats:
        ratio: Floats = sums[..., 0] / sums[..., 1]
        return ratio if transform is None else transform(ratio)

    return figure


def _bca(columns_IK: Floats, figure: Transform, resamples: int, seed: int) -> tuple[float | None, float | None]:
    """Bias-corrected and accelerated bootstrap interval of `figure(sums of columns)`; none for a single item."""
    n = len(columns_IK)
    if n < 2:
        return None, None
    total_K = columns_IK.sum(axis=0)
    estimate = figure(total_K)
    sums = [counts_RI @ columns_IK for counts_RI in _resampled_counts(n, resamples, seed)]
    figure_R = figure(np.concatenate(sums))
    rounding = _ROUNDING * float(np.abs(figure_R).max())
    figure_R[np.abs(figure_R) <= rounding] = 0.0  # an end there reaches 0, whichever processor adds the numbers
    # a tie counts half, and no share is 0 or 1, whose quantile would be infinite
    below = (np.mean(figure_R < estimate - rounding) + np.mean(figure_R <= estimate + rounding)) / 2
    bias = float(special.ndtri(np.clip(below, 1 / resamples, 1 - 1 / resamples)))
    return _quantiles(figure_R, bias, _acceleration(figure(total_K - columns_IK)), n)


def _acceleration(left_out_I: Floats) -> float:
    centred_I = left_out_I.mean() - left_out_I
    scale = float((centred_I**2).sum()) ** 1.5
    return float((centred_I**3).sum()) / (6 * scale) if scale > 0 else 0.0


def _quantiles(figure_R: Floats, bias: float, acceleration: float, n: int) -> tuple[float, float]:
    # resampling n items underestimates the spread by sqrt((n-1)/n), and knows nothing of t's tails
    reach = math.sqrt(n / (n - 1)) * float(special.stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    # acceleration x shift stays below 1: |acceleration| < 1/6, and the long reaches of n = 2 or 3 meet one near 0
    shifts = (bias - reach, bias + reach)
    levels = [float(special.ndtr(bias + shift / (1 - acceleration * shift))) for shift in shifts]
    low, high = np.quantile(figure_R, levels)
    return float(low), float(high)


def _resampled_counts(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each of n items is drawn in each resample, in pieces of shape (some of R, I)."""
    rng = np.random.default_rng(seed)
    for rows in _pieces(n, resamples):
        drawn = rng.integers(0, n, size=(rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def _sign_flip_p(columns_IK: Floats, figure: Transform, resamples: int, seed: int) -> float:
    n, half = len(columns_IK), columns_IK.shape[1] // 2
    centre = (columns_IK[:, :half] + columns_IK[:, half:]).sum(axis=0) / 2
    swing_IK = (columns_IK[:, :half] - columns_IK[:, half:]) / 2
    observed = abs(float(figure(columns_IK.sum(axis=0))))
    exact = 2**n <= resamples
    extreme = total = 0
    for signs_RI in _all_signs(n) if exact else _random_signs(n, resamples, seed):
        shift_RK = signs_RI @ swing_IK
        flipped_R = figure(np.hstack([centre + shift_RK, centre - shift_RK]))
        # equal in exact arithmetic must count as equal here
        extreme += int(np.count_nonzero(np.abs(flipped_R) >= observed * (1 - 1e-9)))
        total += len(flipped_R)
    return extreme / total if exact else (extreme + 1) / (total + 1)


def _all_signs(n: int) -> Iterator[Floats]:
    yield (1 - 2 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)).astype(np.float64)


def _random_signs(n: int, resamples: int, seed: int) -> Iterator[Floats]:
    rng = np.random.default_rng([seed, 1])
    for rows in _pieces(n, resamples):
        yield (1 - 2 * rng.integers(0, 2, size=(rows, n), dtype=np.int8)).astype(np.float64)


def _pieces(n: int, resamples: int) -> Iterator[int]:
    rows = max(1, _CHUNK // n)
    for start in range(0, resamples, rows):
        yield min(rows, resamples - start)


def _wilson(count: int, n: int) -> tuple[float, float]:
    z = normal_quantile()
    centre, spread = count + z * z / 2, z * math.sqrt(count * (n - count) / n + z * z / 4)
    return max(0.0, (centre - spread) / (n + z * z)), min(1.0, (centre + spread) / (n + z * z))


def _correlation(both: int, only_ours: int, only_theirs: int, neither: int) -> float:
    """Newcombe's corrected phi of the 2 x 2 table; 0 where a margin is empty."""
    n = both + only_ours + only_theirs + neither
    margins = (both + only_ours) * (only_theirs + neither) * (both + only_theirs) * (only_ours + neither)
    excess = both * neither - only_ours * only_theirs
    corrected = max(excess - n / 2, 0) if excess > 0 else excess
    return corrected / math.sqrt(margins) if margins else 0.0


def _square_and_add(first: float, second: float, phi: float) -> float:
    return math.sqrt(max(0.0, first**2 - 2 * phi * first * second + second**2))


def _no_items() -> DataError:
    return DataError(
        en="no items to measure. Evaluate on a file that holds at least one conversation with an answer.",
        zh="没有可统计的条目。请在至少含有一段带回答的对话的文件上评测。",
    )


def _unpaired(first: int, second: int) -> DataError:
    return DataError(
        en=f"{first} items against {second}: a paired comparison needs the same items. Evaluate both on one file.",
        zh=f"条目数分别为 {first} 与 {second}：配对比较需要相同的条目。请在同一文件上评测两者。",
    )
