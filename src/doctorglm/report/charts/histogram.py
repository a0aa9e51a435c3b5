"""How often which size occurs: columns between edges, one picture above the other on a common axis."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from doctorglm.report import strings
from doctorglm.report.blocks import Chart, Table
from doctorglm.report.charts.canvas import Frame
from doctorglm.report.charts.pen import Drawing, drawn
from doctorglm.report.numbers import number
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording

_PLANE = 96
_HEAD = 44
_GAP = 18
_FOOT = 46
_TICK_GAP = 10


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """`counts[i]` of the values lie from `edges[i]` to below `edges[i + 1]`."""

    label: Wording
    edges: Sequence[float]
    counts: Sequence[int]
    colour: ColourName = "accent"


def histograms(rows: Sequence[Histogram], *, unit: Wording, log: bool = False, digits: int = 0) -> Chart:
    """Each distribution with its median, all on one axis, by powers of ten when `log`.

    Raises ValueError where edges and counts do not fit one another.
    """
    for row in rows:
        rising = all(a < b for a, b in pairwise(row.edges))
        if len(row.edges) != len(row.counts) + 1 or not rising or min(row.counts, default=-1) < 0:
            raise ValueError(f"{row.label}: edges that do not rise, or do not fit the counts")
    if not rows:
        raise ValueError("a picture of distributions needs at least one")
    picture = partial(_picture, rows=rows, unit=unit, axis=_Axis(rows, log), digits=digits)
    cells = [
        [row.label, number(low, digits), number(high, digits), number(count, 0)]
        for row in rows
        for low, high, count in zip(row.edges, row.edges[1:], row.counts, strict=False)
    ]
    columns: list[Wording] = [unit, strings.FROM, strings.TO_BELOW, strings.COUNT]
    return drawn(picture, table=Table(columns=columns, rows=cells))


def median(row: Histogram, *, log: bool = False) -> float | None:
    """The value that half of the others are below, taken as evenly spread within its bin; None when there is none."""
    whole, below = sum(row.counts), 0
    for low, high, count in zip(row.edges, row.edges[1:], row.counts, strict=False):
        if count and 2 * (below + count) >= whole:
            share = (whole / 2 - below) / count
            return float(low * (high / low) ** share if log and low > 0 else low + share * (high - low))
        below += count
    return None


class _Tick(NamedTuple):
    """A value on the axis: its words, where it is, and where the words begin and end."""

    words: str
    x: float
    anchor: str
    left: float
    right: float


class _Axis:
    """From values to shares of the plane's width."""

    def __init__(self, rows: Sequence[Histogram], log: bool) -> None:
        edges = sorted({edge for row in rows for edge in row.edges})
        positive = [edge for edge in edges if edge > 0]
        self.log = log and len(positive) > 1
        # zero has no logarithm: its bin is as wide as a halving
        self.low = (positive[0] / 2 if edges[0] <= 0 else edges[0]) if self.log else edges[0]
        self.high = edges[-1]

    def share(self, value: float) -> float:
        if not self.log:
            return (value - self.low) / (self.high - self.low)
        return math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)

    def ticks(self, frame: Frame, margin: float) -> list["_Tick"]:
        """Round values, as many as there is room for."""
        placed: list[_Tick] = []
        for steps in ((1, 2, 5), (1, 3), (1,)) if self.log else ((0.1,), (0.2,), (0.25,), (0.5,), (1.0,)):
            placed = [self._tick(value, frame, margin) for value in self._round_values(steps)]
            if all(a.right + _TICK_GAP <= b.left for a, b in pairwise(placed)):
                return placed
        kept = placed[:1]
        for tick in placed[1:]:
            if kept[-1].right + _TICK_GAP <= tick.left:
                kept.append(tick)
        return kept

    def _tick(self, value: float, frame: Frame, margin: float) -> "_Tick":
        x, words = margin + (frame.width - 2 * margin) * self.share(value), f"{value:,.10g}"
        wide = frame.text_width(words)
        left = min(max(x - wide / 2, 0), frame.width - wide)
        anchor = "start" if left > x - wide / 2 else "end" if left < x - wide / 2 else "middle"
        return _Tick(words, x, anchor, left, left + wide)

    def _round_values(self, steps: Sequence[float]) -> list[float]:
        if not self.log:
            step = steps[0] * 10 ** math.ceil(math.log10(self.high - self.low))
            first = math.ceil(self.low / step - 1e-9)
            return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = [step * 10.0**power for power in powers for step in steps]
        return [value for value in values if self.low <= value <= self.high and value >= 1]


def _picture(frame: Frame, rows: Sequence[Histogram], unit: Wording, axis: _Axis, digits: int) -> str:
    drawing, margin = Drawing(frame), 1.0
    width = frame.width - 2 * margin
    pitch = _HEAD + _PLANE + _GAP
    bottom = pitch * len(rows) - _GAP
    for tick in axis.ticks(frame, margin):
        for index in range(len(rows)):
            top = index * pitch + _HEAD
            drawing.line(tick.x, top, tick.x, top + _PLANE, "line")
        drawing.words([[(tick.words, "faint")]], tick.x, bottom + 14, anchor=tick.anchor)
    said = []
    for index, row in enumerate(rows):
        said.append(_plane(drawing, row, axis, index * pitch, margin, width, digits))
    drawing.words([[(frame.say(unit), "faint")]], frame.width - margin, bottom + 35, anchor="end")
    return drawing.svg(frame.width, bottom + _FOOT, "; ".join(said))


def _plane(drawing: Drawing, row: Histogram, axis: _Axis, y: float, margin: float, width: float, digits: int) -> str:
    """One distribution: name and median above, columns on a line; returns what it says."""
    frame, floor = drawing.frame, y + _HEAD + _PLANE
    highest = max(row.counts) or 1
    for low, high, count in zip(row.edges, row.edges[1:], row.counts, strict=False):
        x, end = (margin + width * axis.share(value) for value in (low, high))
        height = max(_PLANE * count / highest, 1.0 if count else 0)
        hint = f"{number(low, digits)}–{number(high, digits)}: {number(count, 0)}"
        drawing.rectangle(x + 0.75, floor - height, end - x - 1.5, height, row.colour, opacity=0.72, hint=hint)
    drawing.line(margin, floor, margin + width, floor, "base")
    name = frame.say(row.label)
    drawing.words([[(name, "ink")]], margin, y + 12, bold=True)
    middle = median(row, log=axis.log)
    if middle is None:
        return name
    note = frame.say(strings.MEDIAN).format(value=number(middle, digits))
    x = margin + width * axis.share(middle)
    drawing.line(x, y + 26, x, floor, "ink", dashed=True)
    drawing.words([[(note, "faint")]], frame.width - margin, y + 12, anchor="end")
    return f"{name}: {note}"
