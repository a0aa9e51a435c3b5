"""Every figure of a comparison: pictures of the differences by group, and the tables with p, effect and power."""

from collections.abc import Mapping, Sequence
from typing import Any

from doctorglm.evaluate.page.comparison import AGAINST_BASE, AGAINST_PLACEBO, NO_DIFFERENCE, Compared
from doctorglm.evaluate.page.wording import GROUPS, Unit, figure_name, group_of, text_of, unit_of
from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Block, Figure, Table
from doctorglm.report.charts import Estimate, Panel, Row, forest
from doctorglm.report.numbers import number
from doctorglm.report.wording import Wording


def plots(of: Compared) -> list[Block]:
    """A picture for each group of figures."""
    drawn = [_plot(group, of) for group in GROUPS]
    return [figure for figure in drawn if figure is not None]


def _plot(group: str, of: Compared) -> Figure | None:
    chosen = {name: row for name, row in of.metrics.items() if group_of(name) == group and _is_drawn(row)}
    if not chosen:
        return None
    panels: dict[tuple[Unit, str], list[Row]] = {}
    for name, row in chosen.items():
        unit = unit_of(name)
        panels.setdefault((unit, str(row.get("better"))), []).append(_row(name, row, unit))
    # panels of one unit stand together
    units = dict.fromkeys(unit for unit, _ in panels)
    most = max(row.get("n") or 0 for row in chosen.values())
    return Figure(
        title=_title(group, chosen),
        chart=forest(
            [
                Panel(
                    rows=rows,
                    unit=unit.difference,
                    zero=NO_DIFFERENCE,
                    better=better if better in ("lower", "higher") else None,  # type: ignore[arg-type]
                    digits=unit.digits,
                )
                for (unit, better), rows in sorted(panels.items(), key=lambda panel: list(units).index(panel[0][0]))
            ],
            name=Text(en="figure", zh="指标"),
        ),
        n=Text(en=f"n = {number(most, 0)} items at most", zh=f"n ≤ {number(most, 0)} 项"),
    )


def _title(group: str, rows: Mapping[str, Mapping[str, Any]]) -> Text:
    """How many differences of a group are on the better side, the worse and neither, by their intervals."""
    sides = [_side(row) for row in rows.values() if row.get("better") in _DIRECTION]
    counts = {1: sides.count(1), -1: sides.count(-1), 0: sides.count(0)}
    en = ", ".join(f"{n} {_SIDES[side].en}" for side, n in counts.items() if n)
    zh = "，".join(f"{n} 项{_SIDES[side].zh}" for side, n in counts.items() if n)
    if not en:
        return Text(en=f"{GROUPS[group].en}: differences", zh=f"{GROUPS[group].zh}：差值")
    return Text(en=f"{GROUPS[group].en}: {en}", zh=f"{GROUPS[group].zh}：{zh}")


_SIDES = {
    1: Text(en="better than the base", zh="优于基座"),
    -1: Text(en="worse", zh="变差"),
    0: Text(en="not told apart", zh="无法区分"),
}


def _side(row: Mapping[str, Any]) -> int:
    low, high, better = row.get("low"), row.get("high"), row.get("better")
    if low is None or high is None or low <= 0 <= high:
        return 0
    return 1 if (high < 0) == (better == "lower") else -1


def _is_drawn(row: Mapping[str, Any]) -> bool:
    return row.get("difference") is not None


def _row(name: str, row: Mapping[str, Any], unit: Unit) -> Row:
    estimates = []
    for suffix, series, colour in (("", AGAINST_BASE, "accent"), ("_placebo", AGAINST_PLACEBO, "placebo")):
        value, low, high = (row.get(f"{part}{suffix}") for part in ("difference", "low", "high"))
        if value is None:
            continue
        estimates.append(
            Estimate(
                series=series,
                value=unit.scale * value,
                # an interval that misses its own estimate by rounding is not worth a failed page
                low=None if low is None else unit.scale * min(low, value),
                high=None if high is None else unit.scale * max(high, value),
                n=row.get(f"n{suffix}") or row.get("n") or 0,
                colour=colour,  # type: ignore[arg-type]
            )
        )
    return Row(label=figure_name(name), estimates=estimates)


def table(of: Compared, suffix: str = "") -> Table | None:
    """Every figure: both values, the difference, p raw and adjusted, the effect, and what n can tell."""
    rows: list[list[Wording]] = []
    for group in GROUPS:
        for name, row in of.metrics.items():
            if group_of(name) == group and row.get(f"difference{suffix}") is not None:
                rows.append(_cells(name, row, suffix))
    if not rows:
        return None
    other, called = (strings.PLACEBO, AGAINST_PLACEBO) if suffix else (strings.BASE, AGAINST_BASE)
    columns = [_COLUMNS[0], other, *_COLUMNS[1:]]
    # a column without content is left out
    kept = [i for i in range(len(columns)) if any(row[i] != "–" for row in rows)]
    return Table(
        title=Text(en=f"All figures {called.en}", zh=f"全部指标，{called.zh}"),
        columns=[columns[i] for i in kept],
        rows=[[row[i] for i in kept] for row in rows],
        note=_TABLE_NOTE,
        wide=True,
    )


_COLUMNS: Sequence[Wording] = (
    Text(en="figure", zh="指标"),
    strings.TUNED,
    strings.DIFFERENCE,
    strings.INTERVAL_95,
    "p",
    Text(en="p, Holm", zh="p（Holm）"),
    Text(en="effect", zh="效应量"),
    "n",
    strings.BETTER,
    Text(en="what n can tell", zh="样本量说明"),
)
_TABLE_NOTE = Text(
    en="Differences are tuned less the other on the same items; of shares in percentage points. p is two-sided: "
    "sign-flip test for means, exact McNemar for shares; Holm's adjustment is over all figures of the table. The "
    "effect is Cohen's d_z of means and h of shares, with Cohen's word for it. The gate decides by intervals and "
    "margins, not by these p.",
    zh="差值为微调减去对照，均在相同条目上计算；占比的差值以百分点计。p 为双侧：均值用符号翻转检验，占比用精确 McNemar "
    "检验；Holm 校正针对表中全部指标。效应量对均值为 Cohen 的 d_z，对占比为 h，并附 Cohen 的大小用语。"
    "门槛按区间和界值判定，不按这些 p 值。",
)
_DIRECTION = {"lower": Text(en="lower", zh="越低越好"), "higher": Text(en="higher", zh="越高越好")}


def _cells(name: str, row: Mapping[str, Any], suffix: str) -> list[Wording]:
    unit = unit_of(name)
    note = text_of(row.get(f"note{suffix}")) or "–"
    return [
        figure_name(name),
        unit.value(row.get("placebo" if suffix else "base")),
        unit.value(row.get("tuned")),
        unit.change(row.get(f"difference{suffix}")),
        unit.ends(row.get(f"low{suffix}"), row.get(f"high{suffix}"), signed=True),
        _p(row.get(f"p{suffix}")),
        _p(row.get(f"p_holm{suffix}")),
        _effect(row.get(f"effect{suffix}")),
        number(row.get(f"n{suffix}") or row.get("n") or 0, 0),
        _DIRECTION.get(str(row.get("better")), "–"),
        note,
    ]


def _effect(found: Any) -> Wording:
    """The effect size with Cohen's word for it."""
    value = found.get("value") if isinstance(found, Mapping) else found
    if value is None:
        return "–"
    said, size = number(value, 2, signed=True), text_of(found.get("size")) if isinstance(found, Mapping) else None
    return said if size is None else Text(en=f"{said} {size.en}", zh=f"{said} {size.zh}")


def _p(p: float | None) -> str:
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else number(p, 3)
