"""The fit of the plan's constants, on rows that were made with known ones; and those of the package."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import plan as benchmark
from doctorglm.plan.calibration import constants

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
OF = {"overhead_gb": 0.2, "fragmentation": 0.5, "products": 0.5, "attention": 0.25, "passes": 3.0}


def row(bare: float, loose: float, *terms: float) -> dict[str, Any]:
    """Measured as the constants say, exactly."""
    products, attention, passes, moved = terms
    seconds = products / 0.5 + attention / 0.25 + 3.0 * passes + moved
    return {
        "memory_terms": [bare, loose],
        "time_terms": list(terms),
        "time_terms_at_its_rate": list(terms),
        "measured": {"memory_gb": bare + 0.2 + 0.5 * loose, "seconds": seconds},
    }


ROWS = [row(1.0, 0.4, 10, 1, 2, 0.5), row(0.3, 0.3, 4, 2, 1, 0.1), row(2.0, 1.5, 30, 1, 5, 6)]


def test_the_fit_finds_the_constants_that_the_rows_were_made_with(monkeypatch: pytest.MonkeyPatch) -> None:
    held = benchmark.fitted(ROWS)
    assert held["overhead_gb"] == pytest.approx(0.2, rel=1e-3) and held["products"] == pytest.approx(0.5, rel=0.15)
    monkeypatch.setattr(benchmark, "PRIOR_WEIGHT", 0.0)
    assert benchmark.fitted(ROWS) == pytest.approx(OF, rel=1e-3)
    monkeypatch.setattr(benchmark, "PRIOR_WEIGHT", 1e3)
    products, attention, passes = benchmark.PRIOR
    expected = {"products": 1 / products, "attention": 1 / attention, "passes": passes}
    assert {name: benchmark.fitted(ROWS)[name] for name in expected} == pytest.approx(expected, rel=1e-2)


def test_a_plan_that_is_off_says_by_how_much() -> None:
    of = {**ROWS[0], "time_terms_at_its_rate": [2 * term for term in ROWS[0]["time_terms"]]}
    exact = benchmark.compared("a", of, OF)
    assert [exact[name] for name in benchmark.OFF] == [0, 0, 1]
    measured = {"memory_gb": ROWS[0]["measured"]["memory_gb"] * 2, "seconds": ROWS[0]["measured"]["seconds"] / 2}
    off = benchmark.compared("a", {**ROWS[0], "measured": measured}, OF)
    assert (off["memory_off"], off["time_off"]) == (-0.5, 1.0)


def test_what_is_scored_is_not_what_was_calibrated_on() -> None:
    assert (len(benchmark.CALIBRATED), len(benchmark.SCORED)) == (3, 5)
    of_fit = {json.dumps([s.base, s.joined, s.settings]) for s in benchmark.CALIBRATED}
    assert not of_fit & {json.dumps([s.base, s.joined, s.settings]) for s in benchmark.SCORED}


def test_constants_are_written_with_the_name_of_their_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, result = tmp_path / "calibration.yaml", tmp_path / "plan.json"
    file.write_text(benchmark.CALIBRATION.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(benchmark, "CALIBRATION", file)
    result.write_text(json.dumps({"constants": OF}), "utf-8")
    benchmark.write_constants(result)
    text = file.read_text("utf-8")
    assert all(f"\n{name}: {value}\n" in text for name, value in OF.items()) and "\nresult: plan.json\n" in text


def test_the_constants_of_the_package_are_those_of_the_result_that_is_there() -> None:
    found, known = RESULTS / "plan.json", constants()
    if not found.exists():
        assert known.result == ""
        return
    fitted = json.loads(found.read_text("utf-8"))["constants"]
    assert known.result == "plan.json"
    assert {name: asdict(known)[name] for name in fitted} == fitted
