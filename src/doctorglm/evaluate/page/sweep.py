"""The page of a sampling sweep: a heat map for each figure, and the setting that is recommended with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from doctorglm.evaluate.page.wording import FIGURES, Unit, figure_name, text_of, unit_of
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
_LEAST_ON_A_PLANE = 4


@dataclass(frozen=True)
class Sweep:
    """What `sweep.json` holds."""

    grid: Sequence[Mapping[str, Any]]
    recommended: Mapping[str, Any]
    reason: Text | None
    figures: Mapping[str, Mapping[str, Any]]
    """name -> what is said of it: `what`, `better`; in the order in which they are shown."""

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Sweep":
        """From the JSON; figures that are not named are taken from the grid, those that nobody measured left out."""
        grid = found.get("grid") or []
        measured = list(dict.fromkeys(name for point in grid for name in point.get("metrics") or {}))
        named = [one if isinstance(one, Mapping) else {"name": one} for one in found.get("figures") or measured]
        return cls(
            grid=grid,
            recommended=found.get("recommended") or {},
            reason=text_of(found.get("reason")),
            figures={str(one.get("name")): one for one in named if one.get("name") in measured},
        )

    def plane(self) -> Sequence[Mapping[str, Any]]:
        """The points of one top-k and one penalty: those of the recommended one, unless that is nearly alone there."""
        slices: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
        for point in self.grid:
            slices.setdefault(tuple(point.get(name) for name in _SLICE), []).append(point)
        if not slices:
            return []
        own = slices.get(tuple(self.recommended.get(name) for name in _SLICE), [])
        return own if len(own) >= _LEAST_ON_A_PLANE else max(slices.values(), key=len)

    def is_recommended(self, point: Mapping[str, Any]) -> bool:
        """Whether the point is the recommended sampling."""
        return bool(self.recommended) and all(
            point.get(name) == self.recommended[name] for name in _SAMPLING if name in self.recommended
        )

    @property
    def best(self) -> Mapping[str, Mapping[str, Any]]:
        """The figures of the recommended point."""
        return next((point.get("metrics") or {} for point in self.grid if self.is_recommended(point)), {})


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
        note=Text(en=f"95\u202f% interval {ends}, n\u00a0=\u00a0{n}", zh=f"95\u202f% 区间 {ends}，n\u00a0=\u00a0{n}"),
    )


def _heat(name: str, sweep: Sweep) -> Figure | None:
    """One figure over temperature and top-p, the recommended cell framed."""
    points = [p for p in sweep.plane() if (p.get("metrics") or {}).get(name, {}).get("value") is not None]
    if not points:
        return None
    down, across = (sorted({float(p[name]) for p in points}) for name in ("temperature", "top_p"))
    unit, label = unit_of(name), _called(name, sweep)
    at = {(float(p["temperature"]), float(p["top_p"])): unit.scale * p["metrics"][name]["value"] for p in points}
    low, high = (number(of, unit.digits) + unit.suffix for of in (min(at.values()), max(at.values())))
    sizes = sorted({int(p["metrics"][name].get("n") or 0) for p in points})
    marked = [(float(p["temperature"]), float(p["top_p"])) for p in points if sweep.is_recommended(p)]
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
            marked=(down.index(marked[0][0]), across.index(marked[0][1])) if marked else None,
            digits=unit.digits,
        ),
        n=Text(en=f"n = {_range(sizes)} items in each cell", zh=f"每格 n = {_range(sizes)} 项"),
        note=_note(name, sweep, points[0]),
    )


def _called(name: str, sweep: Sweep) -> Text:
    """Our name of a figure, else what the sweep says of it."""
    if name in FIGURES:
        return FIGURES[name]
    return text_of(sweep.figures[name].get("what")) or figure_name(name)


def _note(name: str, sweep: Sweep, point: Mapping[str, Any]) -> Text:
    """Which way is better, what the figure is, and the settings that the plane does not show."""
    better = _BETTER.get(str(sweep.figures[name].get("better")))
    held = _sampling({key: point.get(key) for key in _SLICE})
    what = text_of(sweep.figures[name].get("what"))
    said = [
        *([Text(en=f"{what.en[:1].upper()}{what.en[1:]}.", zh=f"{what.zh}。")] if what else []),
        *([better] if better else []),
        *([Text(en=f"At {held.en}.", zh=f"其余参数：{held.zh}。")] if held.en != "–" else []),
    ]
    joined = Text(en=" ".join(one.en for one in said), zh="".join(one.zh for one in said))
    return joined if said else Text(en="As measured.", zh="按原值。")


_BETTER = {
    "lower": Text(en="Lower is better.", zh="越低越好。"),
    "higher": Text(en="Higher is better.", zh="越高越好。"),
}


def _range(sizes: Sequence[int]) -> str:
    return number(sizes[0], 0) if sizes[0] == sizes[-1] else f"{number(sizes[0], 0)}–{number(sizes[-1], 0)}"


def _table(sweep: Sweep) -> Table | None:
    """Every point of the grid with its intervals."""
    rows: list[list[Wording]] = []
    for point in sweep.grid:
        mark = "★ " if sweep.is_recommended(point) else ""
        said = _sampling(point)
        metrics = point.get("metrics") or {}
        cells = [_with_interval(unit_of(name), metrics.get(name) or {}) for name in sweep.figures]
        rows.append([Text(en=f"{mark}{said.en}", zh=f"{mark}{said.zh}"), *cells, _ruled_out(point, sweep)])
    if not rows:
        return None
    columns = [Text(en="sampling", zh="采样参数"), *(_called(name, sweep) for name in sweep.figures)]
    ruled = any(point.get("ruled_out_by") for point in sweep.grid)
    return Table(
        title=Text(en="The whole grid", zh="全部设置"),
        columns=[*columns, *([Text(en="ruled out by", zh="排除原因")] if ruled else [])],
        rows=rows if ruled else [row[:-1] for row in rows],
        note=Text(
            en="In brackets 95\u202f% intervals; ★ is recommended.", zh="方括号内为 95\u202f% 区间；★ 为推荐设置。"
        ),
        wide=True,
    )


def _ruled_out(point: Mapping[str, Any], sweep: Sweep) -> Wording:
    """The figures that speak against a point."""
    by = [_called(name, sweep) if name in sweep.figures else _FEW for name in point.get("ruled_out_by") or ()]
    if not by:
        return "–"
    return Text(en=", ".join(one.en for one in by), zh="、".join(one.zh for one in by))


_FEW = Text(en="too few questions", zh="问题太少")


def _with_interval(unit: Unit, row: Mapping[str, Any]) -> str:
    ends = unit.ends(row.get("low"), row.get("high"))
    return unit.value(row.get("value")) + ("" if ends == "–" else f" {ends}")
