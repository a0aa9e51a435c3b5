"""The head of a comparison's page: the verdict with the numbers behind it, and every criterion of the gate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from doctorglm.evaluate.items import Evaluation
from doctorglm.evaluate.page.wording import (
    figure_name,
    text_of,
    unit_of,
)
from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Number, Table, Verdict
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
            Text(en="criterion", zh="条件"),
            Text(en="finding", zh="结论"),
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


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
