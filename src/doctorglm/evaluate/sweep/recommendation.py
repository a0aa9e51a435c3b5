"""Which sampling of a sweep is recommended, by a rule that was fixed before any run.

1. *Ruled out* is a cell of which repetition (mean rep-4), endings (share of answers that end by themselves) or safety
   (share of safe answers) is shown to be worse than the best cell's, and not shown to be worse by less than the margin:
   the 95 % interval of the paired difference over the same questions lies beyond 0 and reaches beyond the margin. So is
   a cell with fewer than `min_items` questions for any of the three, or for quality.
2. Of the others, the one with the highest quality: the mean over questions of the mean of chrF and medical-term recall.
3. Ties, cells whose paired difference from that one has an interval that holds 0, go to the highest diversity
   (distinct-2); where that ties in the same sense, to the lowest temperature.
4. Where every cell is ruled out, greedy without a penalty is recommended, and that is said.

The gate asks for proof that a model is not worse. Here some thirty cells are compared with the luckiest of them; asked
for that proof, hardly any but the luckiest could give it, so a cell is ruled out by what speaks against it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from doctorglm.engine import Sampling
from doctorglm.evaluate.statistics import Difference
from doctorglm.evaluate.sweep.cells import Cell
from doctorglm.evaluate.sweep.grid import SweepSettings
from doctorglm.evaluate.sweep.sampling_file import named
from doctorglm.language import Text

_NAMED = 3
"""Cells that a reason names of each kind; the grid in `sweep.json` has them all."""


@dataclass(frozen=True)
class Recommendation:
    """The cell that is recommended, why, and which figures ruled out each of the others."""

    cell: Cell
    reason: Text
    ruled_out: Mapping[Sampling, Sequence[str]]
    """Every cell's sampling -> the figures that ruled it out, or `min_items`; empty for those that qualified."""


@dataclass(frozen=True)
class _Criterion:
    figure: str
    sign: int
    """+1 where a rise is a worsening, -1 where a fall is."""
    margin: float
    label: Text


@dataclass(frozen=True)
class _Ties:
    """Who tied with the best in quality, and of those in diversity; each with the best itself."""

    quality: Sequence[Cell]
    diversity: Sequence[Cell]


def recommend(cells: Sequence[Cell], settings: SweepSettings) -> Recommendation:
    """What the rule of this module chooses; the first cell must be greedy without a penalty, as in `grid.samplings`."""
    greedy = cells[0]
    ruled_out = _ruled_out(cells, settings)
    qualified = [cell for cell in cells if not ruled_out[cell.sampling]]
    if not qualified:
        return Recommendation(greedy, _joined([_NOTHING, _told(ruled_out, settings)]), ruled_out)
    alike = _tied(qualified, "quality", settings)
    as_varied = _tied(alike, "distinct_2", settings)
    chosen = min(as_varied, key=lambda cell: (cell.sampling.temperature, -cell.mean("distinct_2")))
    parts = [_merit(chosen, greedy, settings), _why(chosen, _Ties(alike, as_varied)), _told(ruled_out, settings)]
    return Recommendation(chosen, _joined(parts), ruled_out)


def _criteria(settings: SweepSettings) -> list[_Criterion]:
    return [
        _Criterion("repetition", +1, settings.repetition_margin, Text(en="repetition", zh="重复率")),
        _Criterion("ends_by_itself", -1, settings.endings_margin, Text(en="endings", zh="自行结束率")),
        _Criterion("safe", -1, settings.safety_margin, Text(en="safety", zh="安全性")),
    ]


def _ruled_out(cells: Sequence[Cell], settings: SweepSettings) -> dict[Sampling, list[str]]:
    criteria = _criteria(settings)
    needed = ("quality", *(criterion.figure for criterion in criteria))
    enough = [cell for cell in cells if all(_n(cell, figure) >= settings.min_items for figure in needed)]
    found: dict[Sampling, list[str]] = {cell.sampling: [] if cell in enough else ["min_items"] for cell in cells}
    for criterion in criteria if enough else ():
        best = min(enough, key=lambda cell: criterion.sign * cell.mean(criterion.figure))
        for cell in enough:
            if cell is not best and _is_worse(cell, best, criterion, settings):
                found[cell.sampling].append(criterion.figure)
    return found


def _n(cell: Cell, figure: str) -> int:
    return len(cell.values.get(figure, {}))


def _is_worse(cell: Cell, best: Cell, criterion: _Criterion, settings: SweepSettings) -> bool:
    """Shown to be worse than the best cell, and not shown to be so by less than the margin."""
    found = _less(cell, best, criterion.figure, settings)
    if found is None or found.low is None or found.high is None:
        return True
    low, high = sorted((criterion.sign * found.low, criterion.sign * found.high))
    return low > 0 and high > criterion.margin


def _tied(cells: Sequence[Cell], figure: str, settings: SweepSettings) -> list[Cell]:
    """The cell with the highest mean of a figure, and those whose paired difference from it has an interval with 0."""
    best = max(cells, key=lambda cell: cell.mean(figure))
    return [cell for cell in cells if cell is best or _holds_zero(_less(cell, best, figure, settings))]


def _holds_zero(found: Difference | None) -> bool:
    return found is not None and found.low is not None and found.high is not None and found.low <= 0 <= found.high


def _less(ours: Cell, theirs: Cell, figure: str, settings: SweepSettings) -> Difference | None:
    return ours.less(theirs, figure, resamples=settings.resamples, seed=settings.seed)


_NOTHING = Text(
    en="No setting qualifies, so greedy without a repetition penalty is recommended",
    zh="没有任何设置符合条件，因此建议使用不加重复惩罚的贪心解码",
)


def _merit(chosen: Cell, greedy: Cell, settings: SweepSettings) -> Text:
    """The quality of what was chosen, and how far it is from greedy."""
    name, quality = named(chosen.sampling), chosen.mean("quality")
    found = None if chosen is greedy else _less(chosen, greedy, "quality", settings)
    if found is None or found.low is None or found.high is None:
        return Text(en=f"{name.en}: quality {quality:.3f}", zh=f"{name.zh}：质量 {quality:.3f}")
    figures = f"{found.difference:+.3f}"
    en, zh = (
        f"{found.low:+.3f} to {found.high:+.3f}, n = {found.n}",
        f"{found.low:+.3f} 至 {found.high:+.3f}，n = {found.n}",
    )
    return Text(
        en=f"{name.en}: quality {quality:.3f}, {figures} against greedy (95 % interval {en})",
        zh=f"{name.zh}：质量 {quality:.3f}，与贪心解码相比 {figures}（95 % 区间 {zh}）",
    )


def _why(chosen: Cell, ties: _Ties) -> Text:
    """Which step of the rule decided."""
    others, varied = len(ties.quality) - 1, chosen.mean("distinct_2")
    if not others:
        return Text(en="no other setting that qualifies is as good", zh="符合条件的设置中没有其他设置与之相当")
    if len(ties.diversity) == 1:
        return Text(
            en=f"{others} others are as good, and it is the most varied of them (distinct-2 {varied:.3f})",
            zh=f"另有 {others} 个设置质量相当，其中它最多样（distinct-2 为 {varied:.3f}）",
        )
    return Text(
        en=f"{others} others are as good and {len(ties.diversity) - 1} of them as varied "
        f"(distinct-2 {varied:.3f}); its temperature is the lowest",
        zh=f"另有 {others} 个设置质量相当，其中 {len(ties.diversity) - 1} 个同样多样（distinct-2 为 {varied:.3f}），"
        "它的温度最低",
    )


def _told(ruled_out: Mapping[Sampling, Sequence[str]], settings: SweepSettings) -> Text:
    """How many cells were ruled out, and by what."""
    labels = {criterion.figure: criterion.label for criterion in _criteria(settings)}
    labels["min_items"] = Text(en=f"fewer than {settings.min_items} questions", zh=f"问题不足 {settings.min_items} 个")
    by = {figure: [named(one) for one, found in ruled_out.items() if figure in found] for figure in labels}
    en = [
        f"{len(of)} by {labels[figure].en} ({_some([o.en for o in of], '; ', '; and more')})"
        for figure, of in by.items()
        if of
    ]
    zh = [
        f"{labels[figure].zh} {len(of)} 个（{_some([o.zh for o in of], '；', '等')}）"
        for figure, of in by.items()
        if of
    ]
    out = sum(bool(found) for found in ruled_out.values())
    if not out:
        return Text(en=f"none of {len(ruled_out)} settings was ruled out", zh=f"{len(ruled_out)} 个设置均未被排除")
    return Text(
        en=f"of {len(ruled_out)} settings {out} ruled out: {', '.join(en)}",
        zh=f"{len(ruled_out)} 个设置中排除了 {out} 个：{'，'.join(zh)}",
    )


def _some(names: Sequence[str], between: str, more: str) -> str:
    return between.join(names[:_NAMED]) + (more if len(names) > _NAMED else "")


def _joined(parts: Sequence[Text]) -> Text:
    return Text(en="; ".join(part.en for part in parts) + ".", zh="；".join(part.zh for part in parts) + "。")


def rule_of(settings: SweepSettings) -> dict[str, Any]:
    """The figures of the rule, as they are written beside what it chose."""
    return {
        **{criterion.figure: criterion.margin for criterion in _criteria(settings)},
        "min_items": settings.min_items,
    }
