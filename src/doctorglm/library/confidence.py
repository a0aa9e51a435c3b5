"""How likely the best passages answer a question: a logistic model of eight features, calibrated on labelled questions.

The paper's prompt designer compares an unnormalised dot product with the constant 250; here what a library holds of the
question decides, and the threshold is one on a probability: the higher it is, the more often it abstains.
`benchmarks/library.py abstain --calibrate` fits weights and threshold on development questions alone.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources

import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What is known of the best document and of its passages among the first, each between 0 and 1.

    `named`: the question names it; `foreign`: of the diseases and drugs that the question names, the share that no
    document is about; `phrases`: of what it says beside names, in bigrams weighted by rarity, the share that the
    passages hold; `complaints`: how many of its complaints they hold, of three; `agreed`: the share of the first
    passages that are this document's; `exact`: it wants something exact (`particulars.py`); `lacking`: of a kind that
    the passages do not hold; `length`: how much the question says.
    """

    named: float = 0.0
    foreign: float = 0.0
    phrases: float = 0.0
    complaints: float = 0.0
    agreed: float = 0.0
    exact: float = 0.0
    lacking: float = 0.0
    length: float = 0.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights of the features, the intercept, and the confidence below which it is better to abstain."""

    weights: Mapping[str, float]
    intercept: float
    threshold: float


@cache
def shipped() -> Calibration:
    """The calibration in `confidence.yaml`."""
    values = yaml.safe_load(resources.files(__package__).joinpath("confidence.yaml").read_text(encoding="utf-8"))
    return Calibration(values["weights"], float(values["intercept"]), float(values["threshold"]))


def confidence(features: Features, calibration: Calibration) -> float:
    """The probability that the best passages answer, between 0 and 1."""
    total = calibration.intercept + sum(calibration.weights[name] * x for name, x in asdict(features).items())
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))
