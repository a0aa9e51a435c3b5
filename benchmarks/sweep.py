"""The paper's study of top-p and temperature, measured: the embedded base, tuned on the demo's dialogues.

    python benchmarks/sweep.py --folder DIR > benchmarks/results/sweep.json

Protocol, written before any run of record. The base is tuned as the demo tunes it, and swept over the whole default
grid on 48 of the demo's held-out dialogues, two answers each above temperature 0, and 36 questions that try safety. The
rule that recommends stands in `evaluate/sweep/recommendation.py` and was fixed before; nothing is chosen by what it
says.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from _record import circumstances
from doctorglm.demo import DATA, HELD_OUT, RECIPE
from doctorglm.runs import _versions, read_json

GRID = ("sweep.dialogues=48", "sweep.samples=2", "sweep.safety_questions=36", "sweep.max_new_tokens=160")
ALONE = ("dialogues=1", "gate_suites=false")
"""Of the evaluation that a sweep belongs to, which is not what is measured here."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="for the stages; a killed run goes on there")
    folder: Path = parser.parse_args().folder
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    curated, tuned = folder / "curated", folder / "tuned"
    _doctorglm("curate", str(DATA), str(HELD_OUT), "--out", str(curated), *_settings(recipe["curate"]))
    _doctorglm("tune", "--base", "embedded", "--data", str(curated), "--out", str(tuned), *_settings(recipe["tune"]))
    swept = _swept(["--model", "embedded", "--adapter", str(tuned / "adapter")], folder / "evaluated", GRID)
    result = circumstances("python benchmarks/sweep.py --folder DIR", _versions()) | swept
    print(json.dumps(result, ensure_ascii=False, indent=1))


def _settings(section: Mapping[str, Any]) -> list[str]:
    return [f"{key}={','.join(value) if isinstance(value, list) else value}" for key, value in section.items()]


def _doctorglm(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "doctorglm", *arguments], check=True)


def _swept(model: Sequence[str], out: Path, settings: Sequence[str] = ()) -> dict[str, Any]:
    _doctorglm("evaluate", *model, "--suite", str(HELD_OUT), "--out", str(out), "--sweep", *ALONE, *settings)
    found, run = read_json(out / "sweep" / "sweep.json"), read_json(out / "sweep" / "run.json")
    kept = ("temperature", "top_p", "top_k", "repetition_penalty", "metrics", "ruled_out_by")
    grid = [{name: cell[name] for name in kept} for cell in found["grid"]]
    return {"grid": grid, **{n: found[n] for n in ("recommended", "reason", "rule")}, "seconds": run["seconds"]}


if __name__ == "__main__":
    main()
