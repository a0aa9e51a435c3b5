"""The abstention part of `benchmarks/library.py`: on which questions to keep silent, and what that saves.

An answer is right where the first document is one that answers; what is said to a question without an answer is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from _library_arms import Arm, Ranked, encoders, ours, peers
from _library_calibration import MOST_FALSE, calibration_of, fitted, threshold, write
from _library_metrics import (
    COVERAGE,
    RESAMPLES,
    area,
    calibration_error,
    curve,
    false_answers,
    least_area,
    resampled,
    threshold_at,
)
from _library_quality import OURS, libraries_of, shipped_ids
from _library_sets import Question, labelled
from _library_steps import Steps
from doctorglm.evaluate.statistics import share_interval
from doctorglm.library.confidence import Calibration, Features, confidence, shipped

RESULT = "benchmarks/results/library_abstain_dev.json"


@dataclass(frozen=True, slots=True)
class Judged:
    """The labelled questions in the order answerable, unanswerable, with what an arm makes of them."""

    questions: Sequence[Question]
    sure: Sequence[float]
    wrong: Sequence[bool]
    found: Sequence[bool]
    """Whether it has any document, which the paper's has not below its constant."""

    @property
    def strata(self) -> tuple[int, int]:
        """How many can be answered, and how many cannot."""
        answerable = sum(bool(question.right) for question in self.questions)
        return answerable, len(self.questions) - answerable


def abstain(half: str, steps: Steps, *, into: Path | None = None, tiny: bool = False) -> dict[str, Any]:
    """What each confidence is worth on a half; with `into`, after the product's was fitted on it and written there."""
    questions = sorted(labelled(half, shipped_ids(steps), tiny=tiny).questions, key=lambda q: not q.right)
    found = {name: _ranked(f"{half}, {name}", arm, questions, steps) for name, arm in _arms(questions, steps).items()}
    calibration, told = shipped(), {}
    if into is not None:
        calibration, told = _calibrated(found[OURS], questions)
        write(into, calibration, RESULT)
    found[OURS] = [replace(one, sure=_sure(one, calibration)) for one in found[OURS]]
    judged = {name: _judged(of, questions) for name, of in found.items()}
    resamples = RESAMPLES // 50 if tiny else RESAMPLES
    return {
        "half": half,
        "questions": dict(zip(("answerable", "unanswerable"), judged[OURS].strata, strict=True)),
        "calibration": {"weights": dict(calibration.weights), "intercept": calibration.intercept} | told,
        "arms": {name: worth(of, resamples) for name, of in judged.items()},
        "threshold": at(judged[OURS], calibration.threshold),
        "listed": _listed(judged[OURS], found[OURS], calibration.threshold),
    }


def _arms(questions: Sequence[Question], steps: Steps) -> dict[str, Callable[[], Arm]]:
    """Ours, and the peers; of the paper's, the one with its constant and the one with a number for every question."""
    libraries = libraries_of("labelled", (), steps)
    every = peers(libraries.documents(), [question.text for question in questions])
    assert len(every) == 1 + 2 * sum(1 for _ in encoders())
    return {OURS: lambda: ours(libraries.built())} | every


def _ranked(name: str, arm: Callable[[], Arm], questions: Sequence[Question], steps: Steps) -> list[Ranked]:
    def made() -> list[dict[str, Any]]:
        answer = arm()
        return [asdict(answer(question.text)) for question in questions]

    rows = steps.of(f"abstain, {name}", made)
    return [
        Ranked(tuple(row["documents"]), row["sure"], Features(**row["features"]) if row["features"] else None)
        for row in rows
    ]


def _sure(one: Ranked, calibration: Calibration) -> float:
    return confidence(one.features, calibration) if one.features and one.documents else 0.0


def _is_right(one: Ranked, question: Question) -> bool:
    return bool(one.documents) and one.documents[0] in question.right


def _judged(of: Sequence[Ranked], questions: Sequence[Question]) -> Judged:
    wrong = [not _is_right(one, question) for one, question in zip(of, questions, strict=True)]
    return Judged(questions, [one.sure for one in of], wrong, [bool(one.documents) for one in of])


def _calibrated(of: Sequence[Ranked], questions: Sequence[Question]) -> tuple[Calibration, dict[str, Any]]:
    """The confidence fitted on what was found, and how that went; questions that find nothing teach nothing."""
    some = [(one, q) for one, q in zip(of, questions, strict=True) if one.documents and one.features]
    right = [_is_right(one, q) for one, q in some]
    fit = fitted([one.features for one, _ in some if one.features], right)
    calibration = calibration_of(fit, 0.0)
    sure = [_sure(one, calibration) for one in of]
    least = threshold(sure, [not q.right for q in questions])
    answerable = [bool(q.right) for _, q in some]
    unseen = np.array(fit.out_of_fold)
    told = {
        "fitted on": len(some),
        "penalty": fit.strength,
        "nats out of fold": fit.losses,
        "area out of fold": area(unseen, [not r for r in right]),
        "false answers out of fold": false_answers(unseen[np.array(answerable)], unseen[~np.array(answerable)]),
        "false answers allowed": MOST_FALSE,
    }
    return replace(calibration, threshold=least), told


def worth(judged: Judged, resamples: int) -> dict[str, Any]:
    """Area, false answers, the points of the curve, and how often there is a document at all."""
    sure_I, wrong_I = np.array(judged.sure), np.array(judged.wrong)
    answerable = judged.strata[0]

    def figure_of_area(drawn: npt.NDArray[np.int64]) -> float:
        return area(sure_I[drawn], wrong_I[drawn])

    def figure_of_false(drawn: npt.NDArray[np.int64]) -> float:
        return false_answers(sure_I[drawn[:answerable]], sure_I[drawn[answerable:]])

    return {
        "aurc": asdict(resampled(figure_of_area, judged.strata, resamples)),
        "aurc of an oracle": least_area(judged.wrong),
        "risk when all are answered": float(wrong_I.mean()),
        f"false answers at {COVERAGE:.0%} coverage": asdict(resampled(figure_of_false, judged.strata, resamples)),
        f"threshold at {COVERAGE:.0%} coverage": threshold_at(sure_I[:answerable]),
        "curve": curve(judged.sure, judged.wrong),
        "finds a document": {
            "answerable": _share(judged.found[:answerable]),
            "unanswerable": _share(judged.found[answerable:]),
        },
    }


def at(judged: Judged, least: float) -> dict[str, Any]:
    """What happens at a threshold: who is answered, what silence is worth, by style too."""
    answered = [sure >= least for sure in judged.sure]
    answerable = [bool(question.right) for question in judged.questions]
    both = list(zip(answered, answerable, judged.wrong, strict=True))
    return {
        "value": least,
        "answerable that are answered": _share([a for a, can, _ in both if can]),
        "answerable that are answered rightly": _share([a and not wrong for a, can, wrong in both if can]),
        "false answers": _share([a for a, can, _ in both if not can]),
        "answers that are right": _share([not wrong for a, _, wrong in both if a]),
        "abstaining, precision": _share([not can for a, can, _ in both if not a]),
        "abstaining, recall": _share([not a for a, can, _ in both if not can]),
        "calibration error": calibration_error(judged.sure, [not wrong for wrong in judged.wrong]),
        "answered by style": _by_style(judged.questions, answered),
    }


def _share(flags: Sequence[bool]) -> dict[str, Any] | None:
    return asdict(share_interval(flags)) if flags else None


def _by_style(questions: Sequence[Question], answered: Sequence[bool]) -> Mapping[str, Any]:
    styles: dict[str, list[bool]] = {}
    for question, is_answered in zip(questions, answered, strict=True):
        styles.setdefault(question.groups[0], []).append(is_answered)
    return {style: _share(flags) for style, flags in sorted(styles.items())}


def _listed(judged: Judged, of: Sequence[Ranked], least: float) -> dict[str, list[list[Any]]]:
    """[id, confidence, first document] of each question that is answered though it cannot be, or not though it can."""
    kinds: dict[str, list[list[Any]]] = {"answered without an answer": [], "not answered": []}
    for question, sure, one in zip(judged.questions, judged.sure, of, strict=True):
        if (sure >= least) != bool(question.right):
            kind = "not answered" if question.right else "answered without an answer"
            kinds[kind].append([question.id, round(sure, 4), *one.documents[:1]])
    return kinds
