"""Effect sizes against SciPy's t, the jackknife and hand arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from doctorglm.errors import DataError
from doctorglm.evaluate.effects import Effect, effect_size, share_effect_size


def test_of_a_mean_it_is_t_over_root_n() -> None:
    rng = np.random.default_rng(1)
    theirs = rng.normal(3, 1, 50)
    ours = theirs - 0.3 + rng.normal(0, 0.6, 50)
    found = effect_size(ours, theirs)
    assert found.kind == "d_z"
    assert found.value == pytest.approx(stats.ttest_rel(ours, theirs).statistic / math.sqrt(50))
    assert effect_size(theirs, ours).value == pytest.approx(-found.value)  # type: ignore[operator]
    assert effect_size(100 * ours, 100 * theirs).value == pytest.approx(found.value)


def test_of_a_ratio_it_is_the_ratio_over_its_jackknife_error() -> None:
    """Left out one by one, which knows nothing of linearised contributions; they agree but for terms of 1/n."""
    rng, n = np.random.default_rng(2), 400
    tokens = np.ceil(rng.lognormal(4, 0.6, n))
    theirs = 3 * tokens
    ours = theirs + tokens * rng.normal(-0.4, 0.3, n)
    gain, total = ours - theirs, tokens.sum()
    left_out = (gain.sum() - gain) / (total - tokens)
    error = math.sqrt((n - 1) / n * ((left_out - left_out.mean()) ** 2).sum())
    expected = gain.sum() / total / error / math.sqrt(n)
    found = effect_size(ours, theirs, tokens)
    assert found.value == pytest.approx(expected, rel=0.02)
    assert found.value != pytest.approx(effect_size(ours, theirs).value, rel=0.05), "weights are not tried here"
    assert effect_size(ours, theirs, 7 * tokens).value == pytest.approx(found.value), "units of the weight"


def test_a_ratio_with_equal_weights_is_a_mean() -> None:
    ours, theirs = [1.0, 2.5, 3.0, 5.0], [1.5, 2.0, 4.0, 3.0]
    assert effect_size(ours, theirs, [2.0] * 4).value == pytest.approx(effect_size(ours, theirs).value)
    # differences -0.5, 0.5, -1, 2: mean 0.25, squares about it 0.5625 + 0.0625 + 1.5625 + 3.0625 = 5.25
    assert effect_size(ours, theirs).value == pytest.approx(0.25 / math.sqrt(5.25 / 3))


def test_differences_that_do_not_vary_have_no_unit() -> None:
    assert effect_size([1.0, 2.0], [1.0, 2.0]) == Effect("d_z", 0.0)
    constant = effect_size([0.3, 0.4, 0.7], [0.2, 0.3, 0.6])
    assert constant == Effect("d_z", None), "0.1 each time, but for rounding"
    assert constant.size.en == "not defined"
    assert effect_size([1.0], [2.0]) == Effect("d_z", None)
    assert effect_size([2.0, 4.0], [1.0, 2.0], [1.0, 2.0]).value is None, "1 a token in every item"


@pytest.mark.parametrize(
    ("ours", "theirs", "h"),
    [
        (10, 0, math.pi),
        (0, 10, -math.pi),
        (5, 5, 0.0),
        # 2 arcsin(sqrt(0.5)) = 1.5708, 2 arcsin(sqrt(0.3)) = 1.1593
        (5, 3, 0.4115),
        # 2 arcsin(sqrt(0.9)) = 2.4981, less the same
        (9, 3, 1.3388),
    ],
)
def test_cohens_h_by_hand(ours: int, theirs: int, h: float) -> None:
    found = share_effect_size([i < ours for i in range(10)], [i < theirs for i in range(10)])
    assert found.kind == "h"
    assert found.value == pytest.approx(h, abs=1e-4)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_h_turns_around_and_has_the_sign_of_the_difference(pairs: list[tuple[bool, bool]]) -> None:
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    found, back = share_effect_size(ours, theirs).value, share_effect_size(theirs, ours).value
    assert found is not None and back is not None
    assert found == -back
    assert np.sign(found) == np.sign(sum(ours) - sum(theirs))


def test_the_words_are_cohens() -> None:
    words = [Effect("d_z", value).size.en for value in (0.0, -0.19, 0.2, -0.49, 0.5, 0.79, -0.8, 3.0)]
    assert words == ["negligible", "negligible", "small", "small", "medium", "medium", "large", "large"]
    assert Effect("h", 0.9).size.zh == "大"


def test_unpaired_items_and_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(DataError, match="2 items against 1"):
        effect_size([1.0, 2.0], [1.0])
    with pytest.raises(DataError, match="item 1 has value nan"):
        effect_size([1.0, math.nan], [1.0, 2.0])
    with pytest.raises(DataError, match="2 items against 1"):
        share_effect_size([True, False], [True])
    with pytest.raises(DataError, match="no items"):
        share_effect_size([], [])
