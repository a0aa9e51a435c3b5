"""The grid of two settings: shades by value, values as text, the chosen cell framed; read back from the SVG."""

import re
from itertools import pairwise

import pytest

from doctorglm.language import Text
from doctorglm.report.blocks import Chart
from doctorglm.report.charts import heat
from doctorglm.report.tokens import COLOURS

VALUES = [[0.10, 0.25, None], [0.40, 0.70, 0.55]]
AXES = {"row_name": Text(en="temperature", zh="温度"), "column_name": "top-p"}


def chart(marked: tuple[int, int] | None = (1, 1)) -> Chart:
    return heat(["0", "0.7"], ["0.7", "0.9", "1"], VALUES, Text(en="share", zh="占比"), marked=marked, **AXES)


def cells(svg: str) -> dict[str, tuple[float, float, float]]:
    """hint -> x, y, opacity of every cell."""
    found = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"[^>]*fill-opacity="([\d.]+)"><title>([^<]*)</title>', svg)
    return {hint: (float(x), float(y), float(opacity)) for x, y, opacity, hint in found}


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_darker_is_more_in_one_hue(width: str) -> None:
    svg = getattr(chart(), width).en
    shades = {float(hint.rsplit(" ", 1)[1]): of[2] for hint, of in cells(svg).items() if not hint.endswith("–")}
    values = sorted(shades)
    assert values == [0.10, 0.25, 0.40, 0.55, 0.70]
    steps = [shades[b] - shades[a] for a, b in pairwise(values)]
    assert steps == pytest.approx([steps[0]] * 4, abs=2e-3) and steps[0] > 0
    assert svg.count(COLOURS["accent"].light) == 5


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_each_value_stands_in_its_cell(width: str) -> None:
    svg = getattr(chart(), width).en
    texts = {t: (float(x), float(y)) for x, y, t in re.findall(
        r'<text x="([\d.]+)" y="([\d.]+)"[^>]*class="plain"><tspan[^>]*>([^<]*)<', svg
    )}  # fmt: skip
    assert set(texts) == {"0.10", "0.25", "–", "0.40", "0.70", "0.55"}
    for hint, (x, y, _) in cells(svg).items():
        at = texts[hint.rsplit(": ", 1)[1]]
        assert x < at[0] < x + 110 and y < at[1] < y + 44, hint


def test_rows_and_columns_lie_where_their_names_say() -> None:
    at = cells(chart().wide.en)
    assert at["temperature 0, top-p 0.7: 0.10"][0] == at["temperature 0.7, top-p 0.7: 0.40"][0]
    assert at["temperature 0.7, top-p 0.7: 0.40"][1] == at["temperature 0.7, top-p 1: 0.55"][1]
    assert at["temperature 0, top-p 0.7: 0.10"][1] < at["temperature 0.7, top-p 0.7: 0.40"][1]


def test_the_recommended_cell_is_framed() -> None:
    framed = chart()
    svg = framed.wide.en
    frames = re.findall(rf'<rect x="([\d.]+)" y="([\d.]+)"[^>]*fill="{COLOURS["ink"].light}"></rect>', svg)
    x, y, _ = cells(svg)["temperature 0.7, top-p 0.9: 0.70"]
    assert len(frames) == 4 and (min(float(a) for a, _ in frames), min(float(b) for _, b in frames)) == (x - 1, y - 1)
    plain = chart(None)
    assert COLOURS["ink"].light + '"></rect>' not in plain.wide.en
    assert framed.reading and plain.reading and "framed" in framed.reading.en and "framed" not in plain.reading.en


def test_the_table_behind_and_real_text() -> None:
    found = chart()
    assert [list(map(str, row)) for row in found.table.rows] == [
        ["0", "0.10", "0.25", "–"],
        ["0.7", "0.40", "0.70", "0.55"],
    ]
    for svg in (found.wide.zh, found.narrow.zh):
        assert ">温度<" in svg and ">top-p<" in svg and ">占比<" in svg
        used = set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg))
        assert used <= {colour.light for colour in COLOURS.values()}


def test_one_value_everywhere_is_drawn() -> None:
    svg = heat(["a"], ["b", "c"], [[0.5, 0.5]], "x", **AXES).wide.en
    assert len({of[2] for of in cells(svg).values()}) == 1


def test_a_name_is_text() -> None:
    svg = heat(["<b>"], ["c"], [[1.0]], "x", **AXES).wide.en
    assert "<b>" not in svg and "&lt;b&gt;" in svg


@pytest.mark.parametrize(
    ("values", "marked", "message"),
    [
        ([[1.0]], None, "need a value"),
        ([[1.0, 2.0], [3.0]], None, "need a value"),
        ([[None, None], [None, None]], None, "at least one value"),
        ([[1.0, float("nan")], [None, None]], None, "finite"),
        ([[1.0, 2.0], [3.0, 4.0]], (2, 0), "not on a grid"),
    ],
)
def test_what_is_no_grid_is_refused(
    values: list[list[float | None]], marked: tuple[int, int] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        heat(["a", "b"], ["c", "d"], values, "x", marked=marked, **AXES)
