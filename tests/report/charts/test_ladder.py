"""Measures of runs one above the other: where a value lies, what a run without one shows; read back from the SVG."""

import math
import re

import pytest

from doctorglm.language import Text
from doctorglm.report.charts import Measure, ladder
from doctorglm.report.tokens import COLOURS

NAMES = ["1e-4", "3e-4", "9e-4", "2.7e-3"]
LOSS = Measure(label=Text(en="loss", zh="损失"), values=[3.0, 2.5, 2.75, None])
DRIFT = Measure(label="drift", values=[0.0, 0.02, 0.08, None], colour="general", level=("bound", 0.05))


def chart(marked: int | None = 1) -> str:
    return ladder(NAMES, [LOSS, DRIFT], setting="rate", marked=marked, mark="taken").wide.en


def words(svg: str) -> dict[str, tuple[float, float]]:
    """Text -> x, y of every label, in pixels of the plane."""
    found = re.findall(r'<text[^>]*transform="translate\((-?[\d.]+),(-?[\d.]+)\)"[^>]*>(.*?)</text>', svg)
    return {re.sub("<[^>]*>", "", text): (float(x), float(y)) for x, y, text in found}


def test_values_lie_by_their_size_above_their_runs() -> None:
    at = words(chart())
    assert at["3.000"][1] < at["2.750"][1] < at["2.500"][1], "more is higher"
    assert (at["2.750"][1] - at["3.000"][1]) == pytest.approx(at["2.500"][1] - at["2.750"][1], abs=0.5)
    for value, name in (("3.000", "1e-4"), ("2.500", "3e-4"), ("2.750", "9e-4")):
        assert at[value][0] == pytest.approx(at[name][0], abs=0.5)
    assert at["0.080"][1] < at["bound 0.050"][1] < at["0.020"][1] + 15, "the bound lies between"
    assert at["0.020"][1] > at["2.500"][1], "the second measure is below the first"


def test_a_run_without_a_value_says_so_and_the_marked_one_is_named() -> None:
    assert chart().count("no value") == 2
    at = words(chart())
    assert at["taken"][0] == pytest.approx(at["3e-4"][0], abs=0.5)
    assert "taken" not in words(chart(marked=None))
    assert chart().count(COLOURS["paper"].light) == 2, "a ring in each panel"


def test_the_table_behind_it() -> None:
    table = ladder(NAMES, [LOSS, DRIFT], setting="rate").table
    assert [list(map(str, row)) for row in table.rows][1::2] == [["3e-4", "2.500", "0.020"], ["2.7e-3", "–", "–"]]


@pytest.mark.parametrize("values", [[1.0, 2.0], [None] * 4, [1.0, math.nan, 2.0, 3.0]])
def test_what_cannot_be_drawn_is_an_error(values: list[float | None]) -> None:
    with pytest.raises(ValueError, match="4 runs need a finite value or None each"):
        ladder(NAMES, [Measure(label="loss", values=values)], setting="rate")
