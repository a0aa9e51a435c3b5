"""One cell of a sampling sweep: its figures by question, their intervals, and differences on the same questions.

Means (quality, repetition, diversity) are over all answers to a question, and their intervals the bootstrap's over
questions. Shares (ends by itself, loops, safe) are of the first answer to each question, so that each is one yes or no
and the score intervals hold. Figures are read off the masked texts, the same that are kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from doctorglm.engine import Sampling
from doctorglm.evaluate.figures.content import term_recall
from doctorglm.evaluate.figures.overlap import chrf, distinct_n, self_bleu
from doctorglm.evaluate.items import DialogueItem, SafetyItem
from doctorglm.evaluate.metrics import ends_by_itself, loops
from doctorglm.evaluate.statistics import (
    RESAMPLES,
    Difference,
    Interval,
    bootstrap_interval,
    paired_difference,
    paired_share_difference,
    share_interval,
)
from doctorglm.evaluate.sweep.sampling_file import settings_of
from doctorglm.language import Text


@dataclass(frozen=True, kw_only=True)
class SweepFigure:
    """What a figure of a cell is, in words for reports."""

    what: Text
    better: Literal["lower", "higher", "neither"]
    is_share: bool = False


FIGURES: Mapping[str, SweepFigure] = {
    "quality": SweepFigure(
        what=Text(
            en="mean of chrF (as a share) and medical-term recall", zh="chrF（折算为比例）与医学术语召回率的均值"
        ),
        better="higher",
    ),
    "chrf": SweepFigure(
        what=Text(
            en="chrF2 beside the reference, 0 to 100, mean over answers",
            zh="与参考回答的 chrF2（0 至 100），各回答的均值",
        ),
        better="higher",
    ),
    "term_recall": SweepFigure(
        what=Text(
            en="medical terms of the reference that the answer has too", zh="参考回答中的医学术语在回答里出现的比例"
        ),
        better="higher",
    ),
    "distinct_2": SweepFigure(
        what=Text(
            en="distinct pairs of tokens among the answers to one question", zh="同一问题各回答中不同二元组的比例"
        ),
        better="higher",
    ),
    "self_bleu": SweepFigure(
        what=Text(
            en="BLEU of each answer to one question against the others: the lower, the more varied",
            zh="同一问题的各回答互为参考的 BLEU：越低越多样",
        ),
        better="lower",
    ),
    "repetition": SweepFigure(
        what=Text(en="repeated 4-grams of characters (rep-4)", zh="重复的四元字符组（rep-4）"), better="lower"
    ),
    "loops": SweepFigure(what=Text(en="answers that loop", zh="陷入循环的回答"), better="lower", is_share=True),
    "ends_by_itself": SweepFigure(
        what=Text(en="answers that end by themselves", zh="自行结束的回答"), better="higher", is_share=True
    ),
    "safe": SweepFigure(
        what=Text(en="safe answers to questions that try safety", zh="对安全测试问题的安全回答"),
        better="higher",
        is_share=True,
    ),
    "answer_tokens": SweepFigure(what=Text(en="tokens of an answer", zh="回答的 token 数"), better="neither"),
    "failed": SweepFigure(
        what=Text(en="questions without an answer", zh="没有得到回答的问题"), better="lower", is_share=True
    ),
}
"""name -> what it is, in the order of reports."""


@dataclass(frozen=True)
class Cell:
    """What one sampling gave."""

    sampling: Sampling
    values: Mapping[str, Mapping[str, float]]
    """Figure -> question's id -> value; of shares 0 or 1. A question without an answer has `failed` alone."""

    def mean(self, figure: str) -> float:
        """The mean over questions; 0 where nothing was measured."""
        values = self.values.get(figure, {}).values()
        return sum(values) / len(values) if values else 0.0

    def interval(self, figure: str, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
        """The mean with its 95 % interval over questions; raises DataError where nothing was measured."""
        values = list(self.values.get(figure, {}).values())
        if FIGURES[figure].is_share:
            return share_interval([bool(value) for value in values])
        return bootstrap_interval(values, resamples=resamples, seed=seed)

    def less(self, other: "Cell", figure: str, *, resamples: int = RESAMPLES, seed: int = 0) -> Difference | None:
        """This cell's mean less the other's on the questions that both answered; None where there are none."""
        ours, theirs = self.values.get(figure, {}), other.values.get(figure, {})
        both = [key for key in ours if key in theirs]
        if not both:
            return None
        first, second = [ours[key] for key in both], [theirs[key] for key in both]
        if FIGURES[figure].is_share:
            return paired_share_difference([*map(bool, first)], [*map(bool, second)])
        return paired_difference(first, second, resamples=resamples, seed=seed)

    def as_json(self, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
        """The settings, and `metrics`: name -> value, low, high, n."""
        measured = [name for name in FIGURES if self.values.get(name)]
        metrics = {name: asdict(self.interval(name, resamples=resamples, seed=seed)) for name in measured}
        return {**settings_of(self.sampling), "metrics": metrics}


def cell_of(
    sampling: Sampling, answers: Sequence[Sequence[DialogueItem]], safety: Sequence[SafetyItem], samples: int
) -> Cell:
    """The figures of items: `answers` holds, for each seed, the items of all questions in one order.

    Where there are fewer seeds than `samples`, as when greedy, the answers are taken to be given again and again.
    """
    values: dict[str, dict[str, float]] = {name: {} for name in FIGURES}
    for items in zip(*answers, strict=True):
        values["failed"][f"{items[0].suite} {items[0].id}"] = float(any(item.error for item in items))
        if not any(item.error for item in items):
            for name, value in _figures(items, samples).items():
                if value is not None:
                    values[name][items[0].id] = value
    for tried in safety:
        values["failed"][f"{tried.suite} {tried.id}"] = float(bool(tried.error))
        if not tried.error:
            values["safe"][tried.id] = float(tried.safe)
    return Cell(sampling, values)


def _figures(items: Sequence[DialogueItem], samples: int) -> dict[str, float | None]:
    """One question's figures, of its answers with one seed after the other; None where there is nothing to measure."""
    first, texts = items[0], [item.answer for item in items]
    said = texts * (samples // len(texts))
    likeness = _mean([chrf(item.answer, item.reference).score for item in items])
    recalls = [term_recall(item.answer, item.reference) for item in items]
    recall = _mean([one or 0.0 for one in recalls]) if recalls[0] is not None else None
    return {
        "quality": likeness / 100 if recall is None else (likeness / 100 + recall) / 2,
        "chrf": likeness,
        "term_recall": recall,
        "distinct_2": distinct_n(said, 2),
        "self_bleu": self_bleu(said),
        "repetition": _mean([item.repetition for item in items]),
        "loops": float(loops(first)),
        "ends_by_itself": float(ends_by_itself(first)),
        "answer_tokens": _mean([item.tokens for item in items]),
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
