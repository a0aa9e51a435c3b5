"""The rule of the sweep on hand-made figures: what is ruled out by what, ties, and what is left where nothing is."""

from collections.abc import Sequence

import pytest

from doctorglm.engine import Sampling
from doctorglm.evaluate.sweep.cells import Cell
from doctorglm.evaluate.sweep.grid import SweepSettings
from doctorglm.evaluate.sweep.recommendation import recommend

N = 40
SETTINGS = SweepSettings(resamples=1000)
GREEDY = Sampling()
UP_AND_DOWN = [0.05 if i % 2 else -0.05 for i in range(N)]
"""Noise whose mean is 0, so that an interval holds it."""


def cell(
    temperature: float,
    quality: float,
    *,
    noise: Sequence[float] = (0.0,) * N,
    repetition: float | Sequence[float] = 0.02,
    ends: int = N,
    safe: int = N,
    distinct: float = 0.3,
    n: int = N,
    penalty: float = 1.0,
) -> Cell:
    """A cell in which `ends` and `safe` of N answers do."""
    sampling = Sampling(temperature=temperature, repetition_penalty=penalty)
    rows = {
        "quality": [quality + noise[i] for i in range(n)],
        "repetition": [repetition] * n if isinstance(repetition, float) else list(repetition),
        "ends_by_itself": [float(i < ends) for i in range(n)],
        "safe": [float(i < safe) for i in range(n)],
        "distinct_2": [distinct] * n,
    }
    return Cell(sampling, {name: {f"q{i}": value for i, value in enumerate(row)} for name, row in rows.items()})


def test_the_highest_quality_wins_and_the_reason_says_by_how_much() -> None:
    found = recommend([cell(0, 0.4), cell(0.7, 0.5), cell(1.2, 0.45, distinct=0.9)], SETTINGS)
    assert found.cell.sampling.temperature == 0.7
    assert not any(found.ruled_out.values())
    assert found.reason.en == (
        "temperature 0.7: quality 0.500, +0.100 against greedy (95 % interval +0.100 to +0.100, n = 40); "
        "no other setting that qualifies is as good; none of 3 settings was ruled out."
    )
    assert found.reason.zh == (
        "温度 0.7：质量 0.500，与贪心解码相比 +0.100（95 % 区间 +0.100 至 +0.100，n = 40）；"
        "符合条件的设置中没有其他设置与之相当；3 个设置均未被排除。"
    )


@pytest.mark.parametrize(
    ("figure", "en", "zh", "worse"),
    [
        ("repetition", "repetition", "重复率", cell(1.2, 0.9, repetition=0.2)),
        ("ends_by_itself", "endings", "自行结束率", cell(1.2, 0.9, ends=20)),
        ("safe", "safety", "安全性", cell(1.2, 0.9, safe=20)),
    ],
)
def test_a_better_answer_is_ruled_out_by_repetition_endings_or_safety(
    figure: str, en: str, zh: str, worse: Cell
) -> None:
    found = recommend([cell(0, 0.4), cell(0.7, 0.5), worse], SETTINGS)
    assert found.cell.sampling.temperature == 0.7
    assert found.ruled_out == {GREEDY: [], Sampling(temperature=0.7): [], worse.sampling: [figure]}
    assert f"of 3 settings 1 ruled out: 1 by {en} (temperature 1.2)" in found.reason.en
    assert f"3 个设置中排除了 1 个：{zh} 1 个（温度 1.2）" in found.reason.zh


def test_worse_by_less_than_the_margin_is_not_ruled_out_and_the_margin_is_a_setting() -> None:
    cells = [cell(0, 0.4), cell(0.7, 0.5, repetition=0.06)]
    assert recommend(cells, SETTINGS).cell.sampling.temperature == 0.7
    strict = SweepSettings(resamples=1000, repetition_margin=0.03)
    assert recommend(cells, strict).cell.sampling == GREEDY

    # 2 of 40 answers: shown to no one, as Newcombe's interval holds 0; 8 of 40 are shown, and may be 5 % and more
    for figure in ("ends", "safe"):
        assert recommend([cell(0, 0.4), cell(0.7, 0.5, **{figure: 38})], SETTINGS).cell.sampling.temperature == 0.7
        assert recommend([cell(0, 0.4), cell(0.7, 0.5, **{figure: 32})], SETTINGS).cell.sampling == GREEDY
        name = {"ends": "endings_margin", "safe": "safety_margin"}[figure]
        lenient = SweepSettings(resamples=1000, **{name: 0.5})
        assert recommend([cell(0, 0.4), cell(0.7, 0.5, **{figure: 32})], lenient).cell.sampling.temperature == 0.7


def test_what_is_not_shown_to_be_worse_is_not_ruled_out() -> None:
    noisy = [0.02 + (0.9 if i < 2 else 0.0) for i in range(N)]  # two loops: mean 0.065, interval with 0
    found = recommend([cell(0, 0.4), cell(0.7, 0.5, repetition=noisy)], SETTINGS)
    assert found.cell.sampling.temperature == 0.7


def test_a_tie_goes_to_diversity() -> None:
    down_and_up = [-up for up in UP_AND_DOWN]
    cells = [cell(0, 0.50), cell(0.3, 0.501, noise=down_and_up, distinct=0.5), cell(0.7, 0.49)]
    cells += [cell(0.95, 0.502, noise=UP_AND_DOWN, distinct=0.4), cell(1.2, 0.3, distinct=0.99)]
    found = recommend(cells, SETTINGS)
    assert found.cell.sampling.temperature == 0.3
    assert "3 others are as good, and it is the most varied of them (distinct-2 0.500)" in found.reason.en
    assert "另有 3 个设置质量相当，其中它最多样（distinct-2 为 0.500）" in found.reason.zh


def test_a_tie_in_diversity_too_goes_to_the_lower_temperature() -> None:
    found = recommend(
        [cell(0, 0.3, distinct=0.5), cell(0.95, 0.5, distinct=0.5), cell(0.3, 0.5, distinct=0.5)], SETTINGS
    )
    assert found.cell.sampling.temperature == 0.3
    assert "1 others are as good and 1 of them as varied (distinct-2 0.500); its temperature is the lowest" in (
        found.reason.en
    )
    assert "它的温度最低" in found.reason.zh


def test_where_nothing_qualifies_greedy_is_recommended_and_that_is_said() -> None:
    cells = [cell(0, 0.4, repetition=0.5), cell(0.7, 0.5, safe=10), cell(1.2, 0.6, ends=10)]
    found = recommend(cells, SETTINGS)
    assert found.cell is cells[0]
    assert [found.ruled_out[one.sampling] for one in cells] == [["repetition"], ["safe"], ["ends_by_itself"]]
    assert found.reason.en == (
        "No setting qualifies, so greedy without a repetition penalty is recommended; of 3 settings 3 ruled out: "
        "1 by repetition (greedy), 1 by endings (temperature 1.2), 1 by safety (temperature 0.7)."
    )
    assert found.reason.zh.startswith("没有任何设置符合条件，因此建议使用不加重复惩罚的贪心解码；")


def test_with_too_few_questions_nothing_qualifies() -> None:
    found = recommend([cell(0, 0.4, n=29), cell(0.7, 0.5, n=29)], SETTINGS)
    assert found.cell.sampling == GREEDY
    assert "2 by fewer than 30 questions (greedy; temperature 0.7)" in found.reason.en
    assert "问题不足 30 个 2 个（贪心解码；温度 0.7）" in found.reason.zh
    few = SweepSettings(resamples=1000, min_items=29)
    assert recommend([cell(0, 0.4, n=29), cell(0.7, 0.5, n=29)], few).cell.sampling.temperature == 0.7


def test_a_cell_without_answers_is_ruled_out() -> None:
    silent = Cell(Sampling(temperature=0.7), {})
    found = recommend([cell(0, 0.4), silent], SETTINGS)
    assert found.cell.sampling == GREEDY
    assert found.ruled_out[silent.sampling] == ["min_items"]


def test_many_that_are_ruled_out_are_counted_and_some_named() -> None:
    worse = [cell(t, 0.9, safe=0, penalty=1.1) for t in (0.3, 0.7, 0.95, 1.2)]
    reason = recommend([cell(0, 0.4), *worse], SETTINGS).reason
    assert (
        "4 by safety (temperature 0.3, repetition penalty 1.1; temperature 0.7, repetition penalty 1.1; " in reason.en
    )
    assert "temperature 0.95, repetition penalty 1.1; and more)" in reason.en
    assert "安全性 4 个（温度 0.3、重复惩罚 1.1；" in reason.zh
