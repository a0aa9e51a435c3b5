"""The figures of an evaluation, each defined once: for one system with its interval, and for two systems paired."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from doctorglm.errors import DataError
from doctorglm.evaluate.items import DialogueItem, Evaluation, LikelihoodItem
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


@dataclass(frozen=True)
class Mean:
    """A ratio of sums over items: value by weight, or a plain mean."""

    suite: Literal["likelihood", "dialogue"]
    better: Literal["lower", "higher", "neither"]
    value: Callable[[Any], float]
    weight: Callable[[Any], float] = lambda _: 1.0
    transform: Transform | None = None


@dataclass(frozen=True)
class Share:
    """The share of items of which something is true."""

    suite: Literal["likelihood", "dialogue"]
    better: Literal["lower", "higher", "neither"]
    true: Callable[[Any], bool]


def ends_by_itself(item: DialogueItem) -> bool:
    """True for an answer that says something and then its end token; an empty answer has not ended but failed."""
    return item.ends and bool(item.answer.strip())


def loops(item: DialogueItem) -> bool:
    """True for an answer that was cut because it repeated itself, or that holds a long repeated block."""
    return item.finish == "loop" or item.loop >= LOOP_CHARACTERS


METRICS: Mapping[str, Mean | Share] = {
    "nll_per_token": Mean("likelihood", "lower", lambda item: item.nats, lambda item: item.tokens),
    "perplexity": Mean("likelihood", "lower", lambda item: item.nats, lambda item: item.tokens, np.exp),
    "repetition": Mean("dialogue", "lower", lambda item: item.repetition),
    "loops": Share("dialogue", "lower", loops),
    "ends_by_itself": Share("dialogue", "higher", ends_by_itself),
    "answer_tokens": Mean("dialogue", "neither", lambda item: item.tokens),
}
"""name -> definition; nats per token, e^nats, share of 4-grams, two shares of answers, tokens per answer."""


def summarise(evaluation: Evaluation, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Interval]:
    """Each metric whose suite was run, with its 95 % interval: the `metrics` of `summary.json` (see `as_json`)."""
    return {
        name: _one(metric, items, resamples, seed)
        for name, metric in METRICS.items()
        if (items := list(getattr(evaluation, metric.suite).values()))
    }


def as_json(summary: Mapping[str, Interval]) -> dict[str, dict[str, float | int | None]]:
    """name -> value, low, high, n."""
    return {name: asdict(interval) for name, interval in summary.items()}


def value(name: str, evaluation: Evaluation) -> float:
    """One metric of one evaluation, without interval."""
    metric, items = METRICS[name], getattr(evaluation, METRICS[name].suite).values()
    if isinstance(metric, Share):
        return sum(metric.true(item) for item in items) / len(items)
    ratio = sum(metric.value(item) for item in items) / sum(metric.weight(item) for item in items)
    return float(metric.transform(np.asarray(ratio))) if metric.transform else ratio


def differences(
    ours: Evaluation, theirs: Evaluation, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Difference]:
    """Each metric of `ours` less that of `theirs`, paired by item id; only suites that both have.

    Raises DataError, naming how many and which, where the two were not run on the same items or tokens.
    """
    found = {}
    for suite in ("likelihood", "dialogue"):
        _refuse_other_items(suite, ours, theirs)
    for name, metric in METRICS.items():
        first, second = getattr(ours, metric.suite), getattr(theirs, metric.suite)
        if first:
            pairs = [(first[key], second[key]) for key in sorted(first)]
            found[name] = _two(metric, pairs, resamples, seed)
    return found


def _one(metric: Mean | Share, items: list[Any], resamples: int, seed: int) -> Interval:
    if isinstance(metric, Share):
        return share_interval([metric.true(item) for item in items])
    return bootstrap_interval(
        [metric.value(item) for item in items],
        [metric.weight(item) for item in items],
        transform=metric.transform,
        resamples=resamples,
        seed=seed,
    )


def _two(metric: Mean | Share, pairs: list[tuple[Any, Any]], resamples: int, seed: int) -> Difference:
    if isinstance(metric, Share):
        return paired_share_difference([metric.true(a) for a, _ in pairs], [metric.true(b) for _, b in pairs])
    return paired_difference(
        [metric.value(a) for a, _ in pairs],
        [metric.value(b) for _, b in pairs],
        [metric.weight(a) for a, _ in pairs],
        transform=metric.transform,
        resamples=resamples,
        seed=seed,
    )


def _refuse_other_items(suite: str, ours: Evaluation, theirs: Evaluation) -> None:
    first, second = getattr(ours, suite), getattr(theirs, suite)
    only_first, only_second = sorted(first.keys() - second.keys()), sorted(second.keys() - first.keys())
    if only_first or only_second:
        raise DataError(
            en=f"suite {suite}: the evaluations have other items: {len(only_first)} only in {ours.directory} "
            f"({_some(only_first)}), {len(only_second)} only in {theirs.directory} ({_some(only_second)}). "
            "Evaluate both on the same file and suites.",
            zh=f"{suite}：两次评测的条目不同：{len(only_first)} 项只在 {ours.directory}（{_some(only_first)}），"
            f"{len(only_second)} 项只在 {theirs.directory}（{_some(only_second)}）。请用相同的文件和 suite 评测两者。",
        )
    if suite == "likelihood":
        _refuse_other_tokens(ours, theirs)


def _refuse_other_tokens(ours: Evaluation, theirs: Evaluation) -> None:
    unequal = [k for k, item in sorted(ours.likelihood.items()) if item.tokens != theirs.likelihood[k].tokens]
    if unequal:
        first: LikelihoodItem = ours.likelihood[unequal[0]]
        second: LikelihoodItem = theirs.likelihood[unequal[0]]
        raise DataError(
            en=f"{len(unequal)} items have other numbers of tokens ({_some(unequal)}; {first.tokens} in "
            f"{ours.directory}, {second.tokens} in {theirs.directory}): another tokenizer or another text. "
            "Evaluate both alike.",
            zh=f"{len(unequal)} 项的 token 数不同（{_some(unequal)}；{ours.directory} 为 {first.tokens}，"
            f"{theirs.directory} 为 {second.tokens}）：分词器或文本不同。请用相同的设置评测两者。",
        )


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:3]) + (", …" if len(ids) > 3 else "") if ids else "-"
