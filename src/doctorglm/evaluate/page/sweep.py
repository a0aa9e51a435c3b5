"""The page of a sampling sweep: a heat map for each figure, and the setting that is recommended with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from doctorglm.evaluate.page.wording import Unit, figure_name, text_of, unit_of
from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Block, Commands, Figure, Number, Page, Table, Verdict
from doctorglm.report.charts import heat
from doctorglm.report.numbers import number
from doctorglm.report.wording import Wording

_SAMPLING: Mapping[str, Text] = {
    "temperature": Text(en="temperature", zh="温度"),
    "top_p": Text(en="top-p", zh="top-p"),
    "top_k": Text(en="top-k", zh="top-k"),
    "repetition_penalty": Text(en="repetition penalty", zh="重复惩罚"),
}
_SLICE = ("top_k", "repetition_penalty")


@dataclass(frozen=True)
class Sweep:
    """What `sweep.json` holds."""

    grid: Sequence[Mapping[str, Any]]
    recommended: Mapping[str, Any]
    reason: Text | None
    figures: Sequence[str]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Sweep":
        """From the JSON; figures that are not named are taken from the grid."""
        grid = found.get("grid") or []
        measured = list(dict.fromkeys(name for point in grid for name in point.get("metrics") or {}))
        return cls(
            grid=grid,
            recommended=found.get("recommended") or {},
            reason=text_of(found.get("reason")),
            figures=[name for name in found.get("figures") or measured if name in measured],
        )

    def shown(self) -> Sequence[Mapping[str, Any]]:
        """The points with the recommended top-k and penalty, or with the first point's: what a plane can show."""
        if not self.grid:
            return []
        chosen = self.recommended if self._recommended_point() else self.grid[0]
        return [point for point in self.grid if _alike(point, chosen, _SLICE)]

    def _recommended_point(self) -> Mapping[str, Any] | None:
        return next((point for point in self.grid if _alike(point, self.recommended, tuple(_SAMPLING))), None)

    @property
    def best(self) -> Mapping[str, Mapping[str, Any]]:
        """The figures of the recommended point."""
        point = self._recommended_point()
        return {} if point is None else point.get("metrics") or {}


def page_of(found: Mapping[str, Any], subtitle: str, command: str) -> Page:
    """The recommendation, the heat maps, the whole grid."""
    sweep = Sweep.of(found)
    blocks: list[Block | None] = [
        _recommendation(sweep),
        *(_heat(name, sweep) for name in sweep.figures),
        _table(sweep),
        Commands(title=strings.REPRODUCE, lines=[command]),
    ]
    return Page(
        title=Text(en="Sampling sweep", zh="采样参数扫描"),
        subtitle=subtitle,
        blocks=[block for block in blocks if block is not None],
    )


def _alike(point: Mapping[str, Any], other: Mapping[str, Any], names: Sequence[str]) -> bool:
    return all(name not in other or name not in point or point[name] == other[name] for name in names)


def _recommendation(sweep: Sweep) -> Verdict:
    said = _sampling(sweep.recommended)
    kept = [name for name in sweep.figures if name in sweep.best][:6]
    kept = kept[: len(kept) - len(kept) % 3 or len(kept)]
    return Verdict(
        passed=None,
        sentence=Text(en=f"Recommended: {said.en}.", zh=f"推荐设置：{said.zh}。")
        if sweep.recommended
        else Text(en="No setting is recommended.", zh="没有推荐的设置。"),
        reasons=[sweep.reason] if sweep.reason else [],
        numbers=[_number(name, sweep.best[name]) for name in kept],
    )


def _sampling(of: Mapping[str, Any]) -> Text:
    parts = [(label, _written(of[name])) for name, label in _SAMPLING.items() if of.get(name) is not None]
    return Text(
        en=", ".join(f"{label.en} {value}" for label, value in parts) or "–",
        zh="，".join(f"{label.zh} {value}" for label, value in parts) or "–",
    )


def _written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _number(name: str, row: Mapping[str, Any]) -> Number:
    unit, label = unit_of(name), figure_name(name)
    ends, n = unit.ends(row.get("low"), row.get("high")), number(row.get("n") or 0, 0)
    return Number(
        label=Text(en=label.en[:1].upper() + label.en[1:], zh=label.zh),
        value=unit.value(row.get("value")),
        note=Text(en=f"95\u202f% interval {ends}, n = {n}", zh=f"95\u202f% 区间 {ends}，n = {n}"),
    )


def _heat(name: str, sweep: Sweep) -> Figure | None:
    """One figure over temperature and top-p, the recommended cell framed."""
    points = [p for p in sweep.shown() if (p.get("metrics") or {}).get(name, {}).get("value") is not None]
    if not points:
        return None
    down = sorted({float(p["temperature"]) for p in points})
    across = sorted({float(p["top_p"]) for p in points})
    unit, label = unit_of(name), figure_name(name)
    at = {(float(p["temperature"]), float(p["top_p"])): unit.scale * p["metrics"][name]["value"] for p in points}
    low, high = (number(of, unit.digits) + unit.suffix for of in (min(at.values()), max(at.values())))
    sizes = sorted({int(p["metrics"][name].get("n") or 0) for p in points})
    held = _sampling({key: points[0].get(key) for key in _SLICE})
    return Figure(
        title=Text(
            en=f"{label.en[:1].upper() + label.en[1:]}: from {low} to {high}", zh=f"{label.zh}：{low} 至 {high}"
        ),
        chart=heat(
            [f"{value:g}" for value in down],
            [f"{value:g}" for value in across],
            [[at.get((row, column)) for column in across] for row in down],
            unit.axis,
            row_name=_SAMPLING["temperature"],
            column_name=_SAMPLING["top_p"],
            marked=_cell(sweep, down, across),
            digits=unit.digits,
        ),
        n=Text(en=f"n = {_range(sizes)} items in each cell", zh=f"每格 n = {_range(sizes)} 项"),
        note=Text(en=f"At {held.en}.", zh=f"其余参数：{held.zh}。") if held.en != "–" else None,
    )


def _cell(sweep: Sweep, down: Sequence[float], across: Sequence[float]) -> tuple[int, int] | None:
    """The recommended setting's place, where it is on the plane."""
    temperature, top_p = sweep.recommended.get("temperature"), sweep.recommended.get("top_p", 1.0)
    if temperature is None or float(temperature) not in down or float(top_p) not in across:
        return None
    return down.index(float(temperature)), across.index(float(top_p))


def _range(sizes: Sequence[int]) -> str:
    return number(sizes[0], 0) if sizes[0] == sizes[-1] else f"{number(sizes[0], 0)}–{number(sizes[-1], 0)}"


def _table(sweep: Sweep) -> Table | None:
    """Every point of the grid with its intervals."""
    rows: list[list[Wording]] = []
    for point in sweep.grid:
        mark = "★ " if sweep.recommended and _alike(point, sweep.recommended, tuple(_SAMPLING)) else ""
        said = _sampling(point)
        metrics = point.get("metrics") or {}
        cells = [_with_interval(unit_of(name), metrics.get(name) or {}) for name in sweep.figures]
        rows.append([Text(en=f"{mark}{said.en}", zh=f"{mark}{said.zh}"), *cells])
    if not rows:
        return None
    return Table(
        title=Text(en="The whole grid", zh="全部设置"),
        columns=[Text(en="sampling", zh="采样参数"), *(figure_name(name) for name in sweep.figures)],
        rows=rows,
        note=Text(
            en="In brackets 95\u202f% intervals; ★ is recommended.", zh="方括号内为 95\u202f% 区间；★ 为推荐设置。"
        ),
        wide=True,
    )


def _with_interval(unit: Unit, row: Mapping[str, Any]) -> str:
    ends = unit.ends(row.get("low"), row.get("high"))
    return unit.value(row.get("value")) + ("" if ends == "–" else f" {ends}")
