"""Curves: smoothing against hand arithmetic, and the drawing read back from the SVG."""

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctorglm.language import Text
from doctorglm.report.charts import Series, curve
from doctorglm.report.charts.curve import apart
from doctorglm.report.charts.smoothing import envelope, evenly, smoothed
from doctorglm.report.tokens import COLOURS

UNIT = Text(en="nats per token", zh="nat/词元")
NOISY = [(float(step), 3 - step / 100 + (0.5 if step % 2 else -0.5)) for step in range(1, 101)]
VALID = [(0.0, 3.0), (50.0, 2.25), (100.0, 2.5)]


def words(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def points(svg: str, name: str, width: str) -> list[tuple[float, float]]:
    """The corners of the line of one colour and width, in pixels of the plane."""
    (path,) = re.findall(rf'<path [^>]*d="([^"]*)" stroke="{COLOURS[name].light}" stroke-width="{width}"', svg)  # type: ignore[index]
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([-\d.]+),([-\d.]+)", path)]


def test_smoothing_by_hand() -> None:
    near = math.exp(-0.5 * (1 / 2) ** 2)
    assert smoothed([(0, 1.0), (1, 3.0)], sd=2, most=9) == [
        (0.0, pytest.approx((1 + 3 * near) / (1 + near))),
        (1.0, pytest.approx((near + 3) / (1 + near))),
    ]


@given(st.floats(-5, 5), st.integers(2, 80))
def test_smoothing_keeps_what_is_flat(level: float, count: int) -> None:
    flat = smoothed([(float(step), level) for step in range(count)], sd=3, most=20)
    assert [value for _, value in flat] == pytest.approx([level] * min(count, 20))


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=80), st.integers(1, 9))
def test_envelope_keeps_every_extreme(values: list[float], of: int) -> None:
    logged = [(float(i), value) for i, value in enumerate(values)]
    kept = envelope(logged, of)
    assert kept == sorted(kept, key=lambda point: point[0]) and set(kept) <= set(logged)
    for start in range(0, len(values), of):
        few = {value for step, value in kept if start <= step < start + of}
        assert {min(values[start : start + of]), max(values[start : start + of])} <= few
    assert len(kept) <= max(2 * math.ceil(len(values) / of), len(values) if of <= 2 else 0)


@given(st.integers(1, 200), st.integers(2, 50))
def test_evenly_keeps_the_ends(count: int, most: int) -> None:
    kept = evenly(count, most)
    assert (kept[0], kept[-1], len(kept)) == (0, count - 1, min(count, most))
    assert kept == sorted(set(kept))


@given(st.lists(st.floats(0, 200), min_size=1, max_size=5))
def test_labels_stand_apart(places: list[float]) -> None:
    moved = apart(places, 30, 200)
    assert max(moved) <= 200
    ordered = sorted(moved)
    assert all(b - a >= 30 - 1e-6 for a, b in pairwise(ordered))
    assert [i for _, i in sorted((p, i) for i, p in enumerate(places))] == [
        i for _, i in sorted((p, i) for i, p in enumerate(moved))
    ]


def test_labels_that_are_apart_stay() -> None:
    assert apart([10, 100, 50], 30, 200) == [10, 100, 50]


def test_drawn_to_scale_thin_and_thick() -> None:
    series = [
        Series(label=Text(en="Train", zh="训练"), points=NOISY, colour="training"),
        Series(label=Text(en="Valid", zh="验证"), points=VALID),
    ]
    chart = curve(series, unit=UNIT, best=(50, 2.25), reference=("base", 3.4))
    thick = points(chart.wide.en, "accent", "2.5")[-3:]
    assert thick[1][0] == pytest.approx((thick[0][0] + thick[2][0]) / 2, abs=0.01)
    drawn_ratio = (thick[1][1] - thick[0][1]) / (thick[2][1] - thick[0][1])
    assert drawn_ratio == pytest.approx((2.25 - 3.0) / (2.5 - 3.0), rel=1e-3)
    ends = re.findall(r'<text [^>]*translate\(([-\d.]+),([-\d.]+)\)"[^>]*>(Train|Valid|base)<', chart.wide.en)
    at = {name: float(y) for _, y, name in ends}
    assert at["base"] < at["Valid"] < at["Train"]
    assert at["Valid"] == pytest.approx(thick[2][1], abs=14)
    thin, smooth = points(chart.wide.en, "training", "1"), points(chart.wide.en, "training", "2.5")
    assert len(thin) == 100
    rough = [abs(b[1] - a[1]) for a, b in pairwise(thin)]
    fine = [abs(b[1] - a[1]) for a, b in pairwise(smooth)]
    assert sum(fine) < sum(rough) / 10
    assert chart.reading is not None and "2 steps" in chart.reading.en


def test_a_curve_that_ends_early_has_its_dot_there() -> None:
    series = [Series(label="train", points=NOISY, colour="training"), Series(label="valid", points=VALID[:2])]
    svg = curve(series, unit=UNIT).wide.en
    line = points(svg, "accent", "2.5")
    (dot,) = re.findall(rf'translate\(([-\d.]+),([-\d.]+)\)" d="[^"]*" fill="{COLOURS["accent"].light}"', svg)
    assert (float(dot[0]), float(dot[1])) == pytest.approx(line[-1], abs=0.01)
    assert float(dot[0]) == pytest.approx(points(svg, "training", "2.5")[-1][0] / 2, rel=0.02)


def test_says_what_it_shows_in_both_languages() -> None:
    label = Text(en="Validation", zh="验证")
    chart = curve([Series(label=label, points=VALID)], unit=UNIT, best=(50, 2.25))
    for svgs in (chart.wide, chart.narrow):
        assert {"Validation", "nats per token", "best: step 50, 2.25", "Step", "2.50"} <= set(words(svgs.en))
        assert {"验证", "nat/词元", "最佳：第 50 步，2.25", "步", "2.50"} <= set(words(svgs.zh))
    assert chart.reading is None


def test_a_long_run_says_that_it_is_thinned() -> None:
    long = [(float(step), math.sin(step)) for step in range(2000)]
    chart = curve([Series(label="x", points=long)], unit=UNIT)
    assert chart.reading is not None and "every 10 values" in chart.reading.en
    assert len(points(chart.wide.en, "accent", "1")) <= 400
    assert len(chart.table.rows) <= 30


def test_table_behind_holds_the_same_values() -> None:
    series = [Series(label="train", points=NOISY, colour="training"), Series(label="valid", points=VALID)]
    table = curve(series, unit=UNIT).table
    assert [str(column) for column in table.columns] == ["Step", "train, smoothed", "valid"]
    assert [[row[0], row[2]] for row in table.rows] == [["0", "3.000"], ["50", "2.250"], ["100", "2.500"]]
    assert float(str(table.rows[1][1])) == pytest.approx(2.5, abs=0.03)


@pytest.mark.parametrize("bad", [[], [(0, float("nan"))], [(0, 1.0), (1, float("inf"))]])
def test_nothing_to_draw_is_refused(bad: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="all finite: x"):
        curve([Series(label="x", points=bad)], unit=UNIT)


@pytest.mark.parametrize("few", [[(0.0, 2.0)], [(1.0, 2.0), (2.0, 2.0)]])
def test_few_and_flat_points_are_drawn(few: list[tuple[float, float]]) -> None:
    svg = curve([Series(label="x", points=few)], unit=UNIT).narrow.en
    assert "NaN" not in svg and "2.00" in words(svg)
