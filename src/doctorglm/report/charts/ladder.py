"""Measures of the same runs, one above the other, over a setting that rises by a factor from run to run."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import altair as alt

from doctorglm.language import Text
from doctorglm.report.blocks import Chart, Table
from doctorglm.report.charts.canvas import Frame, Plot, colour, data, draw, text
from doctorglm.report.numbers import number
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording

_FAILED = Text(en="no value", zh="无值")


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure: a value for each run, None where the run gave none, such as one that diverged."""

    label: Wording
    values: Sequence[float | None]
    colour: ColourName = "accent"
    level: tuple[Wording, float] | None = None
    """A value to compare with, such as a bound."""
    digits: int = 3


def ladder(
    names: Sequence[str],
    measures: Sequence[Measure],
    *,
    setting: Wording,
    marked: int | None = None,
    mark: Wording = "",
) -> Chart:
    """A panel for each measure over the runs, evenly spaced; `names` says the setting's value of each, rising.

    The run with index `marked` is ringed and called `mark`. Raises ValueError unless each measure has a value or None
    for each run, one value at least, and all of them finite.
    """
    for measure in measures:
        known = _known(measure)
        if len(measure.values) != len(names) or not known or not all(map(math.isfinite, known)):
            raise ValueError(f"{len(names)} runs need a finite value or None each, one at least: {measure.label}")
    rows: list[list[Wording]] = [
        [name, *(_written(measure, run) for measure in measures)] for run, name in enumerate(names)
    ]
    table = Table(columns=[setting, *(measure.label for measure in measures)], rows=rows)
    plot = partial(_plot, names=names, measures=measures, setting=setting, marked=marked, mark=mark)
    return draw(plot, table=table)


def _known(measure: Measure) -> list[float]:
    return [value for value in measure.values if value is not None]


def _written(measure: Measure, run: int) -> str:
    value = measure.values[run]
    return "–" if value is None else number(value, measure.digits)


@dataclass(frozen=True, kw_only=True)
class _Plane:
    """Places in pixels: of the runs from left to right, of the panels from top to bottom."""

    frame: Frame
    width: float
    runs: int
    panel: float
    gap: float

    def x(self, run: int) -> float:
        return self.width * (run + 0.5) / self.runs

    def top(self, panel: int) -> float:
        return panel * (self.panel + self.gap)

    def line(self, points: Sequence[tuple[float, float]], name: ColourName, **style: Any) -> Any:
        rows = data([{"x": x, "y": y, "order": i} for i, (x, y) in enumerate(points)])
        mark = alt.Chart(rows).mark_line(color=colour(name), strokeJoin="round", strokeCap="round", **style)
        return mark.encode(x=_pixels("x"), y=_pixels("y"), order="order:Q")

    def dot(self, x: float, y: float, **style: Any) -> Any:
        mark = alt.Chart(data([{"x": x, "y": y}])).mark_point(filled=True, opacity=1, **style)
        return mark.encode(x=_pixels("x"), y=_pixels("y"))


def _pixels(axis: str) -> Any:
    """A field that is taken as pixels."""
    kind = alt.X if axis == "x" else alt.Y
    return kind(f"{axis}:Q", scale=None, axis=None)


def _plot(
    frame: Frame,
    names: Sequence[str],
    measures: Sequence[Measure],
    setting: Wording,
    marked: int | None,
    mark: Wording,
) -> Plot:
    levels = [frame.say(measure.level[0]) for measure in measures if measure.level]
    right = max([0.0, *(frame.text_width(f"{level} 0.000") for level in levels)]) + 14
    width = frame.width - right
    panel, gap = (84.0, 64.0) if frame.narrow else (120.0, 72.0)
    plane = _Plane(frame=frame, width=width, runs=len(names), panel=panel, gap=gap)
    foot = plane.top(len(measures) - 1) + panel
    layers: list[Any] = []
    if marked is not None:
        line = [(plane.x(marked), -6.0), (plane.x(marked), foot + 18)]
        layers.append(plane.line(line, "faint", strokeWidth=1, strokeDash=[2, 3]))
    for number_of, measure in enumerate(measures):
        layers += _panel(plane, plane.top(number_of), measure, marked)
    for run, name in enumerate(names):
        chosen = run == marked
        layers.append(text(frame, name, plane.x(run), foot + 30, ink="ink" if chosen else "faint", align="center",
                           bold=chosen))  # fmt: skip
    if marked is not None:
        layers.append(text(frame, frame.say(mark), plane.x(marked), foot + 50, align="center"))
    layers.append(text(frame, frame.say(setting), 0, foot + 72, ink="faint"))
    return Plot(layers=layers, width=width, height=foot, left=0, right=right, top=44, bottom=86)


def _panel(plane: _Plane, top: float, measure: Measure, marked: int | None) -> list[Any]:
    frame, known = plane.frame, _known(measure)
    spread = [*known, *([measure.level[1]] if measure.level else [])]
    low, high = min(spread), max(spread)
    span = (high - low) or max(abs(high), 1.0)

    def y(value: float) -> float:
        return top + plane.panel * (high + 0.1 * span - value) / (1.2 * span)

    layers = [text(frame, frame.say(measure.label), 0, top - 30, ink="faint")]
    if measure.level:
        words, level = measure.level
        layers.append(plane.line([(0, y(level)), (plane.width, y(level))], "base", strokeWidth=1.5, strokeDash=[5, 4]))
        layers.append(text(frame, f"{frame.say(words)} {number(level, measure.digits)}", plane.width + 8, y(level)))
    points = [(plane.x(run), y(value)) for run, value in enumerate(measure.values) if value is not None]
    layers.append(plane.line(points, measure.colour, strokeWidth=2))
    for run, value in enumerate(measure.values):
        if value is None:
            layers.append(text(frame, f"✕\n{frame.say(_FAILED)}", plane.x(run), top, ink="faint", align="center"))
            continue
        ring = {"fill": colour("paper"), "stroke": colour(measure.colour), "strokeWidth": 2.5}
        style = {"size": 110, **ring} if run == marked else {"size": 48, "color": colour(measure.colour)}
        layers.append(plane.dot(plane.x(run), y(value), **style))
        layers.append(text(frame, _written(measure, run), plane.x(run), y(value) - 15, align="center"))
    return layers
