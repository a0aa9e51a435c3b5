"""The full-size benchmark of the hospital's recipe, small and on a CPU; without a GPU the large one is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import hospital
from doctorglm.recipe import load_recipe
from doctorglm.settings import plain

SCRIPT = Path(__file__).parents[2] / "benchmarks/hospital.py"


def test_two_steps_with_the_recipes_own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doctorglm.tune.stage._write_page", lambda *_: "report.html")
    printed = hospital.measured(hospital.parsed(["--tiny", "--steps", "2", "--folder", str(tmp_path / "base")]))
    assert len(printed["steps"]) == 2 and all(row["loss"] > 0 for row in printed["steps"])
    assert printed["planned"]["memory_gb"]["total"] > 0 and printed["tokens_per_s"] > 0
    recipe = plain(load_recipe(hospital.RECIPE, {}).tune)
    changed = {name for name, value in printed["settings"].items() if name in recipe and recipe[name] != value}
    assert changed == {"max_steps", "replay"}
    assert printed["counts"]["conversations"] > 200


def test_without_a_gpu_it_is_refused_before_gigabytes_are_written(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--folder", str(tmp_path / "base")],
        capture_output=True,
        text=True,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        timeout=120,
    )
    assert done.returncode == 1 and done.stderr.startswith("No GPU") and done.stdout == ""
    assert not (tmp_path / "base").exists()
