"""The probability that passages answer: the logistic function by hand, between its ends."""

import math
from dataclasses import fields, replace

import pytest

from doctorglm.library.confidence import Calibration, Features, confidence, shipped

HALF = Features(named=1.0, foreign=0.5, phrases=0.5, lacking=0.0, length=0.25)
OF = Calibration(
    {
        "named": 1.0,
        "foreign": -3.0,
        "phrases": 2.0,
        "complaints": 8.0,
        "agreed": 16.0,
        "exact": 32.0,
        "lacking": 0.5,
        "length": 4.0,
    },
    -0.5,
    0.5,
)


def test_the_logistic_function_of_the_weighed_features() -> None:
    assert confidence(HALF, OF) == pytest.approx(1 / (1 + math.exp(-(1 + 1 - 1.5 + 0 + 1 - 0.5))))
    assert confidence(HALF, replace(OF, intercept=1e6)) <= 1 and confidence(HALF, replace(OF, intercept=-1e6)) >= 0


def test_what_ships_weighs_every_feature_and_more_of_the_question_makes_it_surer() -> None:
    of = shipped()
    assert set(of.weights) == {one.name for one in fields(Features)} and 0 < of.threshold < 1
    for name, more in (
        ("named", True),
        ("phrases", True),
        ("complaints", True),
        ("foreign", False),
        ("lacking", False),
    ):
        rises = confidence(replace(HALF, **{name: 1.0}), of) > confidence(replace(HALF, **{name: 0.0}), of)
        assert rises is more
