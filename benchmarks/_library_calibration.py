"""The confidence of `library search`, fitted on labelled development questions: weights, intercept and threshold.

The weights are those of a logistic regression with an L2 penalty on all but the intercept, whose strength is chosen by
tenfold cross-validation. The threshold is the one with the highest coverage at which fewer than a tenth of the
unanswerable questions is answered: a step that isotonic regression would make of some hundred questions is as wide as
what is decided here, and a threshold needs the order alone, which isotonic regression does not change.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml
from scipy import optimize, special

from _library_metrics import Floats
from doctorglm.library.confidence import Calibration, Features

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
"""Of the penalty, half of it times the sum of the squared weights, beside the sum of the losses."""
FOLDS = 10
MOST_FALSE = 0.1
"""The share of unanswerable questions that may be answered on the development half."""
NAMES = tuple(field.name for field in fields(Features))
_HEAD = """\
# Weights of the features in confidence.py, and the threshold; written by
# `python benchmarks/library.py abstain --calibrate`, on development questions alone.
"""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fit:
    """A logistic model, the strength of its penalty, and what each question has out of its own fold."""

    weights: dict[str, float]
    intercept: float
    strength: float
    losses: dict[float, float]
    """Strength -> nats a question, out of fold."""
    out_of_fold: list[float]


def matrix(features: Sequence[Features]) -> Floats:
    """(I, F), in the order of the fields."""
    return np.array([[asdict(one)[name] for name in NAMES] for one in features], np.float64)


def logistic(features_IF: Floats, right_I: Flags, strength: float) -> Floats:
    """Weights and, last, the intercept (F + 1,) of the penalised likelihood's maximum."""
    ones_IF = np.column_stack([features_IF, np.ones(len(features_IF))])
    sign_I = np.where(right_I, 1.0, -1.0)
    penalty_F = np.append(np.full(features_IF.shape[1], strength), 0.0)

    def loss(weights_F: Floats) -> tuple[float, Floats]:
        margin_I = sign_I * (ones_IF @ weights_F)
        nats = -special.log_expit(margin_I).sum() + 0.5 * (penalty_F * weights_F**2).sum()
        slope_F = -ones_IF.T @ (sign_I * special.expit(-margin_I)) + penalty_F * weights_F
        return float(nats), slope_F

    found = optimize.minimize(loss, np.zeros(ones_IF.shape[1]), jac=True, method="L-BFGS-B", tol=1e-12)
    return np.asarray(found.x)


def fitted(features: Sequence[Features], right: Sequence[bool], seed: int = 0) -> Fit:
    """The model of all questions, with the penalty that does best on questions that it has not seen."""
    features_IF, right_I = matrix(features), np.asarray(right, np.bool_)
    fold_I = _folds(right_I, seed)
    seen = {strength: _out_of_fold(features_IF, right_I, fold_I, strength) for strength in STRENGTHS}
    losses = {strength: _nats(sure_I, right_I) for strength, sure_I in seen.items()}
    strength = min(losses, key=losses.__getitem__)
    *weights, intercept = map(float, logistic(features_IF, right_I, strength))
    return Fit(dict(zip(NAMES, weights, strict=True)), intercept, strength, losses, seen[strength].tolist())


def _folds(right_I: Flags, seed: int) -> npt.NDArray[np.int64]:
    """A fold for each question, right and wrong ones spread evenly."""
    fold_I = np.empty(len(right_I), np.int64)
    rng = np.random.default_rng(seed)
    for kind in (True, False):
        places = rng.permutation(np.flatnonzero(right_I == kind))
        fold_I[places] = np.arange(len(places)) % FOLDS
    return fold_I


def _out_of_fold(features_IF: Floats, right_I: Flags, fold_I: npt.NDArray[np.int64], strength: float) -> Floats:
    sure_I = np.empty(len(right_I))
    for fold in np.unique(fold_I):
        inside_I = fold_I != fold
        weights_F = logistic(features_IF[inside_I], right_I[inside_I], strength)
        sure_I[~inside_I] = special.expit(features_IF[~inside_I] @ weights_F[:-1] + weights_F[-1])
    return sure_I


def _nats(sure_I: Floats, right_I: Flags) -> float:
    likely_I = np.where(right_I, sure_I, 1 - sure_I)
    return float(-np.log(np.maximum(likely_I, 1e-12)).mean())


def threshold(sure: Sequence[float], unanswerable: Sequence[bool], most: float = MOST_FALSE) -> float:
    """The lowest threshold at which less than `most` of the unanswerable questions are answered, with some room.

    It lies midway between the least confidence that is answered and the next one below.
    """
    sure_I, bad_I = np.asarray(sure, np.float64), np.asarray(unanswerable, np.bool_)
    levels = np.unique(sure_I)
    allowed = [level for level in levels if np.mean(sure_I[bad_I] >= level) < most]
    if not allowed:  # the surest questions of all are unanswerable
        return 1.0
    least = float(allowed[0])
    below = levels[levels < least]
    return round((least + (float(below[-1]) if len(below) else 0.0)) / 2, 4)


def calibration_of(fit: Fit, least: float) -> Calibration:
    """As the library reads it, in the digits that are written."""
    return Calibration({name: round(value, 4) for name, value in fit.weights.items()}, round(fit.intercept, 4), least)


def write(path: Path, calibration: Calibration, result: str) -> None:
    """Writes `confidence.yaml`; `result` is the file that holds how it came about."""
    values = {
        "result": result,
        "weights": dict(calibration.weights),
        "intercept": calibration.intercept,
        "threshold": calibration.threshold,
    }
    text = yaml.safe_dump(values, sort_keys=False, default_flow_style=None, allow_unicode=True)
    path.write_text(_HEAD + text, encoding="utf-8")
