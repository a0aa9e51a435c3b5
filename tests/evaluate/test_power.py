"""The power note: its arithmetic by hand, and its numbers against the noncentral t and against simulation."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from doctorglm.evaluate.power import detectable, items_needed, power_note
from doctorglm.evaluate.statistics import Difference, paired_difference, paired_share_difference


def standardised(n: int, mean: float) -> np.ndarray:
    """n normal values with exactly this mean and standard deviation 1."""
    draw = np.random.default_rng(n).normal(0, 1, n)
    found: np.ndarray = (draw - draw.mean()) / draw.std(ddof=1) + mean
    return found


def true_n(effect: float) -> float:
    """Items at which a two-sided paired t-test at 5 % finds a true d_z of `effect` with a chance of 80 %."""

    def power(n: float) -> float:
        # the other tail is below 1e-6
        return float(stats.nct.sf(stats.t.ppf(0.975, n - 1), n - 1, effect * math.sqrt(n))) - 0.8

    return float(optimize.brentq(power, 4, 2000))


@pytest.mark.parametrize("n", [30, 60, 150])
@pytest.mark.parametrize("effect", [0.1, 0.2, 0.5])
def test_the_items_that_are_needed_are_those_of_the_t_test(n: int, effect: float) -> None:
    gain = standardised(n, effect)
    found = paired_difference(gain, np.zeros(n))
    reach = detectable(found)
    assert reach is not None
    assert items_needed(n, reach, effect) == pytest.approx(true_n(effect), rel=0.15)


def test_the_detectable_difference_is_shown_four_times_in_five() -> None:
    """What 60 items are said to detect is the truth: the interval is without 0 in 80 % of 600 comparisons."""
    n, trials = 60, 600
    reach = detectable(paired_difference(standardised(n, 0.0), np.zeros(n)))
    assert reach is not None
    rng, shown = np.random.default_rng(3), 0
    for trial in range(trials):
        found = paired_difference(rng.normal(reach, 1, n), np.zeros(n), resamples=400, seed=trial)
        assert found.low is not None
        shown += found.low > 0
    # the t-test's n is right within 15 %, which moves the power by 0.04 to either side
    assert abs(shown / trials - 0.8) <= 0.04 + 3 * math.sqrt(0.8 * 0.2 / trials)


def test_the_items_that_a_share_needs_show_it_four_times_in_five() -> None:
    """60 answers in which 9 differ one way and 3 the other; the number asked for is then drawn from that truth."""
    cells = np.array([40, 9, 3, 8])
    pairs = [(True, True)] * 40 + [(True, False)] * 9 + [(False, True)] * 3 + [(False, False)] * 8
    first = paired_share_difference([a for a, _ in pairs], [b for _, b in pairs])
    reach = detectable(first)
    assert reach is not None
    needed = items_needed(60, reach, first.difference)
    assert needed is not None and 60 < needed < 400
    rng, trials, shown = np.random.default_rng(4), 1500, 0
    for counts in rng.multinomial(needed, cells / 60, size=trials).tolist():
        both, ours, theirs, neither = counts
        drawn = paired_share_difference(
            [True] * (both + ours) + [False] * (theirs + neither),
            [True] * both + [False] * ours + [True] * theirs + [False] * neither,
        )
        assert drawn.low is not None
        shown += drawn.low > 0
    assert abs(shown / trials - 0.8) <= 0.06, shown / trials


# standard error 0.06/3.92 = 0.0153, 2.80 of them 0.0429
UNCLEAR = Difference(-0.02, -0.05, 0.01, 0.2, 120)


def test_too_few_items_to_tell() -> None:
    """(0.0429/0.02)^2 x 120 = 551.2; the interval reaches 0.05, beyond 0.0429."""
    note = power_note(UNCLEAR)
    assert note.en == (
        "n is too small to tell: the 95 % interval holds both 0 and a difference of 0.0429. "
        "120 items show a true difference of 0.0429 with a chance of 80 %. "
        "A true difference as large as the observed one (0.02) needs about 552."
    )
    assert note.zh == (
        "条目太少，无法判断：95 % 区间既包含 0，也包含大小为 0.0429 的差值。"
        "120 项能以 80 % 的概率显示出大小为 0.0429 的真实差值。"
        "若真实差值与观察到的（0.02）一样大，约需 552 项。"
    )


@pytest.mark.parametrize(
    ("found", "margin", "too_small"),
    [
        (UNCLEAR, 0.05, True),
        (UNCLEAR, 0.051, False),
        (Difference(0.02, -0.01, 0.05, 0.2, 120), 0.05, True),
        (Difference(0.001, -0.029, 0.031, 0.9, 120), None, False),
        (Difference(0.001, -0.029, 0.031, 0.9, 120), 0.03, True),
        (Difference(-0.2, -0.25, -0.15, 0.001, 120), None, False),
        (Difference(-0.2, -0.25, -0.15, 0.001, 120), 0.01, False),
        (Difference(-0.02, -0.04, 0.0, 0.05, 120), None, True),
    ],
)
def test_n_is_too_small_where_the_interval_holds_0_and_what_matters(
    found: Difference, margin: float | None, too_small: bool
) -> None:
    note = power_note(found, margin)
    assert ("n is too small to tell" in note.en) == too_small == ("条目太少，无法判断" in note.zh)
    assert ("margin" in note.en) == ("界值" in note.zh) == (too_small and margin is not None)
    assert f"{found.n} items show a true difference of" in note.en


def test_nothing_is_advised_where_no_number_would_do() -> None:
    none = power_note(Difference(0.0, -0.03, 0.03, 1.0, 120))
    assert "needs about" not in none.en and "约需" not in none.zh
    tiny = power_note(Difference(0.0001, -0.0299, 0.0301, 1.0, 120))
    assert "needs about" not in tiny.en


def test_one_item_and_items_that_do_not_vary() -> None:
    assert power_note(Difference(0.5, None, None, 1.0, 1)).en == "n is too small to tell: n = 1."
    flat = power_note(Difference(0.5, 0.5, 0.5, 0.1, 40))
    assert flat.en.startswith("The 40 items do not vary") and flat.zh.startswith("这 40 项没有差异")
    assert detectable(Difference(0.5, None, None, 1.0, 1)) is None
