"""The report's first screen says what the gate found, with a sign on every bound of a difference."""

from doctorglm.recipe.page import _verdict

NLL = {
    "n": 208,
    "difference": -0.7402,
    "low": -0.7581,
    "high": -0.7218,
    "difference_placebo": 0.0066,
    "low_placebo": -0.0009,
    "high_placebo": 0.0121,
}
GATE = {
    "passed": False,
    "sentence": {"en": "no", "zh": "否"},
    "reasons": [{"en": "style only", "zh": "只学到了文风"}],
    "metrics": {"nll_per_token": NLL, "ends_by_itself": {"tuned": 1.0, "base": 0.9808}},
}


def test_the_numbers_of_the_verdict() -> None:
    verdict = _verdict(GATE)
    assert not verdict.passed and [r.zh for r in verdict.reasons] == ["只学到了文风"]
    assert [n.value for n in verdict.numbers] == [
        "−0.740 [−0.758, −0.722]",
        "+0.007 [−0.001, +0.012]",
        "100.0\u202f%",
    ]
    assert [n.note.en for n in verdict.numbers if n.note] == ["208 conversations, paired"] * 2 + ["base: 98.1\u202f%"]
