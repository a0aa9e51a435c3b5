"""Rows of figures with intervals: where dots, lines and zero stand, read back from the SVG."""

import re
from typing import Any

import pytest

from doctorglm.language import Text
from doctorglm.report.blocks import Chart
from doctorglm.report.charts import Estimate, Panel, Row, forest
from doctorglm.report.tokens import COLOURS

NAME = Text(en="figure", zh="指标")
BASE = Text(en="against the base", zh="相对基座")
PLACEBO = Text(en="against the placebo", zh="相对安慰剂")
UNIT = Text(en="nats", zh="nat")
ZERO = Text(en="no difference", zh="无差别")
LOSS = Row(
    label=Text(en="loss", zh="损失"),
    estimates=[
        Estimate(series=BASE, value=-0.4, low=-0.5, high=-0.3, n=54),
        Estimate(series=PLACEBO, value=0.1, low=-0.05, high=0.2, n=50, colour="placebo"),
    ],
)


def dots(svg: str, name: str) -> list[float]:
    """The x of every dot of a colour, in pixels, those of the key left out."""
    found = re.findall(rf'<path d="M([-\d.]+),[\d.]+a5,5[^"]*" fill="{COLOURS[name].light}"><title>', svg)  # type: ignore[index]
    return [float(x) + 5 for x in found]


def bars(svg: str, name: str, height: str) -> list[tuple[float, float]]:
    """Where the rectangles of a colour and a height begin and how wide they are."""
    found = re.findall(
        rf'<rect x="([-\d.]+)" y="[\d.]+" width="([\d.]+)" height="{height}" rx="1.5" fill="{COLOURS[name].light}"',  # type: ignore[index]
        svg,
    )
    return [(float(x), float(width)) for x, width in found]


def zero(svg: str) -> float:
    ((x, width),) = [found for found in bars(svg, "base", r"[\d.]+") if found[1] == 2]
    return x + width / 2


def chart(**changes: Any) -> Chart:
    return forest([Panel(rows=[LOSS], unit=UNIT, **{"zero": ZERO, "better": "lower", **changes})], name=NAME)


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_drawn_to_scale_about_the_line_at_zero(width: str) -> None:
    svg = getattr(chart(), width).en
    origin, (mine,), (theirs,) = zero(svg), dots(svg, "accent"), dots(svg, "placebo")
    assert (theirs - origin) / (mine - origin) == pytest.approx(0.1 / -0.4, abs=0.01)
    ((start, length),) = bars(svg, "accent", "3.00")
    assert (start - origin) / (mine - origin) == pytest.approx(0.5 / 0.4, abs=0.01)
    assert length / (mine - origin) == pytest.approx(-0.2 / 0.4, abs=0.01)


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_values_are_bars_that_begin_at_zero(width: str) -> None:
    rows = [
        Row(
            label="harmful",
            estimates=[
                Estimate(series="alone", value=25.0, low=10.0, high=50.0, n=12, colour="training"),
                Estimate(series="consult", value=100.0, low=76.0, high=100.0, n=12),
            ],
        )
    ]
    svg = getattr(forest([Panel(rows=rows, unit="per cent", digits=0, end=100.0)], name=NAME), width).en
    ((begin, alone),), ((same, through),) = bars(svg, "training", "12.00"), bars(svg, "accent", "12.00")
    assert begin == same == pytest.approx(zero(svg), abs=0.01)
    assert through / alone == pytest.approx(4, rel=0.01)
    assert "25  [10, 50]" in svg and "100  [76, 100]" in svg and "no difference" not in svg


def test_every_unit_has_an_axis_of_its_own_and_says_which_way_is_better() -> None:
    share = Row(label="ends", estimates=[Estimate(series=BASE, value=15.0, low=4.0, high=26.0, n=9)])
    panels = [
        Panel(rows=[LOSS], unit=UNIT, zero=ZERO, better="lower"),
        Panel(rows=[share], unit=Text(en="points", zh="百分点"), zero=ZERO, better="higher", digits=1),
        Panel(rows=[share], unit="tokens", zero=ZERO, digits=0),
    ]
    found = forest(panels, name=NAME)
    for svg in (found.wide.zh, found.narrow.zh):
        assert svg.count("无差别") == 3 and svg.count("← 更好") == 1 and svg.count("更好 →") == 1
        assert "百分点" in svg and ">nat<" in svg and ">tokens<" in svg
        assert "+15.0  [+4.0, +26.0]" in svg and "−0.400  [−0.500, −0.300]" in svg
    assert [list(map(str, row)) for row in found.table.rows[:3]] == [
        ["loss", "against the base", "−0.400", "[−0.500, −0.300]", "54", "nats"],
        ["loss", "against the placebo", "+0.100", "[−0.050, +0.200]", "50", "nats"],
        ["ends", "against the base", "+15.0", "[+4.0, +26.0]", "9", "points"],
    ]


def test_without_an_interval_there_is_a_dot_alone() -> None:
    row = Row(label="x", estimates=[Estimate(series=BASE, value=0.5, low=None, high=None, n=1)])
    found = forest([Panel(rows=[row], unit=UNIT, zero=ZERO)], name=NAME)
    assert len(dots(found.wide.en, "accent")) == 1 and not bars(found.wide.en, "accent", "3.00")
    assert [str(cell) for cell in found.table.rows[0]][2:5] == ["+0.500", "–", "1"]


def test_all_differences_zero_are_drawn() -> None:
    row = Row(label="x", estimates=[Estimate(series=BASE, value=0.0, low=0.0, high=0.0, n=9)])
    svg = forest([Panel(rows=[row], unit=UNIT, zero=ZERO)], name=NAME).wide.en
    assert dots(svg, "accent") == [pytest.approx(zero(svg), abs=0.01)]


def test_real_text_and_the_tokens_colours_alone() -> None:
    found = chart()
    for svg in (found.wide.zh, found.narrow.zh, found.wide.en, found.narrow.en):
        assert svg.count("<text") >= 6 and svg.count("font-family") == 1
        used = set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg))
        assert used <= {colour.light for colour in COLOURS.values()} | {"none"}


def test_the_series_are_named_where_there_are_several() -> None:
    assert chart().wide.en.count(">against the placebo<") == 1
    alone = Row(label="loss", estimates=LOSS.estimates[:1])
    assert ">against the base<" not in forest([Panel(rows=[alone], unit=UNIT, zero=ZERO)], name=NAME).wide.en


def test_a_label_is_text() -> None:
    row = Row(label="<script>alert(1)</script>", estimates=LOSS.estimates)
    svg = forest([Panel(rows=[row], unit=UNIT, zero=ZERO)], name=NAME).wide.en
    assert "<script" not in svg and "&lt;script&gt;" in svg


@pytest.mark.parametrize(
    "bad",
    [
        Estimate(series="x", value=1, low=0, high=0.5, n=1),
        Estimate(series="x", value=0, low=float("nan"), high=1, n=1),
        Estimate(series="x", value=float("inf"), low=None, high=None, n=1),
    ],
)
def test_what_is_no_interval_is_refused(bad: Estimate) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        forest([Panel(rows=[Row(label="x", estimates=[bad])], unit=UNIT, zero=ZERO)], name=NAME)


@pytest.mark.parametrize("rows", [[], [LOSS, Row(label="x", estimates=[])]])
def test_nothing_is_refused(rows: list[Row]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        forest([Panel(rows=rows, unit=UNIT, zero=ZERO)], name=NAME)
