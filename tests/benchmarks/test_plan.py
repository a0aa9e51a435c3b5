"""The fit of the plan's constants, on rows that were made with known ones; and those of the package."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import plan as benchmark
from doctorglm.plan.calibration import constants

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
OF = {"overhead_gb": 0.2, "fragmentation": 0.5, "beside_trial": 1.1}


def row(bare: float, loose: float, by_trial: float) -> dict[str, Any]:
    """Measured as the constants say, exactly."""
    return {
        "memory_terms": [bare, loose],
        "by_trial_s": by_trial,
        "by_both_trials_s": by_trial,
        "measured": {"memory_gb": bare + 0.2 + 0.5 * loose, "seconds": 1.1 * by_trial},
    }


ROWS = [row(1.0, 0.4, 10), row(0.3, 0.3, 4), row(2.0, 1.5, 30)]


def test_the_fit_finds_the_constants_that_the_rows_were_made_with() -> None:
    assert benchmark.fitted(ROWS) == pytest.approx(OF, rel=1e-3)
    # of two that are off by a tenth, above and below, the factor between is nearer to the one that was foretold as more
    apart = [{**ROWS[0], "by_both_trials_s": 11.0 * by} for by in (0.9, 1.1)]
    assert benchmark.fitted(apart)["beside_trial"] == pytest.approx((0.9 + 1.1) / (0.9**2 + 1.1**2), abs=1e-4)


def test_a_plan_that_is_off_says_by_how_much() -> None:
    of = {**ROWS[0], "by_both_trials_s": 20}
    exact = benchmark.compared("a", of, OF)
    assert [exact[name] for name in benchmark.OFF] == [0, 0, 1]
    measured = {"memory_gb": ROWS[0]["measured"]["memory_gb"] * 2, "seconds": ROWS[0]["measured"]["seconds"] / 2}
    off = benchmark.compared("a", {**ROWS[0], "measured": measured}, OF)
    assert (off["memory_off"], off["time_off"]) == (-0.5, 1.0)


def test_what_was_scored_before_is_not_scored_again() -> None:
    before = json.loads((RESULTS / "plan_first.json").read_text("utf-8"))
    seen = {one["name"] for part in ("calibrated", "scored") for one in before[part]}
    assert not seen & {s.name for s in benchmark.SCORED}
    assert {s.name for s in benchmark.CALIBRATED} == {one["name"] for one in before["calibrated"]}


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
