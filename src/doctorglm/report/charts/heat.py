"""A figure over a grid of two settings: the darker the more, each value in its cell, the chosen cell framed."""

import math
from collections.abc import Sequence
from functools import partial

from doctorglm.report import strings
from doctorglm.report.blocks import Chart, Table
from doctorglm.report.charts.canvas import Frame
from doctorglm.report.charts.matrix import DARKEST, LIGHTEST
from doctorglm.report.charts.pen import Drawing, drawn
from doctorglm.report.numbers import number
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording

_HEIGHT = 44
_HEIGHT_NARROW = 38
_WIDEST = 108.0
_FRAME = 2.5
_HEAD = 48

Cells = Sequence[Sequence[float | None]]
Cell = tuple[int, int]


def heat(
    rows: Sequence[Wording],
    columns: Sequence[Wording],
    values: Cells,
    unit: Wording,
    *,
    row_name: Wording,
    column_name: Wording,
    marked: Cell | None = None,
    digits: int = 2,
) -> Chart:
    """`values[row][column]`, None where nothing was measured; `marked` is the (row, column) that is framed.

    Shades go linearly from the least value to the greatest. Raises ValueError unless there is a finite value or None
    for each row and column, one value at least, and `marked` is on the grid.
    """
    if not rows or len(values) != len(rows) or any(len(row) != len(columns) for row in values):
        raise ValueError(f"{len(rows)} rows and {len(columns)} columns need a value or None each")
    known = [value for row in values for value in row if value is not None]
    if not known or not all(map(math.isfinite, known)):
        raise ValueError("a grid needs at least one value, and all of them finite")
    if marked is not None and not (0 <= marked[0] < len(rows) and 0 <= marked[1] < len(columns)):
        raise ValueError(f"cell {marked} is not on a grid of {len(rows)} by {len(columns)}")
    cells: list[list[Wording]] = [
        [name, *("–" if value is None else number(value, digits) for value in row)]
        for name, row in zip(rows, values, strict=True)
    ]
    table = Table(columns=[row_name, *columns], rows=cells)
    picture = partial(
        _picture,
        names=(rows, columns),
        axes=(row_name, column_name),
        values=values,
        unit=unit,
        marked=marked,
        digits=digits,
    )
    return drawn(picture, table=table, reading=strings.HEAT if marked is None else strings.HEAT_MARKED)


def _picture(
    frame: Frame,
    names: tuple[Sequence[Wording], Sequence[Wording]],
    axes: tuple[Wording, Wording],
    values: Cells,
    unit: Wording,
    marked: Cell | None,
    digits: int,
) -> str:
    drawing = Drawing(frame)
    down, across = ([frame.say(name) for name in of] for of in names)
    row_name, column_name = map(frame.say, axes)
    left = max(map(frame.text_width, [*down, row_name])) + 14
    width = min((frame.width - left) / len(across), _WIDEST)
    height = float(_HEIGHT_NARROW if frame.narrow else _HEIGHT)
    known = [value for row in values for value in row if value is not None]
    least, most = min(known), max(known)
    drawing.words([[(column_name, "faint")]], left, 10)
    drawing.words([[(row_name, "faint")]], 0, 34)
    for column, name in enumerate(across):
        drawing.words([[(name, "faint")]], left + (column + 0.5) * width, 34, anchor="middle")
    for row, name in enumerate(down):
        y = _HEAD + row * height
        drawing.words([[(name, "faint")]], 0, y + height / 2)
        for column, value in enumerate(values[row]):
            hint = f"{row_name} {name}, {column_name} {across[column]}"
            _cell(drawing, (left + column * width, y, width, height), value, _share(value, least, most), digits, hint)
    if marked is not None:
        _frame(drawing, left + marked[1] * width, _HEAD + marked[0] * height, width, height)
    foot = _HEAD + len(down) * height
    drawing.words([[(frame.say(unit), "faint")]], left, foot + 20)
    described = [
        f"{row_name} {down[i]}, {column_name} {across[j]}: {number(value, digits)}"
        for i, row in enumerate(values)
        for j, value in enumerate(row)
        if value is not None
    ]
    return drawing.svg(frame.width, foot + 32, "; ".join(described[:60]))


def _share(value: float | None, least: float, most: float) -> float:
    """How far a value is on the way from the least to the greatest; in the middle where all are equal."""
    return 0.5 if value is None or most == least else (value - least) / (most - least)


def _cell(
    drawing: Drawing,
    box: tuple[float, float, float, float],
    value: float | None,
    share: float,
    digits: int,
    hint: str,
) -> None:
    x, y, width, height = box
    words = "–" if value is None else number(value, digits)
    paint: ColourName = "line" if value is None else "accent"
    opacity = 0.35 if value is None else round(LIGHTEST + (DARKEST - LIGHTEST) * share, 3)
    drawing.rectangle(x + 1, y + 1, width - 2, height - 2, paint, opacity=opacity, hint=f"{hint}: {words}")
    drawing.words([[(words, "ink")]], x + width / 2, y + height / 2, anchor="middle", plain=True)


def _frame(drawing: Drawing, x: float, y: float, width: float, height: float) -> None:
    """Four strips in ink around a cell."""
    for left, top, wide, high in (
        (x, y, width, _FRAME),
        (x, y + height - _FRAME, width, _FRAME),
        (x, y, _FRAME, height),
        (x + width - _FRAME, y, _FRAME, height),
    ):
        drawing.rectangle(left, top, wide, high, "ink")
