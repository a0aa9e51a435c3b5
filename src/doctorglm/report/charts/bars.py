"""Counts of named things as bars from zero, the largest first, each labelled where it ends."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from doctorglm.report import strings
from doctorglm.report.blocks import Chart, Table
from doctorglm.report.charts.canvas import Frame
from doctorglm.report.charts.pen import Drawing, Run, drawn
from doctorglm.report.numbers import number, share_of
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording, shortened

_ROW = 30
_NARROW_ROW = 46
_HEIGHT = 12
_GAP = 14
SMALLEST_BAR = 1.5
"""Pixels; what is there is seen."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One count under its name."""

    label: Wording
    count: int


def bars(
    rows: Sequence[Bar],
    *,
    name: Wording,
    count: Wording = strings.COUNT,
    whole: int | None = None,
    colour: ColourName = "accent",
    most: int = 20,
    in_order: bool = False,
) -> Chart:
    """A bar for each of the `most` largest and one for the others; `whole` is what shares are of, if any are shown.

    `in_order` keeps the rows as they come, such as sizes. Raises ValueError when there is none or one is negative.
    """
    if not rows or any(row.count < 0 for row in rows):
        raise ValueError("bars need at least one count, and none below zero")
    ordered = list(rows) if in_order else sorted(rows, key=lambda row: -row.count)
    shown = ordered
    if len(ordered) > most:
        rest = ordered[most - 1 :]
        others = Bar(label=strings.counted(strings.OTHERS, len(rest)), count=sum(row.count for row in rest))
        shown = [*ordered[: most - 1], others]
    columns = [name, count, *([strings.SHARE] if whole is not None else [])]
    cells = [
        [row.label, number(row.count, 0), *([share_of(row.count, whole)] if whole is not None else [])]
        for row in ordered
    ]
    values = [_value(row.count, whole) for row in shown]
    picture = partial(
        _picture,
        labels=[row.label for row in shown],
        lengths=[float(row.count) for row in shown],
        values=values,
        colour=colour,
    )
    return drawn(picture, table=Table(columns=columns, rows=cells))


def shares(rows: Sequence[tuple[Wording, float]], *, name: Wording, value: Wording, most: float = 1.0) -> Chart:
    """Values between 0 and `most`, such as the parts of a score, as bars on one scale that ends at `most`.

    Raises ValueError for a value outside of it, or when there is none.
    """
    if not rows or not all(math.isfinite(share) and 0 <= share <= most for _, share in rows):
        raise ValueError(f"bars need at least one value, and all between 0 and {most:g}")
    values = [number(share, 2) for _, share in rows]
    table = Table(columns=[name, value], rows=[[label, text] for (label, _), text in zip(rows, values, strict=True)])
    picture = partial(
        _picture,
        labels=[label for label, _ in rows],
        lengths=[share for _, share in rows],
        values=[(text, "") for text in values],
        colour="accent",
        full=most,
    )
    return drawn(picture, table=table)


def _value(count: int, whole: int | None) -> tuple[str, str]:
    return number(count, 0), "" if whole is None else share_of(count, whole)


def _picture(
    frame: Frame,
    *,
    labels: Sequence[Wording],
    lengths: Sequence[float],
    values: Sequence[tuple[str, str]],
    colour: ColourName,
    full: float | None = None,
) -> str:
    """Names at the left, above their bars on a phone; `full` is the length of a whole bar, else the largest's."""
    drawing = Drawing(frame)
    names = [shortened(frame.say(label), 20.0 if frame.narrow else 17.0) for label in labels]
    left = 0.0 if frame.narrow else max(map(frame.text_width, names)) + _GAP
    ends = [f"{value}  {share}" if share else value for value, share in values]
    room = 0.0 if frame.narrow else max(map(frame.text_width, ends)) + 10
    scale = (frame.width - left - room) / max(full or max(lengths), 1e-9)
    pitch = _NARROW_ROW if frame.narrow else _ROW
    for index, (name, length, (value, share)) in enumerate(zip(names, lengths, values, strict=True)):
        y = index * pitch
        words_y, bar_y = (y + 10, y + 22) if frame.narrow else (y + pitch / 2, y + (pitch - _HEIGHT) / 2)
        width = max(scale * length, SMALLEST_BAR if length else 0)
        if full:
            drawing.rectangle(left, bar_y, scale * full, _HEIGHT, "line")
        drawing.rectangle(left, bar_y, width, _HEIGHT, colour, hint=f"{name} {value}")
        drawing.words([[(name, "ink")]], 0, words_y)
        at_end = frame.width if frame.narrow else left + (scale * full if full else width) + 10
        runs: list[Run] = [(value, "ink"), (f"  {share}", "faint")] if share else [(value, "ink")]
        drawing.words([runs], at_end, words_y, anchor="end" if frame.narrow else "start")
    described = "; ".join(f"{name} {value}" for name, (value, _) in zip(names, values, strict=True))
    return drawing.svg(frame.width, len(labels) * pitch, described)
