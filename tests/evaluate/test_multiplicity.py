"""Holm's adjusted p against hand arithmetic, the closed test by brute force, and families of true nulls."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from doctorglm.errors import DataError
from doctorglm.evaluate.multiplicity import holm
from doctorglm.evaluate.statistics import mcnemar_exact, paired_difference


def test_by_hand() -> None:
    """0.005 x 4, 0.01 x 3, 0.03 x 2, and 0.04 x 1, which may not be below the one before it."""
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert list(found) == ["a", "b", "c", "d"]
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert holm({"a": 0.7, "b": 0.6}) == {"a": 1, "b": 1}
    assert holm({"only": 0.03}) == {"only": 0.03}
    assert holm({}) == {}


@given(st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.02, 1.0])), min_size=1, max_size=7))
def test_it_is_the_closed_test(p: list[float]) -> None:
    """A metric's p is the largest Bonferroni p of all sets of metrics that it belongs to."""
    found = holm({str(i): value for i, value in enumerate(p)})
    for i in range(len(p)):
        sets = (s for size in range(1, len(p) + 1) for s in itertools.combinations(range(len(p)), size) if i in s)
        expected = max(min(1.0, len(s) * min(p[j] for j in s)) for s in sets)
        assert found[str(i)] == pytest.approx(expected)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan])
def test_what_is_no_p_is_refused(wrong: float) -> None:
    with pytest.raises(DataError, match=r"loops: p is .*no probability"):
        holm({"loops": wrong, "repetition": 0.5})


def slack(trials: int) -> float:
    return 3 * math.sqrt(0.05 * 0.95 / trials)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_the_family_wise_error_is_at_most_one_in_twenty(correlation: float) -> None:
    """Six metrics, none of which differs in truth, and then four beside two that do; unadjusted, 1 in 4 would."""
    rng, trials = np.random.default_rng(11), 4000
    shared = rng.normal(0, 1, (trials, 1)) * math.sqrt(correlation)
    z = shared + rng.normal(0, 1, (trials, 6)) * math.sqrt(1 - correlation)
    for true in (np.zeros(6), np.array([0, 0, 0, 0, 3, 6])):
        false, plain = 0, 0
        for p in 2 * stats.norm.sf(np.abs(z + true)):
            adjusted = holm({str(i): value for i, value in enumerate(p)})
            false += any(adjusted[str(i)] <= 0.05 for i in range(6) if not true[i])
            plain += any(p[i] <= 0.05 for i in range(6) if not true[i])
        assert false / trials <= 0.05 + slack(trials)
        if correlation == 0:
            assert plain / trials > 0.15, "otherwise there is nothing to correct"
            assert false / trials > 0.05 - slack(trials) - 0.015, "it is not more cautious than it needs to be"


def test_the_family_wise_error_over_the_metrics_of_a_comparison() -> None:
    """p as a comparison computes them, of two means and two shares of the same 40 answers, alike in truth."""
    rng, trials, false = np.random.default_rng(12), 400, 0
    for trial in range(trials):
        ours, theirs = rng.beta(1, 8, 40), rng.beta(1, 8, 40)
        tokens_ours, tokens_theirs = rng.poisson(30 + 60 * ours), rng.poisson(30 + 60 * theirs)
        p = {
            "repetition": paired_difference(ours, theirs, resamples=400, seed=trial).p,
            "answer_tokens": paired_difference(tokens_ours, tokens_theirs, resamples=400, seed=trial).p,
            "loops": mcnemar_exact((ours > 0.3).tolist(), (theirs > 0.3).tolist()),
            "ends_by_itself": mcnemar_exact((tokens_ours < 40).tolist(), (tokens_theirs < 40).tolist()),
        }
        false += min(holm(p).values()) <= 0.05
    assert false / trials <= 0.05 + slack(trials)
    assert false, "a test that never rejects would pass this too"
