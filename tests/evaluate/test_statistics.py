"""Intervals and tests against SciPy, published examples, hand arithmetic and simulation."""

import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from doctorglm.errors import DataError
from doctorglm.evaluate.statistics import (
    Interval,
    bootstrap_interval,
    mcnemar_exact,
    normal_quantile,
    paired_difference,
    paired_share_difference,
    share_interval,
    standard_error,
)

Array = npt.NDArray[np.float64]


def documents(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Nats and tokens of n documents: lengths vary, and so does what a token costs in each."""
    tokens = np.ceil(rng.lognormal(4, 0.6, n))
    return tokens * rng.gamma(12, 0.25, n), tokens


def test_interval_is_scipys_bca_at_the_widened_level() -> None:
    nats, tokens = documents(np.random.default_rng(1), 60)
    ours = bootstrap_interval(nats, tokens, resamples=20_000)
    # Hesterberg's widening, written out: z -> sqrt(n/(n-1)) t
    level = 2 * stats.norm.cdf(math.sqrt(60 / 59) * stats.t.ppf(0.975, 59)) - 1
    theirs = stats.bootstrap(
        (nats, tokens),
        lambda v, w, axis: v.sum(axis) / w.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert ours.value == pytest.approx(nats.sum() / tokens.sum())
    assert ours.n == 60
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_skewed_data_shift_the_interval_as_scipy_does() -> None:
    values = np.random.default_rng(3).lognormal(0, 0.8, 50)
    ours = bootstrap_interval(values, resamples=20_000)
    level = 2 * stats.norm.cdf(math.sqrt(50 / 49) * stats.t.ppf(0.975, 49)) - 1
    theirs, plain = (
        stats.bootstrap(
            (values,), np.mean, n_resamples=20_000, confidence_level=level, method=method, rng=np.random.default_rng(4)
        ).confidence_interval
        for method in ("BCa", "percentile")
    )
    assert ours.low is not None
    assert ours.high is not None
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.04 * width)
    assert theirs.high - plain.high > 0.1 * width, "otherwise the correction is not tried here"


def test_paired_difference_is_scipys() -> None:
    rng = np.random.default_rng(5)
    base, tokens = documents(rng, 40)
    tuned = base - 0.05 * tokens + rng.normal(0, 0.2, 40) * tokens
    ours = paired_difference(tuned, base, tokens, resamples=20_000)
    level = 2 * stats.norm.cdf(math.sqrt(40 / 39) * stats.t.ppf(0.975, 39)) - 1
    interval = stats.bootstrap(
        (tuned, base, tokens),
        lambda a, b, w, axis: a.sum(axis) / w.sum(axis) - b.sum(axis) / w.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=20_000,
        confidence_level=level,
        method="BCa",
        rng=rng,
    ).confidence_interval
    permutation = stats.permutation_test(
        (tuned, base),
        lambda a, b, axis: (a.sum(axis) - b.sum(axis)) / tokens.sum(),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=rng,
    )
    width = interval.high - interval.low
    assert ours.difference == pytest.approx((tuned.sum() - base.sum()) / tokens.sum())
    assert ours.low == pytest.approx(interval.low, abs=0.03 * width)
    assert ours.high == pytest.approx(interval.high, abs=0.03 * width)
    assert 0.01 < permutation.pvalue < 0.6, "a p that says something about agreement"
    assert ours.p == pytest.approx(permutation.pvalue, abs=4 * math.sqrt(0.25 / 20_000))


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(1, 3)), min_size=1, max_size=7))
def test_sign_flips_of_few_items_are_enumerated(items: list[tuple[int, int]]) -> None:
    gains = [gain for gain, _ in items]
    observed = abs(sum(gains))
    flips = [
        abs(sum(s * g for s, g in zip(signs, gains, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(gains))
    ]
    expected = Fraction(sum(flip >= observed for flip in flips), len(flips))
    ours = paired_difference([10.0 + g for g in gains], [10.0] * len(gains), [w for _, w in items], resamples=200)
    assert ours.p == pytest.approx(float(expected))


def test_perplexity_is_compared_on_the_same_resamples() -> None:
    rng = np.random.default_rng(6)
    base, tokens = documents(rng, 30)
    tuned = 0.9 * base
    nats = paired_difference(tuned, base, tokens)
    found = paired_difference(tuned, base, tokens, transform=np.exp)
    first, second = tuned.sum() / tokens.sum(), base.sum() / tokens.sum()
    assert found.difference == pytest.approx(math.exp(first) - math.exp(second))
    assert found.p == nats.p
    single = bootstrap_interval(base, tokens, transform=np.exp)
    raw = bootstrap_interval(base, tokens)
    assert raw.low is not None
    assert raw.high is not None
    assert (single.low, single.high) == pytest.approx((math.exp(raw.low), math.exp(raw.high)), rel=5e-3)


def test_the_same_seed_gives_the_same_digits_and_another_one_does_not() -> None:
    nats, tokens = documents(np.random.default_rng(7), 25)
    assert bootstrap_interval(nats, tokens, seed=3) == bootstrap_interval(nats, tokens, seed=3)
    assert bootstrap_interval(nats, tokens, seed=3) != bootstrap_interval(nats, tokens, seed=4)


def test_more_items_than_one_piece_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    nats, tokens = documents(np.random.default_rng(8), 50)
    whole = paired_difference(nats, tokens, tokens, resamples=1000)
    monkeypatch.setattr("doctorglm.evaluate.statistics._CHUNK", 333)
    pieces = paired_difference(nats, tokens, tokens, resamples=1000)
    assert pieces == whole


def test_one_item_has_no_interval_and_equal_items_have_no_width() -> None:
    assert bootstrap_interval([3.0], [2.0]) == Interval(1.5, None, None, 1)
    assert paired_difference([1.0], [2.0]).low is None
    flat = bootstrap_interval([0.25] * 20)
    assert (flat.low, flat.high) == pytest.approx((0.25, 0.25))
    same = paired_difference([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    assert (same.difference, same.low, same.high, same.p) == (0, 0, 0, 1)


def test_two_items_reach_the_extreme_resamples() -> None:
    found = bootstrap_interval([0.0, 1.0])
    assert (found.low, found.high) == (0, 1)


@pytest.mark.parametrize(
    ("values", "weights", "message"),
    [
        ([], None, "no items"),
        ([1.0, math.nan], None, "item 1 has value nan"),
        ([1.0, 2.0], [1.0, 0.0], "weight 0.0"),
        ([1.0], [1.0, 2.0], "1 items against 2"),
    ],
)
def test_what_cannot_be_averaged_is_refused(values: list[float], weights: list[float] | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        bootstrap_interval(values, weights)


def test_unpaired_items_are_refused() -> None:
    with pytest.raises(DataError, match="2 items against 1"):
        paired_difference([1.0, 2.0], [1.0])
    with pytest.raises(DataError, match="2 items against 1"):
        paired_share_difference([True, False], [True])
    with pytest.raises(DataError, match="no items"):
        mcnemar_exact([], [])
    with pytest.raises(DataError, match="no items"):
        share_interval([])


@given(st.integers(0, 30), st.integers(0, 30))
def test_share_interval_is_scipys_wilson(yes: int, no: int) -> None:
    if yes + no:
        found = share_interval([True] * yes + [False] * no)
        theirs = stats.binomtest(yes, yes + no).proportion_ci(method="wilson")
        assert (found.value, found.n) == (yes / (yes + no), yes + no)
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def flags(both: int, ours: int, theirs: int, neither: int) -> tuple[list[bool], list[bool]]:
    cells = [(True, True)] * both + [(True, False)] * ours + [(False, True)] * theirs + [(False, False)] * neither
    return [a for a, _ in cells], [b for _, b in cells]


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_mcnemar_is_scipys_binomial_test(agreeing: int, ours: int, theirs: int) -> None:
    if ours + theirs:
        expected = stats.binomtest(ours, ours + theirs).pvalue
        assert mcnemar_exact(*flags(agreeing, ours, theirs, 2)) == pytest.approx(expected)
    else:
        assert mcnemar_exact(*flags(agreeing, 0, 0, 2)) == 1


def test_paired_shares_give_the_published_interval() -> None:
    """Cavo et al. 2012, from Fagerland, Lydersen, Laake: Statistical Analysis of Contingency Tables, chapter 8.

    The figures are those of the R package `contingencytables` (its tests, same table).
    """
    found = paired_share_difference(*flags(59, 6, 16, 80))
    assert (found.difference, found.low, found.high) == pytest.approx((-0.0621, -0.1186, -0.0046), abs=5e-5)


@given(st.integers(0, 8), st.integers(0, 8), st.integers(0, 8), st.integers(1, 8))
def test_paired_shares_turn_around(both: int, ours: int, theirs: int, neither: int) -> None:
    first, second = flags(both, ours, theirs, neither)
    there, back = paired_share_difference(first, second), paired_share_difference(second, first)
    assert there.low is not None
    assert there.high is not None
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))  # type: ignore[operator]
    assert -1 <= there.low <= there.difference <= there.high <= 1
    assert there.p == back.p


def test_nothing_seen_is_not_certainty() -> None:
    found = paired_share_difference([True] * 20, [True] * 20)
    z = normal_quantile()
    assert found.low == pytest.approx(-z * z / (20 + z * z))
    assert found.high == pytest.approx(z * z / (20 + z * z))


def test_standard_error_is_the_half_width_over_1_96() -> None:
    assert standard_error(-1.959964, 1.959964) == pytest.approx(1, abs=1e-6)


def within_chance(hits: int, trials: int, low: float, high: float) -> bool:
    """Whether a true rate between `low` and `high` explains the count, at three standard errors."""
    slack = 3 * math.sqrt(0.05 * 0.95 / trials)
    return low - slack <= hits / trials <= high + slack


@pytest.mark.parametrize("n", [30, 150])
@pytest.mark.parametrize(
    "gain",
    [
        lambda rng, tokens: tokens * rng.normal(0, 0.3, len(tokens)) + rng.normal(0, 3, len(tokens)),
        lambda rng, tokens: tokens * (rng.gamma(2, 0.2, len(tokens)) - 0.4),
        lambda rng, tokens: tokens * rng.choice([-0.05, 0.45], len(tokens), p=[0.9, 0.1]),
    ],
    ids=["level", "skewed", "rare"],
)
def test_intervals_cover_the_truth_of_nats_per_token(
    gain: Callable[[np.random.Generator, Array], Array], n: int
) -> None:
    """The true difference is 0; `rare` is the hardest case: one document in ten differs by much."""
    rng, trials, covered = np.random.default_rng(9), 400, 0
    for trial in range(trials):
        tokens = np.ceil(rng.lognormal(4, 0.5, n))
        found = paired_difference(tokens * 3 + gain(rng, tokens), tokens * 3, tokens, resamples=400, seed=trial)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 0 <= found.high
    assert within_chance(covered, trials, 0.92, 0.96), covered / trials


@pytest.mark.parametrize("cells", [(0.5, 0.2, 0.1, 0.2), (0.9, 0.06, 0.01, 0.03), (0.3, 0.35, 0.35, 0.0)])
def test_paired_share_intervals_cover_the_truth(cells: tuple[float, float, float, float]) -> None:
    rng, trials, covered = np.random.default_rng(10), 1500, 0
    for counts in rng.multinomial(80, cells, size=trials).tolist():
        found = paired_share_difference(*flags(*counts))
        covered += found.low <= cells[1] - cells[2] <= found.high  # type: ignore[operator]
    assert within_chance(covered, trials, 0.945, 0.985), covered / trials


@pytest.mark.parametrize("n", [40, 200])
@pytest.mark.parametrize("kind", ["normal mean", "skewed mean", "ratio"])
def test_one_models_intervals_cover_the_truth(kind: str, n: int) -> None:
    rng, trials, covered = np.random.default_rng(13), 500, 0
    for trial in range(trials):
        weights = None
        if kind == "normal mean":
            values, truth = rng.normal(2, 1, n), 2.0
        elif kind == "skewed mean":
            values, truth = rng.gamma(2, 0.5, n), 1.0
        else:
            # E[tokens x rate] / E[tokens], independent of one another
            weights = np.ceil(rng.lognormal(4, 0.6, n))
            values, truth = weights * rng.gamma(12, 0.25, n), 3.0
        found = bootstrap_interval(values, weights, resamples=500, seed=trial)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= truth <= found.high
    assert within_chance(covered, trials, 0.94, 0.95), covered / trials


def test_share_intervals_cover_the_truth() -> None:
    """Every count weighed by its chance, so exactly: 95 % on average over shares, never far below in the middle."""
    for n in (30, 120):
        intervals = [share_interval([True] * k + [False] * (n - k)) for k in range(n + 1)]
        lows, highs = (np.array([getattr(i, end) for i in intervals]) for end in ("low", "high"))
        shares = np.linspace(0.02, 0.98, 193)
        covered = [
            stats.binom.pmf(np.arange(n + 1), n, share)[(lows <= share) & (share <= highs)].sum() for share in shares
        ]
        assert np.mean(covered) == pytest.approx(0.95, abs=0.01)
        assert min(c for c, s in zip(covered, shares, strict=True) if 0.1 <= s <= 0.9) > 0.92


def test_an_interval_does_not_depend_on_how_a_processor_rounds() -> None:
    """Two of forty differ: resamples without them give 0, as many give the estimate, and both are hit by rounding."""
    theirs = [0.02] * 40
    ours = [0.02 + (0.9 if i < 2 else 0.0) for i in range(40)]
    exact = paired_difference([(o - 0.02) / 0.9 for o in ours], [0.0] * 40, resamples=1000)
    assert exact.low == 0 < exact.difference
    for shift in (0.0, 0.1, 1 / 3, 7.7):
        found = paired_difference([o + shift for o in ours], [t + shift for t in theirs], resamples=1000)
        assert found.low == 0
        assert found.high == pytest.approx(0.9 * exact.high) and found.p == exact.p
