"""The page of an evaluation: what was measured on which model, with intervals, and answers to judge by."""

from collections.abc import Mapping
from typing import Any

from doctorglm.evaluate.items import ChoiceItem, DialogueItem, Evaluation, Item, SafetyItem
from doctorglm.evaluate.page.evidence import contamination, reproduce
from doctorglm.evaluate.page.failures import failures
from doctorglm.evaluate.page.judged import judged
from doctorglm.evaluate.page.suites import answers, choices, lengths, repetitions, safety
from doctorglm.evaluate.page.wording import GROUPS, figure_name, group_of, suite_name, unit_of
from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Block, Number, Page, Table, Verdict
from doctorglm.report.numbers import number
from doctorglm.report.wording import Wording

Metrics = Mapping[str, Mapping[str, Any]]
"""name -> value, low, high, n: the `metrics` of `summary.json`."""

_IN_HEAD = (
    "nll_per_token",
    "ends_by_itself",
    "repetition",
    "general/nll_per_token",
    "safety/safe",
    "safety+consult/safe",
)


def page_of(
    evaluation: Evaluation, metrics: Metrics, command: str, judge: Mapping[str, Any] | None = None
) -> Page:  # fmt: skip
    """The head, then every suite with its figures, then the failures, then where it all comes from.

    `judge` is what a judge's `judge.json` holds.
    """
    by_kind = _by_kind(evaluation)
    blocks: list[Block | None] = [
        _head(evaluation, metrics),
        *(safety(suite, evaluation) for suite in by_kind.get("safety", ()) if "+" not in suite),
        *(choices(suite, evaluation, metrics) for suite in by_kind.get("choice", ())),
        *(block for suite in by_kind.get("dialogue", ()) for block in _dialogues(suite, evaluation)),
        table(metrics),
        judged(judge),
        failures(evaluation),
        *contamination(evaluation.run.get("leak"), adapter=evaluation.adapter is not None),
        *reproduce(command, [(strings.VALUE, evaluation)], evaluation.run["inputs"], repeat=False),
    ]
    counts = [f"{suite} {number(len(items), 0)}" for suite, items in evaluation.suites.items()]
    return Page(
        title=Text(en=f"Evaluation of {model_name(evaluation)}", zh=f"评测报告：{model_name(evaluation)}"),
        subtitle=Text(en=f"Items: {', '.join(counts)}", zh=f"条目：{'，'.join(counts)}"),
        blocks=[block for block in blocks if block is not None],
    )


def model_name(evaluation: Evaluation) -> str:
    """The model, and the end of its adapter's path where it has one."""
    name = str((evaluation.run.get("settings") or {}).get("model") or evaluation.directory.name)
    return f"{name} + {'/'.join(evaluation.adapter.parts[-2:])}" if evaluation.adapter else name


def _by_kind(evaluation: Evaluation) -> Mapping[str, list[str]]:
    """kind -> suites, in file order."""
    found: dict[str, list[str]] = {}
    for suite, items in evaluation.suites.items():
        found.setdefault(next(iter(items.values())).kind, []).append(suite)
    return found


def _dialogues(suite: str, evaluation: Evaluation) -> list[Block | None]:
    items = [item for item in evaluation.suites[suite].values() if isinstance(item, DialogueItem)]
    return [lengths(suite, items), repetitions(suite, items), answers(suite, items)]


def _head(evaluation: Evaluation, metrics: Metrics) -> Verdict:
    """How much was measured; no judgement, which only a comparison can give."""
    named = [name for name in _IN_HEAD if name in metrics]
    others = [name for name in metrics if name not in named and name.endswith("/accuracy")]
    chosen = [*named, *others][:6] or list(metrics)[:3]
    chosen = chosen[: len(chosen) - len(chosen) % 3 or len(chosen)]
    n = sum(len(items) for items in evaluation.suites.values())
    failed = sum(_has_failed(item) for items in evaluation.suites.values() for item in items.values())
    suites = len(evaluation.suites)
    missing = Text(
        en=f"; {failed} of them could not be answered" if failed else "",
        zh=f"，其中 {failed} 项未能得到回答" if failed else "",
    )
    return Verdict(
        passed=None,
        sentence=Text(
            en=f"{number(n, 0)} items of {suites} suite{'s' * (suites != 1)} were measured{missing.en}. Whether the "
            "model is better than another is for a comparison to say.",
            zh=f"在 {suites} 个 suite 的 {number(n, 0)} 个条目上完成评测{missing.zh}。"
            "它是否优于另一个模型，须由比较得出。",
        ),
        numbers=[_number(name, metrics[name]) for name in chosen],
    )


def _has_failed(item: Item) -> bool:
    return isinstance(item, DialogueItem | ChoiceItem | SafetyItem) and bool(item.error)


def _number(name: str, row: Mapping[str, Any]) -> Number:
    unit, label = unit_of(name), figure_name(name)
    ends, n = unit.ends(row.get("low"), row.get("high")), number(row.get("n") or 0, 0)
    return Number(
        label=Text(en=label.en[:1].upper() + label.en[1:], zh=label.zh),
        value=unit.value(row.get("value")),
        note=Text(en=f"95\u202f% interval {ends}, n\u00a0=\u00a0{n}", zh=f"95\u202f% 区间 {ends}，n\u00a0=\u00a0{n}"),
    )


def table(metrics: Metrics) -> Table:
    """Every figure with its interval, by suite."""
    names = [name for group in GROUPS for name in metrics if group_of(name) == group]
    rows: list[list[Wording]] = []
    for name in names:
        unit, row = unit_of(name), metrics[name]
        rows.append(
            [
                figure_name(name.rpartition("/")[2]),
                suite_name(name.rpartition("/")[0] or "likelihood"),
                unit.value(row.get("value")),
                unit.ends(row.get("low"), row.get("high")),
                number(row.get("n") or 0, 0),
            ]
        )
    return Table(
        title=Text(en="All figures", zh="全部指标"),
        columns=[
            Text(en="figure", zh="指标"),
            Text(en="measured on", zh="评测内容"),
            strings.VALUE,
            strings.INTERVAL_95,
            "n",
        ],
        rows=rows,
        note=Text(
            en="Intervals are 95\u202f%: bootstrap over items for means, Wilson's for shares. NLL is in nats; it can "
            "be compared between models with the same tokenizer only.",
            zh="区间均为 95\u202f%：均值用按条目的自助法，占比用 Wilson 区间。NLL 单位为 nat，"
            "只能在分词器相同的模型之间比较。",
        ),
    )
