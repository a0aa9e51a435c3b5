"""What every two of several things share: a triangle of counts, the darker the more."""

import math
from collections.abc import Sequence
from functools import partial

from doctorglm.report import strings
from doctorglm.report.blocks import Chart, Table
from doctorglm.report.charts.canvas import Frame
from doctorglm.report.charts.pen import Drawing, Run, drawn
from doctorglm.report.numbers import number
from doctorglm.report.wording import Wording, shortened

MOST, MOST_NARROW = 12, 8
WIDE = 1000
LIGHTEST, DARKEST = 0.08, 0.42
"""Opacity of the accent under the ink; beyond it the figures' contrast falls below 4.5:1 by night."""

Pair = tuple[int, int, int]


def matrix(names: Sequence[Wording], counts: Sequence[Sequence[int]], *, name: Wording, count: Wording) -> Chart:
    """The counts of all pairs of names, of those that share most where there are many; the diagonal is not shown.

    Raises ValueError unless `counts` is square and symmetric, and a row and a column for each of two names or more.
    """
    size = len(names)
    square = size > 1 and len(counts) == size and all(len(row) == size for row in counts)
    if not square or any(counts[i][j] != counts[j][i] for i in range(size) for j in range(i)):
        raise ValueError(f"{size} names need a symmetric table of {size} by {size} counts")
    pairs: list[Pair] = [(counts[i][j], j, i) for i in range(size) for j in range(i) if counts[i][j]]
    pairs.sort(key=lambda pair: (-pair[0], pair[1:]))
    rows = [[names[i], names[j], number(n, 0)] for n, i, j in pairs]
    table = Table(columns=[name, strings.ALSO_IN, count], rows=rows)
    return drawn(partial(_picture, names=names, counts=counts), table=table, reading=strings.MATRIX, width=WIDE)


def most_shared(counts: Sequence[Sequence[int]], most: int) -> list[int]:
    """The indices of at most `most` things that share anything with another, those that share most first."""
    shared = [sum(row) - row[i] for i, row in enumerate(counts)]
    sharing = [i for i, n in enumerate(shared) if n] or list(range(min(2, len(counts))))
    return sorted(sharing, key=lambda i: (-shared[i], i))[:most]


def _picture(frame: Frame, names: Sequence[Wording], counts: Sequence[Sequence[int]]) -> str:
    chosen = most_shared(counts, MOST_NARROW if frame.narrow else MOST)
    drawing = Drawing(frame)
    said = [shortened(frame.say(names[i]), 9.0 if frame.narrow else 18.0) for i in chosen]
    labels: list[list[Run]] = [[(f"{row + 1}", "faint"), (f"  {name}", "ink")] for row, name in enumerate(said)]
    left = max(frame.text_width("".join(words for words, _ in label)) for label in labels) + 12
    columns = len(chosen) - 1
    largest = max((counts[i][j] for i in chosen for j in chosen if i != j), default=0)
    needed = frame.text_width(number(largest, 0)) + 8
    cell = min((frame.width - left) / max(columns, 1), max(64.0, needed))
    height = 30.0
    described = []
    for row, i in enumerate(chosen):
        y = row * height
        drawing.words([labels[row]], 0, y + height / 2)
        for column, j in enumerate(chosen[:row]):
            n = counts[i][j]
            x = left + column * cell
            _cell(drawing, x, y, cell, height, n, largest, f"{said[row]} × {said[column]}: {number(n, 0)}", needed)
            if n:
                described.append(f"{said[row]} × {said[column]}: {number(n, 0)}")
    foot = len(chosen) * height
    for column in range(columns):
        x = left + (column + 0.5) * cell
        drawing.words([[(f"{column + 1}", "faint")]], x, foot + 14, anchor="middle")
    return drawing.svg(frame.width, foot + 26, "; ".join(described[:30]))


def _cell(
    drawing: Drawing, x: float, y: float, width: float, height: float, n: int, largest: int, hint: str, needed: float
) -> None:
    """A field as dark as the count's logarithm; the count stands in it where there is room."""
    if not n:
        drawing.rectangle(x + 1, y + 1, width - 2, height - 2, "line", opacity=0.35, hint=hint)
        return
    share = math.log1p(n) / math.log1p(largest)
    drawing.rectangle(
        x + 1,
        y + 1,
        width - 2,
        height - 2,
        "accent",
        opacity=round(LIGHTEST + (DARKEST - LIGHTEST) * share, 3),
        hint=hint,
    )
    if needed <= width + 6:
        drawing.words([[(number(n, 0), "ink")]], x + width / 2, y + height / 2, anchor="middle", plain=True)
