"""Where the tuned model gained and lost: differences by department of the test conversations."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from doctorglm.evaluate.items import Evaluation, Item
from doctorglm.evaluate.page.comparison import AGAINST_BASE, AGAINST_PLACEBO, NO_DIFFERENCE, Compared
from doctorglm.evaluate.page.wording import NATS, SHARE, Unit, department_name
from doctorglm.evaluate.statistics import paired_difference
from doctorglm.language import Text
from doctorglm.report.blocks import Figure
from doctorglm.report.charts import Estimate, Panel, Row, forest
from doctorglm.report.numbers import number
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording

LEAST = 10
"""Items below which a department is gathered with others: its interval would span the whole axis."""
_RESAMPLES = 5000

Values = Callable[[Any], tuple[float, float]]
"""Value and weight of an item."""


def departments(of: Compared) -> list[Figure]:
    """A picture of NLL and one of repetition, where there is more than one department."""
    drawn = [
        _figure(of, "likelihood", lambda item: (item.nats, item.tokens), NATS, _NLL),
        _figure(of, "dialogue", lambda item: (item.repetition, 1.0), SHARE, _REPETITION),
    ]
    found = [figure for figure in drawn if figure is not None]
    return [replace(figure, note=_NOTE if index == 0 else None) for index, figure in enumerate(found)]


_NLL = Text(en="NLL per token", zh="每 token NLL")
_REPETITION = Text(en="Repetition", zh="重复率")
_NOTE = Text(
    en=f"Departments of fewer than {LEAST} items are gathered. These intervals are not corrected for their number: of "
    "twenty departments without any difference, one will seem to have one. Holm's adjustment in the tables is over "
    "the figures, not over these.",
    zh=f"不足 {LEAST} 项的科室合并显示。这些区间未按科室数量校正：即使都没有差别，二十个科室中平均也有一个看似有差别。"
    "表中的 Holm 校正只针对指标，不含科室。",
)


def _figure(of: Compared, suite: str, values: Values, unit: Unit, label: Text) -> Figure | None:
    groups = gathered(of.tuned.suites.get(suite, {}).values())
    if len(groups) < 2:
        return None
    others: list[tuple[Text, ColourName, Evaluation]] = [(AGAINST_BASE, "accent", of.base)]
    if of.placebo is not None:
        others.append((AGAINST_PLACEBO, "placebo", of.placebo))
    rows = []
    for name, ids in groups:
        estimates = [
            _estimate(ids, (of.tuned.suites[suite], other.suites.get(suite, {})), values, unit, (series, colour))
            for series, colour, other in others
        ]
        kept = [one for one in estimates if one is not None]
        if kept:
            rows.append(Row(label=_with_n(name, len(ids)), estimates=kept))
    if not rows:
        return None
    rows.sort(key=lambda row: row.estimates[0].value)
    n = sum(len(ids) for _, ids in groups)
    return Figure(
        title=_title(label, rows),
        chart=forest(
            [Panel(rows=rows, unit=unit.difference, zero=NO_DIFFERENCE, better="lower", digits=unit.digits)],
            name=Text(en="department", zh="科室"),
        ),
        n=Text(
            en=f"n = {number(n, 0)} conversations",
            zh=f"n = {number(n, 0)} 段对话",
        ),
    )


def gathered(items: Iterable[Item]) -> list[tuple[Wording, list[str]]]:
    """Department -> ids, the small ones together at the end."""
    of: dict[str, list[str]] = {}
    for item in items:
        of.setdefault(getattr(item, "department", ""), []).append(item.id)
    large: list[tuple[Wording, list[str]]] = [
        (department_name(name), ids) for name, ids in of.items() if len(ids) >= LEAST
    ]
    small = {name: ids for name, ids in of.items() if len(ids) < LEAST}
    if not small:
        return large
    if len(small) == 1:
        ((name, ids),) = small.items()
        return [*large, (department_name(name), ids)]
    k = len(small)
    others = Text(en=f"{k} smaller departments", zh=f"其他 {k} 个科室")
    return [*large, (others, [one for ids in small.values() for one in ids])]


def _with_n(name: Wording, n: int) -> Text:
    en, zh = (name.en, name.zh) if isinstance(name, Text) else (name, name)
    return Text(en=f"{en} (n={n})", zh=f"{zh}（n={n}）")


def _estimate(
    ids: Sequence[str],
    pair: tuple[Mapping[str, Item], Mapping[str, Item]],
    values: Values,
    unit: Unit,
    shown: tuple[Text, ColourName],
) -> Estimate | None:
    """The paired difference over the items that both have."""
    ours, theirs = pair
    both = [(values(ours[key]), values(theirs[key])) for key in ids if key in theirs]
    if not both:
        return None
    found = paired_difference(
        [a for (a, _), _ in both],
        [b for _, (b, _) in both],
        [weight for (_, weight), _ in both],
        resamples=_RESAMPLES,
    )
    series, colour = shown
    return Estimate(
        series=series,
        value=unit.scale * found.difference,
        low=None if found.low is None else unit.scale * min(found.low, found.difference),
        high=None if found.high is None else unit.scale * max(found.high, found.difference),
        n=found.n,
        colour=colour,
    )


def _title(label: Text, rows: Sequence[Row]) -> Text:
    firsts = [row.estimates[0] for row in rows]
    lower = sum(one.high is not None and one.high < 0 for one in firsts)
    higher = sum(one.low is not None and one.low > 0 for one in firsts)
    return Text(
        en=f"{label.en} by department: lower than the base's in {lower} of {len(rows)}, higher in {higher}",
        zh=f"各科室的{label.zh}：{len(rows)} 组中 {lower} 组低于基座，{higher} 组高于基座",
    )
