"""Differences with their 95 % intervals on one axis with a line at zero, sorted, each labelled where it stands."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any, Literal

import altair as alt

from doctorglm.report import strings
from doctorglm.report.blocks import Chart, Table
from doctorglm.report.charts.canvas import Frame, Plot, colour, data, draw, text
from doctorglm.report.numbers import interval, number
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording, wrapped

MIN_PLANE_WIDTH = 240
"""Pixels; where less would be left, as on a phone, the words stand above the line that they belong to."""

Better = Literal["lower", "higher"]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A mean difference over `n` items with the ends of its 95 % interval, in the unit of the picture."""

    label: Wording
    value: float
    low: float
    high: float
    n: int
    colour: ColourName = "accent"


def intervals(
    rows: Sequence[Difference], *, unit: Wording, zero: Wording, better: Better | None = None, digits: int = 3
) -> Chart:
    """The differences, the best first; `zero` says what the line at zero stands for, such as "as the base".

    Raises ValueError when there is none, when a value is not finite or when it lies outside its own interval.
    """
    if not rows:
        raise ValueError("a picture of differences needs at least one")
    for row in rows:
        if not (math.isfinite(row.low) and math.isfinite(row.high) and row.low <= row.value <= row.high):
            raise ValueError(f"not an interval around its value: {row}")
    ordered = sorted(rows, key=lambda row: row.value, reverse=better == "higher")
    plot = partial(_plot, rows=ordered, unit=unit, zero=zero, better=better, digits=digits)
    return draw(plot, table=_table(ordered, digits), reading=strings.INTERVALS)


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One difference on the plane: what is written, where its last line stands and where its dot, in pixels."""

    difference: Difference
    name: str
    values: str
    words_y: float
    dot_y: float


def _plot(
    frame: Frame, rows: Sequence[Difference], unit: Wording, zero: Wording, better: Better | None, digits: int
) -> Plot:
    names = [frame.say(row.label) for row in rows]
    values = [f"{number(row.value, digits, signed=True)}  {_ends(row, digits)}" for row in rows]
    room = max(map(frame.text_width, values))
    left, right = max(map(frame.text_width, names)) + 28, room + 28
    if frame.width - left - right < MIN_PLANE_WIDTH:
        left = right = 8.0
        placed, height = _stacked(frame, rows, names, values, room)
    else:
        placed = [
            _Row(difference=row, name=name, values=value, words_y=26 + 52 * index, dot_y=26 + 52 * index)
            for index, (row, name, value) in enumerate(zip(rows, names, values, strict=True))
        ]
        height = 52 * len(rows)
    width = frame.width - left - right
    low, high = min(0.0, *(row.low for row in rows)), max(0.0, *(row.high for row in rows))
    margin = 0.08 * ((high - low) or 1.0)
    zero_at = width * (margin - low) / (high - low + 2 * margin)
    axis = _axis(frame, low - margin, high + margin)

    layers = [_zero(height, zero_at)]
    for row in placed:
        layers += _dot(row.difference, axis, row.dot_y)
        first_line_y = row.words_y - frame.line_height * row.name.count("\n")
        layers.append(text(frame, row.name, -left, first_line_y, bold=True))
        layers.append(text(frame, row.values, width + right, row.words_y, align="right"))
    half = frame.text_width(frame.say(zero)) / 2
    middle = min(max(zero_at, half - left), width + right - half)
    layers.append(text(frame, frame.say(zero), middle, -18, ink="faint", align="center"))
    layers += _foot(frame, unit, better, width, height + 46)
    return Plot(layers=layers, width=width, height=height, left=left, right=right, top=34, bottom=62)


def _stacked(
    frame: Frame, rows: Sequence[Difference], names: Sequence[str], values: Sequence[str], room: float
) -> tuple[list[_Row], float]:
    """The rows with their words above their lines, as high as their names need, and the height of all."""
    names = [wrapped(name, (frame.width - room) / frame.type_size - 1) for name in names]
    bottoms = list(accumulate(46 + frame.line_height * (name.count("\n") + 1) for name in names))
    placed = [
        _Row(difference=row, name=name, values=value, words_y=bottom - 42, dot_y=bottom - 18)
        for row, name, value, bottom in zip(rows, names, values, bottoms, strict=True)
    ]
    return placed, bottoms[-1]


def _axis(frame: Frame, low: float, high: float) -> Any:
    axis = alt.Axis(grid=True, labelFontSize=frame.type_size, labelPadding=10, tickCount=3 if frame.narrow else 5)
    return alt.X("x:Q", scale=alt.Scale(domain=[low, high], nice=False, zero=False), axis=axis)


def _zero(height: float, x: float) -> Any:
    rule = alt.Chart(data([{}])).mark_rule(color=colour("base"), strokeWidth=2)
    return rule.encode(x=alt.XValue(x), y=alt.YValue(-6), y2=alt.Y2Value(height))


def _dot(row: Difference, axis: Any, y: float) -> list[Any]:
    paint = colour(row.colour)
    line = alt.Chart(data([{"x": row.low, "high": row.high}])).mark_rule(color=paint, strokeWidth=3, strokeCap="round")
    dot = alt.Chart(data([{"x": row.value}])).mark_point(filled=True, opacity=1, size=130, color=paint)
    return [line.encode(x=axis, x2="high:Q", y=alt.YValue(y)), dot.encode(x=axis, y=alt.YValue(y))]


def _foot(frame: Frame, unit: Wording, better: Better | None, width: float, y: float) -> list[Any]:
    """Below the axis: which way is better, at the side it points to, and the unit at the other."""
    word = frame.say(strings.BETTER)
    sides = [(frame.say(unit), "left" if better == "higher" else "right")]
    if better:
        sides.append((f"← {word}", "left") if better == "lower" else (f"{word} →", "right"))
    return [text(frame, words, 0 if side == "left" else width, y, ink="faint", align=side) for words, side in sides]


def _ends(row: Difference, digits: int) -> str:
    return interval(row.low, row.high, digits, signed=True)


def _table(rows: Sequence[Difference], digits: int) -> Table:
    return Table(
        columns=[strings.COMPARISON, strings.DIFFERENCE, strings.INTERVAL_95, "n"],
        rows=[
            [row.label, number(row.value, digits, signed=True), _ends(row, digits), number(row.n, 0)] for row in rows
        ],
    )
