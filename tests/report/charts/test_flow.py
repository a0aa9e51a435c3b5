"""Flows: widths in proportion, counts that add up, labels that do not lie upon one another."""

import re
from itertools import combinations, pairwise

import pytest

from doctorglm.language import Text
from doctorglm.report.blocks import Chart
from doctorglm.report.charts import Branch, flow

REASONS = [
    Branch(label=Text(en="No answer", zh="没有回答"), count=60, colour="base"),
    Branch(label=Text(en="Repeats itself", zh="复读"), count=39, colour="base"),
    Branch(label=Text(en="Too short", zh="过短"), count=1, colour="base"),
]
KEPT = Branch(label=Text(en="Kept", zh="保留"), count=3900)
ROOT = Branch(
    label=Text(en="Read", zh="读入"),
    count=4000,
    parts=[KEPT, Branch(label=Text(en="Rejected", zh="剔除"), count=100, colour="base", parts=REASONS)],
)


@pytest.fixture(scope="module")
def chart() -> Chart:
    """The tree, drawn once."""
    return flow(ROOT)


def shapes(svg: str, kind: str) -> list[list[tuple[float, float]]]:
    """The corners of every bar ("rect") or stream ("area") in the order they were drawn, in pixels."""
    found = re.findall(rf'class="mark-{kind} [^"]*"><path [^>]*d="([^"]*)"', svg)
    return [[(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)] for path in found]


def test_table_behind_adds_up(chart: Chart) -> None:
    table = chart.table
    assert [[str(cell).strip() for cell in row] for row in table.rows] == [
        ["Read", "4,000", "100.0\u202f%"],
        ["Kept", "3,900", "97.5\u202f%"],
        ["Rejected", "100", "2.5\u202f%"],
        ["No answer", "60", "1.5\u202f%"],
        ["Repeats itself", "39", "1.0\u202f%"],
        ["Too short", "1", "<0.1\u202f%"],
    ]


def test_counts_and_shares_in_both_languages(chart: Chart) -> None:
    assert "Kept 3,900 (97.5\u202f%)" in chart.wide.en
    assert "保留 3,900（97.5\u202f%）" in chart.wide.zh
    assert "Too short 1 (&lt;0.1\u202f%)" in chart.wide.en
    assert "读入 4,000<" in chart.wide.zh
    for name in ("读入", "保留", "剔除", "没有回答", "复读", "过短"):
        assert name in chart.narrow.zh


def test_parts_must_add_up() -> None:
    with pytest.raises(ValueError, match="10 records, but its parts hold 9"):
        flow(Branch(label="x", count=10, parts=[Branch(label="y", count=9)]))
    with pytest.raises(ValueError, match="-1 records"):
        flow(Branch(label="x", count=-1))


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_words_do_not_lie_upon_one_another(chart: Chart, width: str) -> None:
    svg = getattr(chart, width).zh
    size = 14 if width == "wide" else 12
    boxes = []
    for x, y, text in re.findall(r'<text [^>]*translate\(([-\d.]+),([-\d.]+)\)"[^>]*>(.*?)</text>', svg):
        lines = re.findall(r">([^<]+)<", text) or [text]
        boxes.append((float(x), float(y), max(map(len, lines)) * size, len(lines) * 1.35 * size))
    assert len(boxes) == 6
    for (x, y, w, h), (x2, y2, w2, h2) in combinations(boxes, 2):
        # a baseline stands about one size below the top of its line
        top, top2 = y - size, y2 - size
        assert x + w <= x2 or x2 + w2 <= x or top + h - 3 <= top2 or top2 + h2 - 3 <= top


def test_nothing_read_is_drawn() -> None:
    svg = flow(Branch(label="Read", count=0, parts=[Branch(label="Kept", count=0)])).wide.en
    assert "NaN" not in svg and "Kept 0" in svg


def test_streams_are_in_proportion_and_fill_what_they_leave() -> None:
    tree = Branch(label="x", count=40, parts=[Branch(label="y", count=30), Branch(label="z", count=10)])
    svg = flow(tree).wide.en
    root = shapes(svg, "rect")[0]
    top, height = min(y for _, y in root), max(y for _, y in root) - min(y for _, y in root)
    assert height == pytest.approx(200, abs=1)
    starts = []
    for stream in shapes(svg, "area"):
        left = min(x for x, _ in stream)
        edges = sorted({y for x, y in stream if x == left})
        starts.append((edges[0] - top, edges[-1] - top))
    assert starts == [(pytest.approx(0), pytest.approx(150)), (pytest.approx(150), pytest.approx(200))]


def test_bars_of_a_column_stand_apart(chart: Chart) -> None:
    columns: dict[float, list[tuple[float, float]]] = {}
    for bar in shapes(chart.wide.en, "rect"):
        ys = [y for _, y in bar]
        columns.setdefault(min(x for x, _ in bar), []).append((min(ys), max(ys)))
    assert sorted(map(len, columns.values())) == [1, 2, 3]
    for bars in columns.values():
        assert all(below[0] - above[1] >= 10 for above, below in pairwise(sorted(bars)))
