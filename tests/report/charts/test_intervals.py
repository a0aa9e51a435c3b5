"""Differences: order, scale and labels, read back from the SVG."""

import re

import pytest

from doctorglm.language import Text
from doctorglm.report.blocks import Chart
from doctorglm.report.charts import Difference, intervals
from doctorglm.report.tokens import COLOURS

TUNED = Difference(label=Text(en="Tuned − base", zh="微调 − 基座"), value=-0.4, low=-0.5, high=-0.3, n=54)
PLACEBO = Difference(
    label=Text(en="Placebo − base", zh="安慰剂 − 基座"), value=0.1, low=-0.05, high=0.2, n=54, colour="placebo"
)
AXIS = {"unit": Text(en="nats", zh="nat"), "zero": Text(en="as the base", zh="与基座相同")}


@pytest.fixture(scope="module")
def chart() -> Chart:
    """Both differences, drawn once."""
    return intervals([TUNED, PLACEBO], better="lower", **AXIS)


def rule(svg: str, name: str) -> tuple[float, float]:
    """Where the line of one colour starts and how far it goes, in pixels."""
    found = re.search(
        rf'<line transform="translate\(([-\d.]+),[-\d.]+\)" x2="([-\d.]+)" y2="0" stroke="{COLOURS[name].light}"',  # type: ignore[index]
        svg,
    )
    assert found
    return float(found[1]), float(found[2])


def zero(svg: str) -> float:
    found = re.search(
        rf'<line transform="translate\(([-\d.]+),-6\)" x2="0" y2="\d+" stroke="{COLOURS["base"].light}"', svg
    )
    assert found
    return float(found[1])


@pytest.mark.parametrize("width", ["wide", "narrow"])
def test_drawn_to_scale_about_the_line_at_zero(chart: Chart, width: str) -> None:
    svg = getattr(chart, width).en
    origin = zero(svg)
    start, length = rule(svg, "accent")
    assert (start + length - origin) / (start - origin) == pytest.approx(-0.3 / -0.5)
    other_start, other_length = rule(svg, "placebo")
    assert abs(other_length / length) == pytest.approx(0.25 / 0.2)
    assert min(other_start, other_start + other_length) < origin < max(other_start, other_start + other_length)
    dots = re.findall(rf'translate\(([-\d.]+),[-\d.]+\)" d="[^"]*" fill="{COLOURS["accent"].light}"', svg)
    assert (float(dots[0]) - origin) / (start - origin) == pytest.approx(-0.4 / -0.5)


@pytest.mark.parametrize(("better", "first"), [("lower", "微调"), ("higher", "安慰剂"), (None, "微调")])
def test_the_best_comes_first(better: str | None, first: str) -> None:
    chart = intervals([PLACEBO, TUNED], better=better, **AXIS)  # type: ignore[arg-type]
    names = re.findall(r">(微调|安慰剂) − 基座<", chart.wide.zh)
    assert (names[0], len(names)) == (first, 2)
    assert getattr(chart.table.rows[0][0], "zh", "").startswith(first)
    assert ("← 更好" in chart.wide.zh, "更好 →" in chart.wide.zh) == (better == "lower", better == "higher")


def test_labelled_where_it_stands(chart: Chart) -> None:
    for svg in (chart.wide.en, chart.narrow.en):
        assert "−0.400  [−0.500, −0.300]" in svg and "+0.100  [−0.050, +0.200]" in svg
        assert "as the base" in svg and "nats" in svg
    assert [list(map(str, row)) for row in chart.table.rows] == [
        ["Tuned − base", "−0.400", "[−0.500, −0.300]", "54"],
        ["Placebo − base", "+0.100", "[−0.050, +0.200]", "54"],
    ]


def test_real_text_in_the_page_s_type_and_the_tokens_colours_alone(chart: Chart) -> None:
    for svg in (chart.wide.zh, chart.narrow.zh):
        assert svg.count("<text") >= 8 and "Noto Sans CJK SC" in svg and svg.count("font-family") == 1
        used = set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg))
        assert used <= {colour.light for colour in COLOURS.values()} | {"none"}
        assert "<style" not in svg and "<image" not in svg


def test_a_label_is_text() -> None:
    evil = Difference(label="<script>alert(1)</script>", value=0, low=0, high=0, n=1)
    svg = intervals([evil], **AXIS).wide.en
    assert "<script" not in svg and "&lt;script&gt;alert(1)&lt;/script&gt;" in svg


def test_a_long_name_is_wrapped_on_a_phone() -> None:
    long = Difference(label="Tuned − placebo on paediatric dialogues of several turns", value=0, low=-1, high=1, n=1)
    lines = re.findall(r"<tspan[^>]*>([^<]*)</tspan>", intervals([long], **AXIS).narrow.en)
    assert len(lines) >= 2 and "".join("".join(lines).split()) == "".join(str(long.label).split())


@pytest.mark.parametrize(
    "bad",
    [
        Difference(label="x", value=1, low=0, high=0.5, n=1),
        Difference(label="x", value=0, low=float("nan"), high=1, n=1),
        Difference(label="x", value=float("nan"), low=0, high=1, n=1),
        Difference(label="x", value=0, low=-1, high=float("inf"), n=1),
    ],
)
def test_what_is_no_interval_is_refused(bad: Difference) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        intervals([bad], **AXIS)


def test_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        intervals([], **AXIS)
