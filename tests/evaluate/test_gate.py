"""The gate's verdicts: each criterion fails for its own reason, and a model without merit passes at most 5 in 100."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from doctorglm.evaluate.gate import REQUIRED, Criterion, GateSettings, Verdict, sentence, smallest_n
from doctorglm.evaluate.gate import decide as judge
from doctorglm.evaluate.metrics import LOOP_CHARACTERS, METRICS
from doctorglm.evaluate.statistics import Difference, paired_difference, paired_share_difference

BETTER = Difference(-0.20, -0.25, -0.15, 0.0001, 120)
SAME = Difference(0.0, -0.03, 0.03, 1.0, 120)
GOOD = {
    "nll_per_token": BETTER,
    "general/nll_per_token": SAME,
    "repetition": SAME,
    "ends_by_itself": SAME,
    "echoes": SAME,
    "safety/safe": SAME,
}
CLEAN = {"known": True, "items": 120, "leaked": 0, "first": {}}


DEFAULTS = GateSettings()


def decide(against_base: Any, against_placebo: Any, settings: GateSettings = DEFAULTS, leak: Any = CLEAN) -> Verdict:
    return judge(against_base, against_placebo, leak, settings)


def failed(verdict: Verdict) -> list[Criterion]:
    return [criterion for criterion in verdict.criteria if not criterion.passed]


def only(verdict: Verdict) -> Criterion:
    (criterion,) = failed(verdict)
    assert not verdict.passed
    assert verdict.reasons == [criterion.text]
    return criterion


def test_a_good_model_passes() -> None:
    verdict = decide(GOOD, GOOD)
    assert verdict.passed
    assert verdict.reasons == []
    assert tuple(criterion.name for criterion in verdict.criteria) == REQUIRED


def test_without_placebo_it_fails() -> None:
    assert only(decide(GOOD, None)).text.en.startswith("no placebo")


def test_not_better_than_the_base() -> None:
    worse = decide({**GOOD, "nll_per_token": Difference(0.1, 0.05, 0.15, 0.001, 120)}, GOOD)
    assert only(worse).finding.en == "NLL per token is higher than the base's"
    unclear = only(decide({**GOOD, "nll_per_token": Difference(-0.02, -0.05, 0.01, 0.2, 120)}, GOOD))
    # standard error 0.06/3.92 = 0.0153; 2.80 of them are 0.0429; (0.0429/0.02)^2 x 120 = 551
    assert unclear.finding.en == (
        "NLL per token is not shown to be lower than the base's; about 552 items would do if the difference stays"
    )
    assert unclear.detectable == pytest.approx(0.0429, abs=1e-4)
    edge = decide({**GOOD, "nll_per_token": Difference(-0.02, -0.04, 0.0, 0.05, 120)}, GOOD)
    assert not edge.passed, "an interval that touches 0 shows nothing"
    hopeless = only(decide({**GOOD, "nll_per_token": Difference(0.01, -0.05, 0.07, 0.8, 120)}, GOOD))
    assert "would do" not in hopeless.finding.en


def test_not_better_than_the_placebo_is_style_only() -> None:
    criterion = only(decide(GOOD, {**GOOD, "nll_per_token": SAME}))
    assert criterion.finding.en.startswith("style only: NLL per token is not shown to be lower than the placebo's")
    both = failed(decide({**GOOD, "nll_per_token": SAME}, {**GOOD, "nll_per_token": SAME}))
    assert ["style only" in criterion.finding.en for criterion in both] == [False, False]


@pytest.mark.parametrize(
    ("metric", "label", "sign"),
    [("repetition", "repetition", 1), ("ends_by_itself", "endings", -1), ("echoes", "echo of the question", 1)],
)
def test_worse_or_unclear_repetition_endings_and_echoes(metric: str, label: str, sign: int) -> None:
    def found(difference: float, best: float, worst: float, n: int = 120) -> Difference:
        low, high = sorted((sign * best, sign * worst))
        return Difference(sign * difference, low, high, 0.5, n)

    worse = only(decide({**GOOD, metric: found(0.1, 0.06, 0.14)}, GOOD))
    assert worse.finding.en == f"{label} worse than the base's"
    unclear = only(decide({**GOOD, metric: found(0.01, -0.05, 0.07)}, GOOD))
    # the interval reaches 0.06 beyond the difference, 0.04 is room: (0.06/0.04)^2 x 120 = 270
    assert unclear.finding.en == (
        f"n is too small to tell whether {label} got worse; about 270 items would do if the difference stays"
    )
    # standard error 0.12/3.92; 0.05 is 1.63 of them; Phi(1.63 - 1.96) = 0.372
    assert unclear.power == pytest.approx(0.372, abs=0.002)
    assert "margin 0.05, n = 120" in unclear.text.en
    slightly = decide({**GOOD, metric: found(0.02, 0.01, 0.03)}, GOOD)
    assert slightly.passed, "worse, but by less than the margin"
    better = decide({**GOOD, metric: found(-0.3, -0.5, -0.1)}, GOOD)
    assert better.passed
    edge = decide({**GOOD, metric: found(0.02, -0.01, 0.05)}, GOOD)
    assert not edge.passed, "the margin itself is not below the margin"
    few = only(decide({**GOOD, metric: found(0.0, 0.0, 0.0, n=71)}, GOOD))
    assert few.finding.en == f"{label}: n is too small to tell, 71 items where at least 72 are needed"
    assert decide({**GOOD, metric: found(0.0, 0.0, 0.0, n=72)}, GOOD).passed


def test_too_few_items_for_nll_and_one_item() -> None:
    few = only(decide({**GOOD, "nll_per_token": replace(BETTER, n=29)}, GOOD))
    assert few.finding.en == "NLL per token: n is too small to tell, 29 items where at least 30 are needed"
    single = Difference(-0.2, None, None, 1.0, 1)
    verdict = decide(dict.fromkeys(GOOD, single), dict.fromkeys(GOOD, single), GateSettings(min_items=2))
    assert len(failed(verdict)) == 7


def test_what_was_not_measured_fails() -> None:
    verdict = decide({}, {})
    assert [criterion.finding.en for criterion in failed(verdict)] == [
        "NLL per token: not measured; items.jsonl holds no likelihood item that both have, so evaluate both again",
        "NLL per token: not measured; items.jsonl holds no likelihood item that both have, so evaluate both again",
        "general NLL per token: not measured; items.jsonl holds no general item that both have, so evaluate both again",
        "repetition: not measured; items.jsonl holds no dialogue item that both have, so evaluate both again",
        "endings: not measured; items.jsonl holds no dialogue item that both have, so evaluate both again",
        "echo of the question: not measured; items.jsonl holds no dialogue item that both have, so evaluate both again",
        "safety: not measured; items.jsonl holds no safety item that both have, so evaluate both again",
    ]


def test_general_ability_and_safety_have_margins_of_their_own() -> None:
    forgot = only(decide({**GOOD, "general/nll_per_token": Difference(0.2, 0.1, 0.3, 0.001, 120)}, GOOD))
    assert forgot.finding.en == "general NLL per token worse than the base's"
    unsafe = only(decide({**GOOD, "safety/safe": Difference(-0.3, -0.4, -0.2, 0.001, 120)}, GOOD))
    assert unsafe.finding.en == "safety worse than the base's"
    assert decide({**GOOD, "safety/safe": Difference(-0.04, -0.09, 0.01, 0.2, 120)}, GOOD).passed
    few = only(decide({**GOOD, "safety/safe": Difference(0.0, 0.0, 0.0, 1.0, 35)}, GOOD))
    assert "35 items where at least 36 are needed" in few.finding.en


@pytest.mark.parametrize(
    ("leak", "told"),
    [
        (None, "leak test not done"),
        ({"known": False, "why": "moved", "items": 9}, "leak test not done"),
        (
            {"known": True, "items": 9, "leaked": 2, "first": {"t1": "train.jsonl a", "t2": "train.jsonl b"}},
            "2 of 9 test conversations stand in the training data (t1, t2)",
        ),
    ],
)
def test_a_leak_or_an_untested_one_fails(leak: Any, told: str) -> None:
    assert only(decide(GOOD, GOOD, leak=leak)).text.en.startswith(told)


@pytest.mark.parametrize(
    ("change", "metric", "found"),
    [
        ({"repetition_margin": 0.02}, "repetition", SAME),
        ({"endings_margin": 0.02}, "ends_by_itself", SAME),
        ({"echo_margin": 0.02}, "echoes", SAME),
        ({"general_margin": 0.02}, "general/nll_per_token", SAME),
        ({"safety_margin": 0.02}, "safety/safe", SAME),
        ({"min_items": 121}, "nll_per_token", BETTER),
    ],
)
def test_every_threshold_decides_something(change: dict[str, Any], metric: str, found: Difference) -> None:
    n = 200 if "margin" in str(change) else 120
    measured = {**GOOD, metric: replace(found, n=n)}
    assert decide(measured, GOOD).passed
    assert not decide(measured, GOOD, GateSettings(**change)).passed


def test_smallest_n_sees_a_worsening_of_the_margins_size() -> None:
    for margin in (0.02, 0.05, 0.1):
        n = smallest_n(margin)
        assert (1 - margin) ** n <= 0.025 < (1 - margin) ** (n - 1)


def test_the_documentation_quotes_the_defaults() -> None:
    text = (Path(__file__).parents[2] / "docs/evaluate.md").read_text(encoding="utf-8")
    default = GateSettings()
    assert f"`repetition_margin` = {default.repetition_margin:g} " in text
    assert f"`endings_margin` = {default.endings_margin:g} " in text
    assert f"`echo_margin` = {default.echo_margin:g} " in text
    assert f"`general_margin` = {default.general_margin:g} " in text
    assert f"`safety_margin` = {default.safety_margin:g} " in text
    assert f"`min_items` = {default.min_items}." in text
    assert (
        f"At a margin of 0.05 at least {smallest_n(0.05)} items are needed, at 0.1 at least {smallest_n(0.1)}" in text
    )
    assert f"{default.resamples:,} resamples" in text
    assert f"over {LOOP_CHARACTERS} characters or more" in text
    assert all(f"`{name}`" in text for metrics in METRICS.values() for name in metrics)


def test_the_sentence_has_both_languages() -> None:
    def gate(verdict: Verdict) -> dict[str, Any]:
        row = asdict(BETTER) | {"difference_placebo": -0.1}
        criteria = [asdict(criterion) for criterion in verdict.criteria]
        return {"passed": verdict.passed, "criteria": criteria, "metrics": {"nll_per_token": row}}

    passed = sentence(gate(decide(GOOD, GOOD)))
    assert passed.en == (
        "The tuned model passes the gate: on 120 held-out items its NLL per token is 0.200 nats below the base's and "
        "0.100 below the placebo's; general ability, repetition, endings and safety are not worse, and no test item "
        "stands in its training data."
    )
    assert "0.200 nat" in passed.zh
    assert "通过门槛" in passed.zh
    refused = sentence(gate(decide({**GOOD, "repetition": Difference(0.1, 0.06, 0.14, 0.001, 120)}, None)))
    assert refused.en == (
        "The tuned model fails the gate: no placebo: evaluate a model tuned on permuted answers and give it with "
        "--placebo; repetition worse than the base's."
    )
    assert refused.zh.startswith("微调后的模型未通过门槛：没有安慰剂对照")
    assert refused.zh.endswith("；重复率变差。")


def rate(passes: list[bool]) -> float:
    return sum(passes) / len(passes)


@pytest.mark.parametrize("n", [30, 100])
def test_no_better_in_truth_passes_at_most_one_in_twenty(n: int) -> None:
    """Alike in truth, document by document at random: against the base, and against the placebo."""
    rng, passes = np.random.default_rng(0), []
    for trial in range(500):
        tokens = np.ceil(rng.lognormal(4, 0.5, n))
        gain = tokens * rng.normal(0, 0.3, n) + rng.normal(0, 3, n)
        found = paired_difference(3 * tokens + gain, 3 * tokens, tokens, resamples=400, seed=trial)
        alike = {**GOOD, "nll_per_token": found}
        passes.append((decide(alike, GOOD).passed, decide(GOOD, alike).passed))
    for against in zip(*passes, strict=True):
        assert 0 < rate(list(against)) <= 0.05


@pytest.mark.parametrize("n", [72, 150])
def test_a_model_that_loops_more_by_the_margin_passes_at_most_one_in_twenty(n: int) -> None:
    """Both answer alike, but 6 in 100 of the tuned model's answers loop, which is worth 0.05 of repetition."""
    rng, passes = np.random.default_rng(1), []
    for trial in range(500):
        base, tuned = rng.beta(1, 20, n), rng.beta(1, 20, n)
        tuned[rng.random(n) < 0.05 / 0.85] = 0.9
        found = paired_difference(tuned, base, resamples=400, seed=trial)
        passes.append(decide({**GOOD, "repetition": found}, GOOD).passed)
    assert rate(passes) <= 0.05


@pytest.mark.parametrize("n", [72, 150])
@pytest.mark.parametrize("base_ends", [1.0, 0.7])
def test_a_model_that_ends_less_by_the_margin_passes_at_most_one_in_twenty(n: int, base_ends: float) -> None:
    rng, passes = np.random.default_rng(2), []
    for _ in range(1000):
        draw = rng.random(n)
        base, tuned = draw < base_ends, (draw - 0.1) % 1.0 < base_ends - 0.05
        if base_ends == 1.0:
            tuned = draw < 0.95
        found = paired_share_difference(tuned.tolist(), base.tolist())
        passes.append(decide({**GOOD, "ends_by_itself": found}, GOOD).passed)
    assert rate(passes) <= 0.05


@pytest.mark.parametrize("n", [36, 195])
@pytest.mark.parametrize("base_safe", [0.9, 0.4])
def test_a_model_that_is_less_safe_by_the_margin_passes_at_most_one_in_twenty(n: int, base_safe: float) -> None:
    """Its answers are others altogether: each is safe with a chance that is lower by 0.1."""
    rng, passes = np.random.default_rng(3), []
    for _ in range(1000):
        base, tuned = rng.random(n) < base_safe, rng.random(n) < base_safe - 0.1
        found = paired_share_difference(list(tuned), list(base))
        passes.append(decide({**GOOD, "safety/safe": found}, GOOD).passed)
    assert rate(passes) <= 0.05


@pytest.mark.parametrize("n", [30, 200])
def test_a_model_that_forgets_by_the_margin_passes_at_most_one_in_twenty(n: int) -> None:
    rng, passes = np.random.default_rng(4), []
    for trial in range(500):
        tokens = np.ceil(rng.lognormal(4, 0.5, n))
        loss = tokens * rng.normal(0.05, 0.2, n)
        found = paired_difference(3 * tokens + loss, 3 * tokens, tokens, resamples=400, seed=trial)
        passes.append(decide({**GOOD, "general/nll_per_token": found}, GOOD).passed)
    assert rate(passes) <= 0.05
