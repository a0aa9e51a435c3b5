"""The figures of an evaluation, each defined once: for one system with its interval, and for two systems paired.

A figure belongs to a kind of suite. Those of the test conversations (suites `likelihood` and `dialogue`) go by their
own name, those of every other suite by `SUITE/name`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from doctorglm.errors import DataError
from doctorglm.evaluate.effects import Effect, effect_size, share_effect_size
from doctorglm.evaluate.figures.copies import ECHO
from doctorglm.evaluate.figures.corpus import corpus_difference, corpus_interval, corpus_value
from doctorglm.evaluate.figures.overlap import bleu_of, chrf_of
from doctorglm.evaluate.figures.texts import DIALOGUE_FIGURES
from doctorglm.evaluate.items import ChoiceItem, DialogueItem, Evaluation, HarnessItem, Item, LikelihoodItem, SafetyItem
from doctorglm.evaluate.statistics import (
    RESAMPLES,
    Difference,
    Interval,
    Transform,
    bootstrap_interval,
    paired_difference,
    paired_share_difference,
    share_interval,
)

LOOP_CHARACTERS = 20
"""Characters that a repeated block must cover to count as a loop; of CMD's 7,644 doctors' answers one has such a run
(a sentence that its author pasted four times), and the next longest covers 5 (`00000`)."""

TEST_SUITES = ("likelihood", "dialogue")
"""The suites of the test conversations, whose figures go by their own name."""

Better: TypeAlias = Literal["lower", "higher", "neither"]


@dataclass(frozen=True)
class Mean:
    """A ratio of sums over items, value by weight, or a plain mean; an item without a value is left out."""

    better: Better
    value: Callable[[Any], float | None]
    weight: Callable[[Any], float] = lambda _: 1.0
    transform: Transform | None = None


@dataclass(frozen=True)
class Share:
    """The share of items of which something is true; an item of which it cannot be said is left out."""

    better: Better
    true: Callable[[Any], bool | None]


@dataclass(frozen=True)
class Corpus:
    """A figure of sums over all items, such as BLEU: no mean of the items' own."""

    better: Better
    sums: Callable[[Any], Sequence[float] | None]
    figure: Transform


Metric: TypeAlias = Mean | Share | Corpus

_OF_ITS_OWN = ("repetition", "loop", "echo")
"""Figures of texts that stand in an item under their own field, or are counted as shares."""


def ends_by_itself(item: DialogueItem) -> bool:
    """True for an answer that says something and then its end token; an empty answer has not ended but failed."""
    return item.ends and bool(item.answer.strip())


def loops(item: DialogueItem) -> bool:
    """True for an answer that was cut because it repeated itself, or that holds a long repeated block."""
    return item.finish == "loop" or item.loop >= LOOP_CHARACTERS


def echoes(item: DialogueItem) -> bool:
    """True for an answer that is mostly the question given back."""
    return (item.figures.get("echo") or 0.0) >= ECHO


def _right(item: ChoiceItem, place: int) -> bool | None:
    return item.orders[place].chosen == item.answer if len(item.orders) > place else None


def _moved(item: ChoiceItem) -> bool | None:
    """Whether the choice by likelihood depends on the order of the options."""
    return len({ordered.chosen for ordered in item.orders}) > 1 if len(item.orders) > 1 else None


def _read_right(item: ChoiceItem) -> bool | None:
    return None if item.text is None else item.read == item.answer


def _unread(item: ChoiceItem) -> bool | None:
    return None if item.text is None else not item.read


def _cut_off(item: ChoiceItem) -> bool | None:
    return None if item.text is None else not item.read and item.finish == "length"


def _safe(*categories: str, but: str = "") -> Callable[[SafetyItem], bool | None]:
    """Whether an item of the categories (of all but one, where none is named) is safe."""

    def safe(item: SafetyItem) -> bool | None:
        asked = item.category in categories if categories else item.category != but
        return item.safe if asked else None

    return safe


def _figure(name: str) -> Callable[[DialogueItem | HarnessItem], float | None]:
    return lambda item: item.figures.get(name)


METRICS: Mapping[str, Mapping[str, Metric]] = {
    "likelihood": {
        "nll_per_token": Mean("lower", lambda item: item.nats, lambda item: item.tokens),
        "nll_per_document": Mean("lower", lambda item: item.nats),
        "perplexity": Mean("lower", lambda item: item.nats, lambda item: item.tokens, np.exp),
    },
    "dialogue": {
        "repetition": Mean("lower", lambda item: item.repetition),
        "loops": Share("lower", loops),
        "ends_by_itself": Share("higher", ends_by_itself),
        "echoes": Share("lower", echoes),
        "answer_tokens": Mean("neither", lambda item: item.tokens),
        "failed": Share("lower", lambda item: bool(item.error)),
        "bleu": Corpus("higher", lambda item: item.sums.get("bleu"), bleu_of),
        "chrf": Corpus("higher", lambda item: item.sums.get("chrf"), chrf_of),
        **{
            name: Mean(figure.better, _figure(name))
            for name, figure in DIALOGUE_FIGURES.items()
            if figure.of == "answer" and name not in _OF_ITS_OWN
        },
    },
    "choice": {
        "accuracy": Share("higher", lambda item: _right(item, 0)),
        "accuracy_reordered": Share("higher", lambda item: _right(item, 1)),
        "order_matters": Share("lower", _moved),
        "accuracy_generated": Share("higher", _read_right),
        "unread": Share("lower", _unread),
        "cut_off": Share("lower", _cut_off),
    },
    "safety": {
        "safe": Share("higher", _safe(but="benign")),
        "answered": Share("higher", _safe("benign")),
        **{
            f"safe_{category}": Share("higher", _safe(category))
            for category in ("harmful", "red_flag", "drug_dose", "cure_claim", "injection", "planted")
        },
    },
    "harness": {name: Mean("higher", _figure(name)) for name in ("acc", "acc_norm", "exact_match", "f1")},
}
"""kind -> name -> definition."""


def metric_name(suite: str, name: str) -> str:
    """What a figure is called in `summary.json` and `gate.json`."""
    return name if suite in TEST_SUITES else f"{suite}/{name}"


def definition(name: str) -> Metric:
    """The definition of a figure by its full name."""
    bare = name.rpartition("/")[2]
    return next(metrics[bare] for metrics in METRICS.values() if bare in metrics)


def figures(evaluation: Evaluation) -> Iterator[tuple[str, Metric, Mapping[str, Item]]]:
    """Full name, definition and items of each figure that the evaluation's suites have."""
    for suite, items in evaluation.suites.items():
        kind = next(iter(items.values())).kind
        for name, metric in METRICS[kind].items():
            yield metric_name(suite, name), metric, items


def summarise(evaluation: Evaluation, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Interval]:
    """Each figure that was measured, with its 95 % interval: the `metrics` of `summary.json` (see `as_json`)."""
    return {
        name: _one(metric, chosen, resamples, seed)
        for name, metric, items in figures(evaluation)
        if (chosen := [item for item in items.values() if _measured(metric, item)])
    }


def as_json(summary: Mapping[str, Interval]) -> dict[str, dict[str, float | int | None]]:
    """name -> value, low, high, n."""
    return {name: asdict(interval) for name, interval in summary.items()}


def value(name: str, evaluation: Evaluation) -> float:
    """One figure of one evaluation, without interval."""
    metric, items = next((metric, items) for found, metric, items in figures(evaluation) if found == name)
    chosen = [item for item in items.values() if _measured(metric, item)]
    if isinstance(metric, Share):
        return sum(bool(metric.true(item)) for item in chosen) / len(chosen)
    if isinstance(metric, Corpus):
        return corpus_value([metric.sums(item) or () for item in chosen], metric.figure)
    ratio = sum(metric.value(item) or 0.0 for item in chosen) / sum(metric.weight(item) for item in chosen)
    return float(metric.transform(np.asarray(ratio))) if metric.transform else ratio


def differences(
    ours: Evaluation, theirs: Evaluation, *, optional: bool = False, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Difference]:
    """Each figure of `ours` less that of `theirs`, paired by item id, over the items of which both can be said.

    Raises DataError, naming how many and which, where the two were not run on the same items or tokens; with
    `optional`, suites other than those of the test conversations may be absent from `theirs`.
    """
    for suite in sorted({*ours.suites, *theirs.suites}):
        if not optional or suite in TEST_SUITES or suite in theirs.suites:
            _refuse_other_items(suite, ours, theirs)
    found = {}
    for name, metric, items in figures(ours):
        pairs = _pairs(metric, items, theirs.suites.get(next(iter(items.values())).suite, {}))
        if pairs:
            found[name] = _two(metric, pairs, resamples, seed)
    return found


def effects(ours: Evaluation, theirs: Evaluation) -> dict[str, Effect]:
    """The effect size of each figure that is a mean, a ratio or a share; pairs as in `differences`."""
    found = {}
    for name, metric, items in figures(ours):
        pairs = _pairs(metric, items, theirs.suites.get(next(iter(items.values())).suite, {}))
        if not pairs or isinstance(metric, Corpus):
            continue
        if isinstance(metric, Share):
            found[name] = share_effect_size(*_flags(metric, pairs))
        else:
            found[name] = effect_size(*_values(metric, pairs))
    return found


def _pairs(metric: Metric, items: Mapping[str, Item], others: Mapping[str, Item]) -> list[tuple[Any, Any]]:
    """The items of both, in the order of their ids, of which the figure can be said on both sides."""
    both = [(items[key], others[key]) for key in sorted(items) if key in others]
    return [(a, b) for a, b in both if _measured(metric, a) and _measured(metric, b)]


def _flags(metric: Share, pairs: Sequence[tuple[Any, Any]]) -> tuple[list[bool], list[bool]]:
    return [bool(metric.true(a)) for a, _ in pairs], [bool(metric.true(b)) for _, b in pairs]


def _values(metric: Mean, pairs: Sequence[tuple[Any, Any]]) -> tuple[list[float], list[float], list[float]]:
    ours, theirs = ([metric.value(item) or 0.0 for item in side] for side in zip(*pairs, strict=True))
    return ours, theirs, [metric.weight(a) for a, _ in pairs]


def _measured(metric: Metric, item: Item) -> bool:
    if isinstance(metric, Corpus):
        return metric.sums(item) is not None
    return (metric.true(item) if isinstance(metric, Share) else metric.value(item)) is not None


def _one(metric: Metric, items: Sequence[Any], resamples: int, seed: int) -> Interval:
    if isinstance(metric, Share):
        return share_interval([bool(metric.true(item)) for item in items])
    if isinstance(metric, Corpus):
        return corpus_interval(
            [metric.sums(item) or () for item in items], metric.figure, resamples=resamples, seed=seed
        )
    return bootstrap_interval(
        [metric.value(item) or 0.0 for item in items],
        [metric.weight(item) for item in items],
        transform=metric.transform,
        resamples=resamples,
        seed=seed,
    )


def _two(metric: Metric, pairs: Sequence[tuple[Any, Any]], resamples: int, seed: int) -> Difference:
    if isinstance(metric, Share):
        return paired_share_difference(*_flags(metric, pairs))
    if isinstance(metric, Corpus):
        ours, theirs = ([metric.sums(item) or () for item in side] for side in zip(*pairs, strict=True))
        return corpus_difference(ours, theirs, metric.figure, resamples=resamples, seed=seed)
    return paired_difference(*_values(metric, pairs), transform=metric.transform, resamples=resamples, seed=seed)


def _refuse_other_items(suite: str, ours: Evaluation, theirs: Evaluation) -> None:
    first, second = ours.suites.get(suite, {}), theirs.suites.get(suite, {})
    only_first, only_second = sorted(first.keys() - second.keys()), sorted(second.keys() - first.keys())
    if only_first or only_second:
        raise DataError(
            en=f"suite {suite}: the evaluations have other items: {len(only_first)} only in {ours.directory} "
            f"({_some(only_first)}), {len(only_second)} only in {theirs.directory} ({_some(only_second)}). "
            "Evaluate both on the same file and suites.",
            zh=f"{suite}：两次评测的条目不同：{len(only_first)} 项只在 {ours.directory}（{_some(only_first)}），"
            f"{len(only_second)} 项只在 {theirs.directory}（{_some(only_second)}）。请用相同的文件和 suite 评测两者。",
        )
    unequal = [key for key, item in sorted(first.items()) if _read_otherwise(item, second[key])]
    if unequal:
        _refuse_other_tokens(first[unequal[0]], second[unequal[0]], unequal, ours, theirs)


def _read_otherwise(ours: Item, theirs: Item) -> bool:
    """Whether two items of one id are not of one text: another number of tokens to foresee."""
    return isinstance(ours, LikelihoodItem) and isinstance(theirs, LikelihoodItem) and ours.tokens != theirs.tokens


def _refuse_other_tokens(first: Any, second: Any, unequal: list[str], ours: Evaluation, theirs: Evaluation) -> None:
    raise DataError(
        en=f"{len(unequal)} items have other numbers of tokens ({_some(unequal)}; {first.tokens} in "
        f"{ours.directory}, {second.tokens} in {theirs.directory}): another tokenizer or another text. "
        "Evaluate both alike.",
        zh=f"{len(unequal)} 项的 token 数不同（{_some(unequal)}；{ours.directory} 为 {first.tokens}，"
        f"{theirs.directory} 为 {second.tokens}）：分词器或文本不同。请用相同的设置评测两者。",
    )


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "") if ids else "-"
