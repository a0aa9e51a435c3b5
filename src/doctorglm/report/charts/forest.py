"""Figures with their 95 % intervals, several to a row, with an axis of its own for each unit.

Differences stand about a line at zero; shares and other values begin at it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from doctorglm.report import strings
from doctorglm.report.blocks import Chart, Table
from doctorglm.report.charts.canvas import Frame
from doctorglm.report.charts.pen import Drawing, drawn
from doctorglm.report.numbers import interval, number
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording, wrapped

_MIN_PLANE = 230
_MOST_LEFT = 210
_LINE = 24
_BETWEEN = 16
_LABEL_GAP = 8
_MARK = 25
_FOOT = 52
_PANEL_GAP = 26
_MARGIN = 8.0


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One figure over `n` items; no interval where it could not be had."""

    series: Wording
    value: float
    low: float | None
    high: float | None
    n: int
    colour: ColourName = "accent"


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is estimated, once or against several others."""

    label: Wording
    estimates: Sequence[Estimate]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Rows of one unit on one axis."""

    rows: Sequence[Row]
    unit: Wording
    zero: Wording | None = None
    """What the line at zero stands for; None for values, which are drawn as bars from it."""
    better: Literal["lower", "higher"] | None = None
    digits: int = 3
    end: float | None = None
    """Where the axis of values ends, such as 100 for a share in per cent."""


def forest(panels: Sequence[Panel], *, name: Wording) -> Chart:
    """The panels one below the other, their rows in the order given; `name` is what a row is.

    Raises ValueError when there is none, when a value is not finite or when it lies outside its own interval.
    """
    estimates = [estimate for panel in panels for row in panel.rows for estimate in row.estimates]
    if not estimates or not all(row.estimates for panel in panels for row in panel.rows):
        raise ValueError("a picture of figures needs at least one in every row")
    for one in estimates:
        low, high = _ends(one)
        if not (math.isfinite(low) and math.isfinite(high) and low <= one.value <= high):
            raise ValueError(f"not an interval around its value: {one}")
    differences = all(panel.zero is not None for panel in panels)
    reading = strings.INTERVALS_PAIRED if differences else strings.INTERVALS_OF_VALUES
    return drawn(partial(_picture, panels=panels), table=_table(panels, name), reading=reading)


def _ends(one: Estimate) -> tuple[float, float]:
    return (one.value if one.low is None else one.low), (one.value if one.high is None else one.high)


def _said(one: Estimate, panel: Panel) -> str:
    """The value and its interval in words."""
    signed = panel.zero is not None
    value = number(one.value, panel.digits, signed=signed)
    if one.low is None or one.high is None:
        return value
    return f"{value}  {interval(one.low, one.high, panel.digits, signed=signed)}"


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where planes begin and end, in pixels, and whether the words stand above their lines."""

    left: float
    right: float
    stacked: bool
    keyed: bool
    """Whether a row's lines must name their series."""


def _picture(frame: Frame, panels: Sequence[Panel]) -> str:
    drawing, place = Drawing(frame), _place(frame, panels)
    y = _legend(drawing, panels) if place.keyed and not place.stacked else 0.0
    for panel in panels:
        y = _panel(drawing, panel, place, y) + _PANEL_GAP
    described = [
        f"{frame.say(row.label)}, {frame.say(one.series)}: {_said(one, panel)}"
        for panel in panels
        for row in panel.rows
        for one in row.estimates
    ]
    return drawing.svg(frame.width, y - _PANEL_GAP, "; ".join(described[:40]))


def _place(frame: Frame, panels: Sequence[Panel]) -> _Place:
    rows = [(panel, row) for panel in panels for row in panel.rows]
    keyed = len({frame.say(one.series) for _, row in rows for one in row.estimates}) > 1
    room = max(frame.text_width(_said(one, panel)) for panel, row in rows for one in row.estimates)
    left = min(max(frame.text_width(frame.say(row.label)) for _, row in rows), _MOST_LEFT) + 20
    if frame.width - left - room - 20 >= _MIN_PLANE:
        return _Place(left=left, right=frame.width - room - 20, stacked=False, keyed=keyed)
    return _Place(left=_MARGIN, right=frame.width - _MARGIN, stacked=True, keyed=keyed)


def _legend(drawing: Drawing, panels: Sequence[Panel]) -> float:
    """What the colours stand for, in one line; returns where the next thing may begin."""
    seen = {drawing.frame.say(one.series): one.colour for p in panels for row in p.rows for one in row.estimates}
    x = 0.0
    for words, paint in seen.items():
        _dot(drawing, x + 5, 10, paint)
        drawing.words([[(words, "ink")]], x + 17, 10)
        x += drawing.frame.text_width(words) + 42
    return 34.0


def _panel(drawing: Drawing, panel: Panel, place: _Place, top: float) -> float:
    """One axis with its rows; returns where it ends."""
    axis = _Axis(panel, place)
    begin = top + (26 if panel.zero is not None else 4)
    heights = [_height(drawing.frame, row, place) for row in panel.rows]
    bottom = begin + sum(heights)
    _grid(drawing, panel, axis, begin, bottom)
    y = begin
    for row, height in zip(panel.rows, heights, strict=True):
        draw = _stacked_row if place.stacked else _row
        draw(drawing, panel, row, axis, y)
        y += height
    return bottom + _FOOT


class _Axis:
    """From values to pixels, with round values between."""

    def __init__(self, panel: Panel, place: _Place) -> None:
        self.place = place
        ends = [end for row in panel.rows for one in row.estimates for end in _ends(one)]
        low, high = min(0.0, *ends), max(0.0, panel.end or 0.0, *ends)
        margin = 0.06 * ((high - low) or 1.0)
        # values begin at zero itself; a difference has room at both sides
        self.low = low - margin if panel.zero is not None or low < 0 else 0.0
        self.high = high if panel.end is not None and high <= panel.end else high + margin

    def x(self, value: float) -> float:
        return self.place.left + (self.place.right - self.place.left) * (value - self.low) / (self.high - self.low)

    def ticks(self, most: int) -> tuple[list[float], int]:
        """At most about `most` round values, and the digits that they need."""
        raw = (self.high - self.low) / most
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(of * power for of in (1, 2, 5, 10) if of * power >= raw * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [step * i for i in range(first, last + 1)], max(0, -math.floor(math.log10(step) + 1e-9))


def _grid(drawing: Drawing, panel: Panel, axis: _Axis, begin: float, bottom: float) -> None:
    """The lines behind the rows, the words at both ends of them, and below which way is better."""
    frame = drawing.frame
    ticks, digits = axis.ticks(3 if frame.narrow else 5)
    for tick in ticks:
        words = number(tick, digits)
        drawing.line(axis.x(tick), begin, axis.x(tick), bottom, "line")
        drawing.words([[(words, "faint")]], _kept_inside(frame, words, axis.x(tick)), bottom + 15, anchor="middle")
    zero = axis.x(0.0)
    drawing.rectangle(zero - 1, begin - 6 if panel.zero is not None else begin, 2, bottom - begin + 6, "base")
    if panel.zero is not None:
        words = frame.say(panel.zero)
        drawing.words([[(words, "faint")]], _kept_inside(frame, words, zero), begin - 17, anchor="middle")
    better, left, right = frame.say(strings.BETTER), axis.place.left, axis.place.right
    if panel.better == "higher":
        drawing.words([[(f"{better} →", "faint")]], right, bottom + 40, anchor="end")
        drawing.words([[(frame.say(panel.unit), "faint")]], left, bottom + 40)
        return
    drawing.words([[(frame.say(panel.unit), "faint")]], right, bottom + 40, anchor="end")
    if panel.better == "lower":
        drawing.words([[(f"← {better}", "faint")]], left, bottom + 40)


def _kept_inside(frame: Frame, words: str, x: float) -> float:
    half = frame.text_width(words) / 2
    return min(max(x, half), frame.width - half)


def _label(frame: Frame, row: Row, place: _Place) -> list[str]:
    room = frame.width if place.stacked else place.left - 20
    # a label that just fits stays on its line
    return wrapped(frame.say(row.label), room / frame.type_size + 0.01).split("\n")


def _height(frame: Frame, row: Row, place: _Place) -> float:
    lines = len(_label(frame, row, place))
    if place.stacked:
        return lines * frame.line_height + _LABEL_GAP + len(row.estimates) * (frame.line_height + _MARK) + 10
    return max(lines * frame.line_height, len(row.estimates) * _LINE) + _BETWEEN


def _row(drawing: Drawing, panel: Panel, row: Row, axis: _Axis, top: float) -> None:
    """Name at the left, lines in the middle, values at the right."""
    frame = drawing.frame
    middle = top + _height(frame, row, axis.place) / 2
    drawing.words([[(line, "ink")] for line in _label(frame, row, axis.place)], 0, middle)
    for index, one in enumerate(row.estimates):
        y = middle + (index - (len(row.estimates) - 1) / 2) * _LINE
        _mark(drawing, panel, one, axis, y)
        drawing.words([[(_said(one, panel), "ink")]], frame.width, y, anchor="end")


def _stacked_row(drawing: Drawing, panel: Panel, row: Row, axis: _Axis, top: float) -> None:
    """Name, then for each figure its words and below them its line."""
    frame = drawing.frame
    height = frame.line_height
    lines = _label(frame, row, axis.place)
    drawing.words([[(line, "ink")] for line in lines], 0, top + len(lines) * height / 2 + 2, bold=True)
    y = top + len(lines) * height + _LABEL_GAP
    for one in row.estimates:
        if axis.place.keyed:
            _dot(drawing, 4, y + height / 2, one.colour)
            drawing.words([[(frame.say(one.series), "faint")]], 14, y + height / 2)
        drawing.words([[(_said(one, panel), "ink")]], frame.width, y + height / 2, anchor="end")
        _mark(drawing, panel, one, axis, y + height + 9)
        y += height + _MARK


def _mark(drawing: Drawing, panel: Panel, one: Estimate, axis: _Axis, y: float) -> None:
    """The dot on its interval, for values on a bar that begins at zero."""
    hint = f"{drawing.frame.say(one.series)}: {_said(one, panel)}, n = {one.n}"
    if panel.zero is None:
        begin, end = sorted((axis.x(0.0), axis.x(one.value)))
        drawing.rectangle(begin, y - 6, end - begin, 12, one.colour, opacity=0.22, hint=hint)
    if one.low is not None and one.high is not None:
        drawing.rectangle(axis.x(one.low), y - 1.5, axis.x(one.high) - axis.x(one.low), 3, one.colour, hint=hint)
    _dot(drawing, axis.x(one.value), y, one.colour, hint)


def _dot(drawing: Drawing, x: float, y: float, paint: ColourName, hint: str = "", radius: float = 5.0) -> None:
    r = f"{radius:g},{radius:g} 0 1,0"
    drawing.shape(f"M{x - radius:.2f},{y:.2f}a{r} {2 * radius:g},0a{r} {-2 * radius:g},0z", paint, hint=hint)


def _table(panels: Sequence[Panel], name: Wording) -> Table:
    rows: list[list[Wording]] = []
    for panel in panels:
        for row in panel.rows:
            for one in row.estimates:
                value = number(one.value, panel.digits, signed=panel.zero is not None)
                ends = _said(one, panel).partition("  ")[2] or "–"
                rows.append([row.label, one.series, value, ends, number(one.n, 0), panel.unit])
    value_column = strings.DIFFERENCE if all(panel.zero is not None for panel in panels) else strings.VALUE
    columns = [name, strings.COMPARISON, value_column, strings.INTERVAL_95, "n", strings.UNIT]
    return Table(columns=columns, rows=rows)
