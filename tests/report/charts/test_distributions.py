"""Bars, histograms and the matrix, read back from their SVG."""

import re
from itertools import combinations, pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from doctorglm.report.blocks import Chart
from doctorglm.report.charts import Bar, Histogram, bars, histograms, matrix, median, shares
from doctorglm.report.tokens import COLOURS

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert(1)</script>&"


def parsed(chart: Chart, width: str = "wide", language: str = "en") -> ElementTree.Element:
    return ElementTree.fromstring(getattr(getattr(chart, width), language))


def rectangles(svg: ElementTree.Element, colour: str) -> list[dict[str, float]]:
    return [
        {key: float(shape.get(key, 0)) for key in ("x", "y", "width", "height")}
        | {"opacity": float(shape.get("fill-opacity", 1))}
        for shape in svg.iter(f"{SVG}rect")
        if shape.get("fill") == COLOURS[colour].light  # type: ignore[index]
    ]


def words(svg: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in svg.iter(f"{SVG}text")]


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_bars_are_in_proportion_from_zero_the_largest_first(width: str) -> None:
    rows = [Bar(label="儿科", count=250), Bar(label="内科", count=1000), Bar(label="x", count=0)]
    chart = bars(rows, name="department", whole=2000)
    svg = parsed(chart, width)
    drawn = rectangles(svg, "accent")
    assert [bar["width"] / drawn[0]["width"] for bar in drawn] == [1, pytest.approx(0.25, rel=1e-3), 0]
    assert len({bar["x"] for bar in drawn}) == 1
    assert words(svg) == ["内科", "1,000  50.0\u202f%", "儿科", "250  12.5\u202f%", "x", "0  0.0\u202f%"]
    assert chart.table.rows[0] == ["内科", "1,000", "50.0\u202f%"]


def test_a_bar_of_one_among_a_million_is_seen() -> None:
    drawn = rectangles(parsed(bars([Bar(label="a", count=10**6), Bar(label="b", count=1)], name="x")), "accent")
    assert drawn[1]["width"] >= 1.5


def test_many_bars_are_gathered_and_keep_their_sum() -> None:
    chart = bars([Bar(label=f"d{i}", count=i) for i in range(1, 41)], name="x", most=10)
    said = words(parsed(chart))
    assert said[-2:] == ["31 others", str(sum(range(1, 32)))]
    assert len(said) == 20 and len(chart.table.rows) == 40


def test_sizes_keep_their_order() -> None:
    chart = bars([Bar(label="1", count=2), Bar(label="2", count=9)], name="x", in_order=True)
    assert words(parsed(chart)) == ["1", "2", "2", "9"]


def test_shares_are_drawn_against_the_whole() -> None:
    svg = parsed(shares([("a", 0.25), ("b", 1.0)], name="x", value="mean"))
    whole, drawn = rectangles(svg, "line"), rectangles(svg, "accent")
    assert [bar["width"] / whole[0]["width"] for bar in drawn] == [pytest.approx(0.25, rel=1e-3), 1]
    with pytest.raises(ValueError, match="between 0 and 1"):
        shares([("a", 1.2)], name="x", value="mean")


@pytest.mark.parametrize("rows", [[], [Bar(label="a", count=-1)]])
def test_bars_of_nothing_are_refused(rows: list[Bar]) -> None:
    with pytest.raises(ValueError, match="at least one count"):
        bars(rows, name="x")


def test_columns_are_as_high_as_their_counts_and_as_wide_as_their_logarithm() -> None:
    row = Histogram(label="q", edges=[1, 10, 100, 10_000], counts=[5, 20, 10])
    svg = parsed(histograms([row], unit="characters", log=True))
    drawn = rectangles(svg, "accent")
    assert [bar["height"] / drawn[1]["height"] for bar in drawn] == [
        pytest.approx(0.25, rel=1e-3),
        1,
        pytest.approx(0.5, rel=1e-3),
    ]
    assert len({round(bar["y"] + bar["height"], 1) for bar in drawn}) == 1
    widths = [bar["width"] + 1.5 for bar in drawn]
    assert widths[1] / widths[0] == pytest.approx(1, rel=0.01) and widths[2] / widths[0] == pytest.approx(2, rel=0.01)


def test_distributions_share_an_axis() -> None:
    rows = [
        Histogram(label="q", edges=[0, 10, 20], counts=[1, 1], colour="training"),
        Histogram(label="a", edges=[10, 20, 40], counts=[1, 1]),
    ]
    svg = parsed(histograms(rows, unit="x"))
    above, below = rectangles(svg, "training"), rectangles(svg, "accent")
    assert above[1]["x"] == below[0]["x"]
    assert max(bar["y"] + bar["height"] for bar in above) < min(bar["y"] for bar in below)


@pytest.mark.parametrize("log", [False, True])
def test_median_is_near_that_of_the_values(log: bool) -> None:
    values = np.random.default_rng(5).lognormal(5, 0.8, 20_001)
    edges = [float(edge) for edge in 10 ** np.linspace(0, 5, 41)]
    counts = [int(n) for n in np.histogram(values, edges)[0]]
    found = median(Histogram(label="x", edges=edges, counts=counts), log=log)
    assert found == pytest.approx(float(np.median(values)), rel=0.03)


def test_median_by_hand() -> None:
    assert median(Histogram(label="x", edges=[0, 10, 20], counts=[1, 3])) == pytest.approx(10 + 10 / 3)
    assert median(Histogram(label="x", edges=[1, 100], counts=[2]), log=True) == pytest.approx(10)
    assert median(Histogram(label="x", edges=[0, 10], counts=[0])) is None


@pytest.mark.parametrize("edges", [[0, 1, 3, 7, 900], [1, 1.5, 2_000_000], [0, 0.05, 1], [5, 6]])
@pytest.mark.parametrize("log", [False, True])
def test_ticks_do_not_collide(edges: list[float], log: bool) -> None:
    row = Histogram(label="x", edges=edges, counts=[1] * (len(edges) - 1))
    for width, size in (("wide", 14), ("narrow", 12)):
        svg = parsed(histograms([row], unit="x", log=log), width)
        ticks = [text for text in svg.iter(f"{SVG}text") if re.fullmatch(r"[\d,.]+", "".join(text.itertext()))]
        spans = []
        for tick in ticks:
            x, long = float(tick.get("x", 0)), 0.5 * size * len("".join(tick.itertext()))
            left = {"start": x, "middle": x - long / 2, "end": x - long}[tick.get("text-anchor", "")]
            spans.append((left, left + long))
        assert all(a[1] < b[0] for a, b in pairwise(sorted(spans)))


@pytest.mark.parametrize(("edges", "counts"), [([1, 2], [1, 1]), ([2, 1], [1]), ([1, 1], [1]), ([1, 2], [-1])])
def test_edges_that_do_not_fit_are_refused(edges: list[float], counts: list[int]) -> None:
    with pytest.raises(ValueError, match="edges that do not rise"):
        histograms([Histogram(label="x", edges=edges, counts=counts)], unit="x")


COUNTS = [[9, 40, 0], [40, 9, 3], [0, 3, 9]]


def test_each_pair_stands_once_the_darker_the_more() -> None:
    chart = matrix(["cmd", "丁香园", "icliniq"], COUNTS, name="source", count="clusters")
    svg = parsed(chart)
    cells = rectangles(svg, "accent")
    assert len(cells) == 2 and len(rectangles(svg, "line")) == 1
    shown = [word for word in words(svg) if word in ("40", "3", "9", "0")]
    assert sorted(shown) == ["3", "40"]
    # 丁香园 shares the most and comes first, then cmd, with which it shares 40
    assert cells[0]["opacity"] > cells[1]["opacity"] and cells[0]["y"] < cells[1]["y"]
    assert chart.table.rows == [["cmd", "丁香园", "40"], ["丁香园", "icliniq", "3"]]


def test_only_what_shares_most_is_drawn() -> None:
    size = 30
    counts = [[0 if i == j else i + j for j in range(size)] for i in range(size)]
    chart = matrix([f"corpus {i}" for i in range(size)], counts, name="source", count="clusters")
    said = words(parsed(chart))
    assert [word for word in said if "corpus" in word] == [f"{n + 1}  corpus {29 - n}" for n in range(12)]
    assert len(chart.table.rows) == size * (size - 1) // 2
    assert len([word for word in words(parsed(chart, "narrow")) if "corpus" in word]) == 8


@pytest.mark.parametrize("counts", [[[0, 1], [2, 0]], [[0, 1]], [[0]]])
def test_a_matrix_of_another_shape_is_refused(counts: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="symmetric"):
        matrix(["a", "b"], counts, name="x", count="y")


def test_hostile_names_are_text() -> None:
    charts = [
        bars([Bar(label=EVIL, count=1)], name=EVIL),
        shares([(EVIL, 0.5)], name=EVIL, value=EVIL),
        histograms([Histogram(label=EVIL, edges=[1, 2], counts=[1])], unit=EVIL),
        matrix([EVIL, "b"], [[0, 1], [1, 0]], name=EVIL, count=EVIL),
    ]
    for chart in charts:
        for width in ("wide", "narrow"):
            svg = parsed(chart, width)
            assert not [tag for tag in svg.iter() if "script" in tag.tag]
            assert any("<script>" in word for word in words(svg))


def test_names_of_bars_and_of_a_matrix_do_not_run_into_what_they_name() -> None:
    long = "a very long name of a department of a hospital far away 以及很长的中文名称"
    for chart in (
        bars([Bar(label=long, count=1)], name="x"),
        matrix([long, "b"], [[0, 1], [1, 0]], name="x", count="y"),
    ):
        svg = parsed(chart)
        (name,) = [text for text in svg.iter(f"{SVG}text") if "very long" in "".join(text.itertext())]
        ends = 14 * sum(1.0 if ord(c) > 0x2E7F else 0.5 for c in "".join(name.itertext()))
        assert all(bar["x"] >= ends for bar in rectangles(svg, "accent"))


def test_rows_of_bars_stand_apart() -> None:
    svg = parsed(bars([Bar(label=f"d{i}", count=9) for i in range(20)], name="x"), "narrow")
    tops = sorted({float(text.get("y", 0)) for text in svg.iter(f"{SVG}text")})
    assert all(b - a >= 16 for a, b in combinations(tops, 2) if a < b)
