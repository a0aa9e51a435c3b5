"""Curves over the steps of a run: the logged values thin, their smoothing thick, the best step marked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import altair as alt

from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Chart, Table
from doctorglm.report.charts.canvas import Frame, Plot, colour, data, draw, text
from doctorglm.report.charts.smoothing import Point, envelope, evenly, smoothed
from doctorglm.report.numbers import number
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording

MIN_POINTS_TO_SMOOTH = 30
"""Fewer, such as a run's validations, are drawn as they are."""
SMOOTHING_SHARE = 0.02
"""Standard deviation of the smoothing as a share of the run: hides the noise of batches, keeps the shape."""
MAX_POINTS_DRAWN = 400
"""About one a pixel; beyond it a thin line is a block of colour."""
MAX_ROWS = 30


@dataclass(frozen=True, kw_only=True)
class Series:
    """One curve: points (step, value) by rising step."""

    label: Wording
    points: Sequence[Point]
    colour: ColourName = "accent"


@dataclass(frozen=True, kw_only=True)
class _Line:
    """What is drawn of a series: `thick`, and `thin` where that is a smoothing of it."""

    label: Wording
    colour: ColourName
    thick: Sequence[Point]
    thin: Sequence[Point] = ()


def curve(
    series: Sequence[Series],
    *,
    unit: Wording,
    best: Point | None = None,
    reference: tuple[Wording, float] | None = None,
    digits: int = 2,
) -> Chart:
    """All series in one frame over the step; `unit` names what the values are, `best` is the (step, value) to mark.

    `reference` is a level without steps, such as the base's loss. Raises ValueError for an empty series or a value
    that is not finite.
    """
    for one in series:
        if not one.points or not all(math.isfinite(part) for point in one.points for part in point):
            raise ValueError(f"a curve needs points, all finite: {one.label}")
    last = max(1.0, *(one.points[-1][0] for one in series))
    sd = SMOOTHING_SHARE * last
    of = math.ceil(2 * max(len(one.points) for one in series) / MAX_POINTS_DRAWN)
    lines = [_line(one, sd, of) for one in series]
    plot = partial(_plot, lines=lines, last=last, unit=unit, best=best, reference=reference, digits=digits)
    reading = _reading(sd, of) if any(line.thin for line in lines) else None
    return draw(plot, table=_table(lines, digits + 1), reading=reading)


def _line(one: Series, sd: float, of: int) -> _Line:
    if len(one.points) < MIN_POINTS_TO_SMOOTH:
        return _Line(label=one.label, colour=one.colour, thick=one.points)
    thick = smoothed(one.points, sd, MAX_POINTS_DRAWN)
    return _Line(label=one.label, colour=one.colour, thick=thick, thin=envelope(one.points, of))


def _reading(sd: float, of: int) -> Text:
    pattern = strings.SMOOTHING if of <= 2 else strings.SMOOTHING_THINNED
    values = {"sd": number(sd, 0 if sd >= 2 else 1), "of": number(of, 0)}
    return Text(en=pattern.en.format(**values), zh=pattern.zh.format(**values))


@dataclass(frozen=True, kw_only=True)
class _Axes:
    """The plane of one drawing: its size in pixels, and the steps and values that it spans."""

    frame: Frame
    width: float
    height: float
    last: float
    low: float
    high: float

    def x(self) -> Any:
        most = 4 if self.frame.narrow else 8
        # left to itself, a short run would be ticked at half steps
        ticks = {"values": list(range(int(self.last) + 1))} if self.last <= most else {"tickCount": most}
        style = {"labelPadding": 8, "labelOverlap": "parity", "labelSeparation": 8, "format": ",d"}
        axis = alt.Axis(grid=False, labelFontSize=self.frame.type_size, **ticks, **style)
        return alt.X("x:Q", scale=alt.Scale(domain=[0, self.last], nice=False), axis=axis)

    def y(self) -> Any:
        axis = alt.Axis(grid=True, labelFontSize=self.frame.type_size, labelPadding=10, tickCount=5)
        return alt.Y("y:Q", scale=alt.Scale(domain=[self.low, self.high], nice=False, zero=False), axis=axis)

    def y_pixel(self, value: float) -> float:
        return self.height * (self.high - value) / (self.high - self.low)

    def line(self, points: Sequence[Point], name: ColourName, **style: Any) -> Any:
        rows = data([{"x": x, "y": y} for x, y in points])
        mark = alt.Chart(rows).mark_line(color=colour(name), strokeJoin="round", strokeCap="round", **style)
        return mark.encode(x=self.x(), y=self.y())

    def dot(self, x: float, y: float, **style: Any) -> Any:
        mark = alt.Chart(data([{"x": x, "y": y}])).mark_point(filled=True, opacity=1, **style)
        return mark.encode(x=self.x(), y=self.y())


def _plot(
    frame: Frame,
    lines: Sequence[_Line],
    last: float,
    unit: Wording,
    best: Point | None,
    reference: tuple[Wording, float] | None,
    digits: int,
) -> Plot:
    ends = [_End(frame.say(line.label), line.thick[-1], line.colour) for line in lines]
    if reference:
        ends.append(_End(frame.say(reference[0]), (last, reference[1]), "base"))
    levels = [value for line in lines for _, value in (*line.thick, *line.thin)] + [end.point[1] for end in ends]
    low, high = _padded(min(levels), max(levels))
    left, right = 3.6 * frame.type_size, max(frame.text_width(end.name) for end in ends) + 20
    width, height, top = frame.width - left - right, (190 if frame.narrow else 280), 34
    axes = _Axes(frame=frame, width=width, height=height, last=last, low=low, high=high)

    layers = [axes.line(line.thin, line.colour, strokeWidth=1, opacity=0.35) for line in lines if line.thin]
    if reference:
        level = [(0.0, reference[1]), (last, reference[1])]
        layers.append(axes.line(level, "base", strokeWidth=1.5, strokeDash=[5, 4]))
    layers += [axes.line(line.thick, line.colour, strokeWidth=2.5) for line in lines]
    layers += _end_labels(axes, ends, digits)
    if best:
        layers += _best(axes, best, digits)
    layers.append(text(frame, frame.say(unit), -left, 10 - top, ink="faint"))
    layers.append(text(frame, frame.say(strings.STEP), width + 12, height + 8, ink="faint", baseline="top"))
    return Plot(layers=layers, width=width, height=height, left=left, right=right, top=top, bottom=34)


class _End(NamedTuple):
    """Where a curve ends, and what is written there."""

    name: str
    point: Point
    colour: ColourName


def _end_labels(axes: _Axes, ends: Sequence[_End], digits: int) -> list[Any]:
    """Each curve's name and last value at the right, moved apart where they would overlap."""
    frame, x, half = axes.frame, axes.width + 12, axes.frame.line_height / 2
    places = apart([axes.y_pixel(end.point[1]) for end in ends], 4 * half + 4, axes.height - half)
    marks = []
    for end, y in zip(ends, places, strict=True):
        marks.append(axes.dot(*end.point, size=36, color=colour(end.colour)))
        marks.append(text(frame, end.name, x, y - half, bold=True))
        marks.append(text(frame, number(end.point[1], digits), x, y + half, ink="faint"))
    return marks


def apart(places: Sequence[float], gap: float, end: float) -> list[float]:
    """The places moved to lie at least `gap` apart, in the same order, none beyond `end`."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + gap)
    limit = end
    for i in reversed(order):
        moved[i] = min(moved[i], limit)
        limit = moved[i] - gap
    return moved


def _best(axes: _Axes, best: Point, digits: int) -> list[Any]:
    """A ring on the curve and a line down to the words at its foot."""
    step, value = number(best[0], 0), number(best[1], digits)
    words = axes.frame.say(Text(en=f"best: step {step}, {value}", zh=f"最佳：第 {step} 步，{value}"))
    x, is_right = axes.width * best[0] / axes.last, best[0] > axes.last / 2
    foot = axes.line([best, (best[0], axes.low)], "faint", strokeWidth=1, strokeDash=[2, 3])
    ring = axes.dot(*best, size=110, fill=colour("paper"), stroke=colour("accent"), strokeWidth=2.5)
    beside = x - 8 if is_right else x + 8
    align = "right" if is_right else "left"
    return [foot, ring, text(axes.frame, words, beside, axes.height - 12, align=align)]


def _padded(low: float, high: float) -> tuple[float, float]:
    """The range with a little room above, and enough below for the words at the best step."""
    span = (high - low) or max(abs(high), 1.0)
    return low - 0.16 * span, high + 0.04 * span


def _table(lines: Sequence[_Line], digits: int) -> Table:
    """The values at the steps of the shortest curve, the others taken at the nearest of their own steps."""
    shortest = min(lines, key=lambda line: len(line.thick)).thick
    steps = [shortest[i][0] for i in evenly(len(shortest), MAX_ROWS)]
    rows = [
        [number(step, 0), *(number(min(line.thick, key=lambda p: abs(p[0] - step))[1], digits) for line in lines)]
        for step in steps
    ]
    return Table(columns=[strings.STEP, *map(_heading, lines)], rows=rows)


def _heading(line: _Line) -> Wording:
    if not line.thin:
        return line.label
    en, zh = (line.label, line.label) if isinstance(line.label, str) else (line.label.en, line.label.zh)
    return Text(en=f"{en}, smoothed", zh=f"{zh}（平滑）")
