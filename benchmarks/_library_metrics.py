"""How rankings of documents are scored, and how well a confidence tells which of them to answer with.

A ranking holds each document once, best first; `right` are the documents that answer. Of risk and coverage: questions
are answered from the surest down; coverage is the share that is answered, risk the share of those that is answered
wrongly (El-Yaniv and Wiener 2010, https://jmlr.org/papers/v11/el-yaniv10a.html). To answer what cannot be answered is
wrong. Equal confidences are answered together, so that no order among them helps or harms.
Shapes: I questions, R resamples.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from doctorglm.evaluate.statistics import CONFIDENCE, RESAMPLES, Interval, bootstrap_interval, paired_difference

DEPTH = 10
"""How far reciprocal ranks and gains are counted."""
COVERAGE = 0.9
"""The share of answerable questions at which false answers are counted."""
COMPARED = ("recall@1", "mrr@10")
_EVENLY = 20
"""Points of a curve that a result keeps."""

Ranking: TypeAlias = Sequence[str]
Floats: TypeAlias = npt.NDArray[np.float64]
Figure: TypeAlias = Callable[[npt.NDArray[np.int64]], float]


def recall(ranking: Ranking, right: Collection[str], most: int) -> float:
    """1 where a document that answers is among the first `most`, else 0."""
    return float(any(document in right for document in ranking[:most]))


def reciprocal_rank(ranking: Ranking, right: Collection[str]) -> float:
    """1 / the rank of the first document that answers; 0 where it is not among the first ten."""
    return next((1 / rank for rank, document in enumerate(ranking[:DEPTH], 1) if document in right), 0.0)


def gain(ranking: Ranking, right: Collection[str]) -> float:
    """nDCG of the first ten, every document that answers being worth 1 (Jarvelin and Kekalainen 2002)."""
    found = sum(1 / math.log2(rank + 1) for rank, document in enumerate(ranking[:DEPTH], 1) if document in right)
    best = sum(1 / math.log2(rank + 1) for rank in range(1, min(DEPTH, len(right)) + 1))
    return found / best


MEASURES: Mapping[str, Callable[[Ranking, Collection[str]], float]] = {
    "recall@1": lambda ranking, right: recall(ranking, right, 1),
    "recall@5": lambda ranking, right: recall(ranking, right, 5),
    "recall@10": lambda ranking, right: recall(ranking, right, 10),
    "mrr@10": reciprocal_rank,
    "ndcg@10": gain,
}


def scores(rankings: Sequence[Ranking], rights: Sequence[Collection[str]]) -> dict[str, list[float]]:
    """Each measure of each question."""
    pairs = list(zip(rankings, rights, strict=True))
    return {name: [measure(ranking, right) for ranking, right in pairs] for name, measure in MEASURES.items()}


def means(of: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The mean of each measure with its interval."""
    return {name: asdict(bootstrap_interval(values)) for name, values in of.items()}


def against(theirs: Mapping[str, Sequence[float]], ours: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """What theirs has more than ours on the same questions, negative where it has less."""
    return {name: asdict(paired_difference(theirs[name], ours[name])) for name in COMPARED}


def risks(sure: Sequence[float] | Floats, wrong: Sequence[bool] | npt.NDArray[np.bool_]) -> Floats:
    """The risk when the surest 1, 2, ... I questions are answered, (I,); of equals, each counts with their mean."""
    sure_I, wrong_I = np.asarray(sure, np.float64), np.asarray(wrong, np.float64)
    _, group_I, counts = np.unique(-sure_I, return_inverse=True, return_counts=True)
    mean = np.bincount(group_I, weights=wrong_I) / counts
    return np.asarray(np.cumsum(np.repeat(mean, counts)) / np.arange(1, len(sure_I) + 1))


def area(sure: Sequence[float] | Floats, wrong: Sequence[bool] | npt.NDArray[np.bool_]) -> float:
    """The area under risk and coverage: the mean risk over every coverage there is; the lower the better."""
    return float(risks(sure, wrong).mean())


def least_area(wrong: Sequence[bool]) -> float:
    """The area of a confidence that knows which answers are wrong."""
    return area([float(not w) for w in wrong], wrong)


def threshold_at(sure_of_answerable: Sequence[float] | Floats, coverage: float = COVERAGE) -> float:
    """The highest threshold at which this share of the answerable questions, or more, is answered."""
    ordered = np.sort(np.asarray(sure_of_answerable, np.float64))[::-1]
    return float(ordered[math.ceil(coverage * len(ordered) - 1e-9) - 1])


def false_answers(
    sure_of_answerable: Sequence[float] | Floats,
    sure_of_unanswerable: Sequence[float] | Floats,
    coverage: float = COVERAGE,
) -> float:
    """The share of unanswerable questions that is answered where `coverage` of the answerable ones is."""
    least = threshold_at(sure_of_answerable, coverage)
    return float(np.mean(np.asarray(sure_of_unanswerable, np.float64) >= least))


def resampled(figure: Figure, strata: Sequence[int], resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """A figure of question numbers with its percentile interval; each stratum is resampled by itself.

    For figures that are no ratio of sums, as a share at a threshold that depends on other questions.
    """
    numbers = np.arange(sum(strata))
    parts = np.split(numbers, np.cumsum(strata)[:-1])
    rng = np.random.default_rng(seed)
    drawn = [figure(np.concatenate([rng.choice(part, len(part)) for part in parts])) for _ in range(resamples)]
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(figure(numbers), float(low), float(high), len(numbers))


def curve(sure: Sequence[float], wrong: Sequence[bool]) -> list[list[float]]:
    """Twenty points (coverage, risk) of the curve."""
    risk_I = risks(sure, wrong)
    places = [math.ceil(len(risk_I) * step / _EVENLY) for step in range(1, _EVENLY + 1)]
    return [[round(place / len(risk_I), 4), round(float(risk_I[place - 1]), 4)] for place in dict.fromkeys(places)]


def calibration_error(sure: Sequence[float], right: Sequence[bool], bins: int = 10) -> float:
    """The expected calibration error over bins of equal width (Guo et al. 2017, https://arxiv.org/abs/1706.04599)."""
    sure_I, right_I = np.asarray(sure, np.float64), np.asarray(right, np.float64)
    bin_I = np.minimum((sure_I * bins).astype(np.int64), bins - 1)
    gaps = np.abs(np.bincount(bin_I, sure_I, bins) - np.bincount(bin_I, right_I, bins))
    return float(gaps.sum() / len(sure_I))
