"""What one model did in a suite: safety by category, choices by subject, lengths, repetition and answers."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from doctorglm.evaluate.items import ChoiceItem, DialogueItem, Evaluation, SafetyItem
from doctorglm.evaluate.page.said import asked, shown, state
from doctorglm.evaluate.page.wording import (
    CATEGORIES,
    SHARE,
    THROUGH_CONSULT,
    category_name,
    suite_name,
)
from doctorglm.evaluate.statistics import share_interval
from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Answer, Answers, Figure, Question
from doctorglm.report.charts import Estimate, Histogram, Panel, Row, forest, histograms
from doctorglm.report.numbers import number, percent
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording

_ALONE = Text(en="the model alone", zh="模型单独回答")
_CONSULT = Text(en="through consult", zh="经 consult")
_MOST_SUBJECTS = 20
_BINS = 20
_SHOWN = 4


def safety(suite: str, evaluation: Evaluation) -> Figure | None:
    """The share of safe answers by category, of the model alone and through `consult`."""
    ways: list[tuple[Text, ColourName, list[SafetyItem]]] = [
        (_ALONE, "training", _safety_items(suite, evaluation)),
        (_CONSULT, "accent", _safety_items(suite + THROUGH_CONSULT, evaluation)),
    ]
    found = {item.category for _, _, items in ways for item in items}
    categories = [*(known for known in CATEGORIES if known in found), *sorted(found - CATEGORIES.keys())]
    rows = [
        Row(
            label=category_name(category),
            estimates=[
                _share(series, [item.safe for item in items if item.category == category], colour)
                for series, colour, items in ways
                if any(item.category == category for item in items)
            ],
        )
        for category in categories
    ]
    if not rows:
        return None
    alone, through = (_share_of(items) for _, _, items in ways)
    n = number(len(ways[0][2]) or len(ways[1][2]), 0)
    return Figure(
        title=_safety_title(alone, through),
        chart=forest([_shares(rows)], name=Text(en="category", zh="类别")),
        n=Text(en=f"n = {n} questions", zh=f"n = {n} 个问题"),
        note=Text(
            en="Judged by rule: what must not be said, and what must. A harmless question is safe when it is answered.",
            zh="按规则判定：不该说的有没有说，该说的有没有说。普通问题以正常作答为安全。",
        ),
    )


def _safety_items(suite: str, evaluation: Evaluation) -> list[SafetyItem]:
    return [item for item in evaluation.suites.get(suite, {}).values() if isinstance(item, SafetyItem)]


def _share_of(items: Sequence[SafetyItem]) -> str | None:
    """Of all but the harmless questions, as `safe` is counted."""
    tried = [item for item in items if item.category != "benign"]
    return percent(sum(item.safe for item in tried) / len(tried), 0) if tried else None


def _safety_title(alone: str | None, through: str | None) -> Text:
    if alone and through:
        return Text(
            en=f"{alone} of the answers are safe alone, {through} through consult",
            zh=f"安全的回答：单独回答 {alone}，经 consult {through}",
        )
    return Text(en=f"{alone or through} of the answers are safe", zh=f"安全的回答：{alone or through}")


def _shares(rows: Sequence[Row]) -> Panel:
    return Panel(rows=rows, unit=SHARE.axis, better="higher", digits=0, end=100.0)


def _share(series: Wording, flags: Sequence[bool], colour: ColourName) -> Estimate:
    found = share_interval(flags)
    low, high = found.low or 0.0, 1.0 if found.high is None else found.high
    return Estimate(
        series=series,
        value=100 * found.value,
        low=100 * min(low, found.value),
        high=100 * max(high, found.value),
        n=found.n,
        colour=colour,
    )


_Right = Callable[[ChoiceItem], bool | None]
_WAYS: Sequence[tuple[Text, ColourName, _Right]] = (
    (
        Text(en="options as in the file", zh="原选项顺序"),
        "accent",
        lambda item: item.orders[0].chosen == item.answer if item.orders else None,
    ),
    (
        Text(en="options reordered", zh="打乱选项"),
        "training",
        lambda item: item.orders[1].chosen == item.answer if len(item.orders) > 1 else None,
    ),
    (
        Text(en="as written by the model", zh="模型生成"),
        "placebo",
        lambda item: None if item.text is None else item.read == item.answer,
    ),
)


def choices(suite: str, evaluation: Evaluation, metrics: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    """The share of right choices by subject, with the options in another order and as the model writes it."""
    items = [item for item in evaluation.suites[suite].values() if isinstance(item, ChoiceItem)]
    rows = []
    for label, of in _subjects(items):
        estimates = [
            _share(series, flags, colour)
            for series, colour, right in _WAYS
            if (flags := [bool(true) for item in of if (true := right(item)) is not None])
        ]
        if estimates:
            rows.append(Row(label=label, estimates=estimates))
    if not rows:
        return None
    return Figure(
        title=_choice_title(suite, metrics),
        chart=forest([_shares(rows)], name=Text(en="subject", zh="科目")),
        n=Text(en=f"n = {number(len(items), 0)} questions", zh=f"n = {number(len(items), 0)} 道题"),
        note=_chance(items, metrics.get(f"{suite}/order_matters")),
    )


def _subjects(items: Sequence[ChoiceItem]) -> list[tuple[Wording, list[ChoiceItem]]]:
    """All first where there are several, then the largest subjects, the rest together."""
    of: dict[str, list[ChoiceItem]] = {}
    for item in items:
        of.setdefault(item.subject, []).append(item)
    ordered = sorted(of.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    kept: list[tuple[Wording, list[ChoiceItem]]] = [
        (name or Text(en="no subject", zh="未注明科目"), found) for name, found in ordered[:_MOST_SUBJECTS]
    ]
    if rest := [item for _, found in ordered[_MOST_SUBJECTS:] for item in found]:
        kept.append((strings.counted(strings.OTHERS, len(ordered) - _MOST_SUBJECTS), rest))
    whole: tuple[Wording, list[ChoiceItem]] = (Text(en="all subjects", zh="全部科目"), list(items))
    return [whole, *kept] if len(ordered) > 1 else kept


def _choice_title(suite: str, metrics: Mapping[str, Mapping[str, Any]]) -> Text:
    name = suite_name(suite)
    row = metrics.get(f"{suite}/accuracy") or metrics.get(f"{suite}/accuracy_generated")
    if row is None:
        return Text(en=f"Choices: {name.en}", zh=f"选择题：{name.zh}")
    right = SHARE.value(row.get("value"))
    return Text(en=f"{name.en}: {right} of the choices are right", zh=f"{name.zh}：答对 {right}")


def _chance(items: Sequence[ChoiceItem], moved: Mapping[str, Any] | None) -> Text:
    by_chance = percent(sum(1 / max(1, len(item.letters)) for item in items) / len(items), 0)
    more = ("", "")
    if moved is not None:
        share = SHARE.value(moved.get("value"))
        more = (
            f" {share} of the choices change with the order of the options, which says nothing about medicine.",
            f"{share} 的选择会随选项顺序改变，这与医学知识无关。",
        )
    return Text(
        en=f"Guessing is right in {by_chance} of the cases.{more[0]}", zh=f"随机猜测的正确率为 {by_chance}。{more[1]}"
    )


def lengths(suite: str, items: Sequence[DialogueItem]) -> Figure:
    """How many tokens the answers have."""
    sizes = sorted(item.tokens for item in items)
    middle = sizes[len(sizes) // 2]
    cut = sum(item.finish == "length" for item in items)
    step = max(1, math.ceil((sizes[-1] + 1) / _BINS))
    edges = [float(step * i) for i in range(sizes[-1] // step + 2)]
    return Figure(
        title=Text(en=f"Half of the answers have {middle} tokens or fewer", zh=f"半数回答不超过 {middle} 个 token"),
        chart=_histogram(suite, sizes, edges, Text(en="tokens of an answer", zh="回答的 token 数"), 0),
        n=_answers_n(items),
        note=Text(en=f"Cut at the limit: {cut}.", zh=f"在上限处截断：{cut} 个。") if cut else None,
    )


def repetitions(suite: str, items: Sequence[DialogueItem]) -> Figure:
    """How much of the answers is said again."""
    shares = [100 * item.repetition for item in items]
    often = sum(share >= 10 for share in shares)
    edges = [5.0 * i for i in range(_BINS + 1)]
    return Figure(
        title=Text(
            en=f"{often} of {len(items)} answers repeat a tenth of themselves or more",
            zh=f"{len(items)} 个回答中，{often} 个的重复率达到一成",
        ),
        chart=_histogram(suite, shares, edges, Text(en="repeated 4-grams, per cent", zh="四字重复率，百分比"), 0),
        n=_answers_n(items),
    )


def _answers_n(items: Sequence[DialogueItem]) -> Text:
    return Text(en=f"n = {number(len(items), 0)} answers", zh=f"n = {number(len(items), 0)} 个回答")


def _histogram(suite: str, values: Sequence[float], edges: Sequence[float], unit: Text, digits: int) -> Any:
    counts = [0] * (len(edges) - 1)
    width = edges[1] - edges[0]
    for value in values:
        # the last bin holds its own end as well
        counts[min(int(value / width), len(counts) - 1)] += 1
    label = Text(en="answers", zh="回答数")
    named = label if suite == "dialogue" else suite_name(suite)
    return histograms([Histogram(label=named, edges=edges, counts=counts)], unit=unit, digits=digits)


def answers(suite: str, items: Sequence[DialogueItem]) -> Answers | None:
    """A few answers beside what a doctor said, evenly from the whole file, so that nobody chose them."""
    beside = [item for item in items if item.reference.strip() and item.question]
    if not beside:
        return None
    step = max(1, len(beside) // _SHOWN)
    chosen = beside[::step][:_SHOWN]
    return Answers(
        title=Text(en="Answers beside the doctor's", zh="与医生回答对照"),
        questions=[
            Question(
                asked=asked(item.question),
                answers=[
                    Answer(label=_REFERENCE, text=shown(item.reference), colour="base", generated=False),
                    Answer(label=_labelled(state(item)), text=shown(item.answer)),
                ],
            )
            for item in chosen
        ],
        note=_chosen(step, len(beside)),
    )


def _chosen(step: int, of: int) -> Text | None:
    """How the answers that are shown were chosen, where they are not all."""
    if step == 1:
        return None
    return Text(
        en=f"One in {step} of the {of} conversations, as the file has them; nobody chose.",
        zh=f"在 {of} 段对话中每 {step} 段取一段，未经挑选。",
    )


def _labelled(how: Text) -> Text:
    return Text(en=f"The model: {how.en}", zh=f"模型：{how.zh}")


_REFERENCE = Text(en="Reference: the doctor's own answer", zh="参考：医生的原回答")
