"""The page of a comparison: the verdict and its criteria, every figure with its interval, and what got worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from doctorglm.evaluate.items import Evaluation
from doctorglm.evaluate.page.wording import (
    GROUPS,
    Unit,
    figure_name,
    group_of,
    text_of,
    unit_of,
)
from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Block, Figure, Number, Table, Verdict
from doctorglm.report.charts import Estimate, Panel, Row, forest
from doctorglm.report.numbers import number, percent
from doctorglm.report.wording import Wording

AGAINST_BASE = Text(en="against the base", zh="相对基座")
AGAINST_PLACEBO = Text(en="against the placebo", zh="相对安慰剂")
NO_DIFFERENCE = Text(en="no difference", zh="无差别")

_IN_VERDICT = ("nll_per_token", "general/nll_per_token", "ends_by_itself", "repetition", "safety/safe", "loops")
_VERDICTS = 6


@dataclass(frozen=True)
class Compared:
    """What a page of a comparison is made of."""

    gate: Mapping[str, Any]
    base: Evaluation
    tuned: Evaluation
    placebo: Evaluation | None

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Any]]:
        """name -> row of the gate."""
        found: Mapping[str, Mapping[str, Any]] = self.gate.get("metrics") or {}
        return found

    def named(self) -> Sequence[tuple[Wording, Evaluation]]:
        """The evaluations with what they are called."""
        known = [(strings.BASE, self.base), (strings.TUNED, self.tuned)]
        return [*known, (strings.PLACEBO, self.placebo)] if self.placebo else known


def verdict(of: Compared) -> Verdict:
    """Passed or not in a sentence, why not, and the differences behind it."""
    passed = bool(of.gate.get("passed"))
    said = Text(
        en="The tuned model passes the gate." if passed else "The tuned model fails the gate.",
        zh="微调后的模型通过门槛。" if passed else "微调后的模型未通过门槛。",
    )
    numbers = [_number(name, of.metrics[name], "") for name in _IN_VERDICT if name in of.metrics]
    nll = of.metrics.get("nll_per_token") or {}
    if nll.get("difference_placebo") is not None:
        numbers.insert(1, _number("nll_per_token", nll, "_placebo"))
    # three to a line
    kept = numbers[: min(_VERDICTS, len(numbers) - len(numbers) % 3 or len(numbers))]
    reasons = [reason for found in of.gate.get("reasons") or () if (reason := text_of(found)) is not None]
    sentence = text_of(of.gate.get("sentence"), said) or said
    # one reason is the sentence again
    return Verdict(passed=passed, sentence=sentence, numbers=kept, reasons=reasons if len(reasons) > 1 else ())


def _number(name: str, row: Mapping[str, Any], suffix: str) -> Number:
    unit, label = unit_of(name), figure_name(name)
    other = AGAINST_PLACEBO if suffix else AGAINST_BASE
    change = unit.change(row.get(f"difference{suffix}"))
    points = Text(en=" points", zh=" 百分点") if unit.scale != 1 and change != "–" else Text(en="", zh="")
    n = number(row.get(f"n{suffix}") or row.get("n") or 0, 0)
    ends = unit.ends(row.get(f"low{suffix}"), row.get(f"high{suffix}"), signed=True)
    return Number(
        label=Text(en=f"{_capital(label.en)}, {other.en}", zh=f"{label.zh}，{other.zh}"),
        value=Text(en=f"{change}{points.en}", zh=f"{change}{points.zh}"),
        note=Text(en=f"95\u202f% interval {ends}, n\u00a0=\u00a0{n}", zh=f"95\u202f% 区间 {ends}，n\u00a0=\u00a0{n}"),
    )


def criteria(of: Compared) -> Table | None:
    """Every condition of the gate with its finding and the power that it had."""
    rows: list[list[Wording]] = []
    for criterion in of.gate.get("criteria") or ():
        found = text_of(criterion.get("finding"), Text(en=str(criterion["name"]), zh=str(criterion["name"])))
        figures = text_of(criterion.get("figures"))
        holds = Text(en="✓ holds", zh="✓ 成立") if criterion.get("passed") else Text(en="✕ fails", zh="✕ 不成立")
        rows.append([found or "", holds, figures or "–", _power(criterion)])
    if not rows:
        return None
    held = sum(bool(criterion.get("passed")) for criterion in of.gate["criteria"])
    return Table(
        title=Text(
            en=f"{held} of {len(rows)} criteria hold; all must",
            zh=f"{len(rows)} 项条件中 {held} 项成立，须全部成立",
        ),
        columns=[
            Text(en="finding", zh="结论"),
            Text(en="criterion", zh="条件"),
            Text(en="figures", zh="数值"),
            Text(en="what n can show", zh="样本量的把握"),
        ],
        rows=rows,
        note=Text(
            en="Not worse means that the whole 95\u202f% interval of the worsening lies within a margin that was "
            "stated beforehand, so too few items fail instead of passing for want of evidence.",
            zh="没有变差，指变差幅度的整个 95\u202f% 区间都在事先声明的界值之内；条目太少会判为不成立，而不是放行。",
        ),
        wide=True,
    )


def _power(criterion: Mapping[str, Any]) -> Wording:
    if criterion.get("power") is not None:
        chance = percent(criterion["power"], 0)
        return Text(en=f"passes by a chance of {chance} if both are alike", zh=f"若两者相同，通过的概率为 {chance}")
    if criterion.get("detectable") is not None:
        least = number(criterion["detectable"], 3)
        return Text(
            en=f"shows a difference of {least} by a chance of 80\u202f%", zh=f"可检出 {least} 的差别（概率 80\u202f%）"
        )
    return "–"


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
                for (unit, better), rows in panels.items()
            ],
            name=Text(en="figure", zh="指标"),
        ),
        n=Text(en=f"n = {number(most, 0)} items at most", zh=f"n ≤ {number(most, 0)} 项"),
    )


def _title(group: str, rows: Mapping[str, Mapping[str, Any]]) -> Text:
    """How many differences of a group are on the better side, the worse and neither, by their intervals."""
    sides = [_side(row) for row in rows.values()]
    counts = {1: sides.count(1), -1: sides.count(-1), 0: sides.count(0)}
    en = ", ".join(f"{n} {_SIDES[side].en}" for side, n in counts.items() if n)
    zh = "，".join(f"{n} 项{_SIDES[side].zh}" for side, n in counts.items() if n)
    return Text(en=f"{GROUPS[group].en}: {en}", zh=f"{GROUPS[group].zh}：{zh}")


_SIDES = {
    1: Text(en="better than the base", zh="优于基座"),
    -1: Text(en="worse", zh="变差"),
    0: Text(en="not told apart", zh="无法区分"),
}


def _side(row: Mapping[str, Any]) -> int:
    low, high, better = row.get("low"), row.get("high"), row.get("better")
    if low is None or high is None or better not in ("lower", "higher") or low <= 0 <= high:
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
    "sign-flip test for means, exact McNemar for shares; Holm's adjustment is over all figures of the table. The gate "
    "decides by intervals and margins, not by these p.",
    zh="差值为微调减去对照，均在相同条目上计算；占比的差值以百分点计。p 为双侧：均值用符号翻转检验，占比用精确 McNemar "
    "检验；Holm 校正针对表中全部指标。门槛按区间和界值判定，不按这些 p 值。",
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
        "–" if (effect := row.get(f"effect{suffix}")) is None else number(effect, 2, signed=True),
        number(row.get(f"n{suffix}") or row.get("n") or 0, 0),
        _DIRECTION.get(str(row.get("better")), "–"),
        note,
    ]


def _p(p: float | None) -> str:
    if p is None:
        return "–"
    return "<0.001" if p < 0.001 else number(p, 3)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
