"""The paper's study of top-p and temperature, measured: the demo's tuned model, and a real small one.

    python benchmarks/sweep.py --demo runs/demo --model small.gguf --folder DIR > benchmarks/results/sweep.json

Protocol, written before any run of record. `--demo` is a folder of `doctorglm demo`; its tuned adapter on the embedded
base is swept over the whole default grid. The real model, which takes a hundred times as long for an answer, is swept
over temperature 0, 0.7 and 0.95, top-p 0.7 and 1, penalty 1 and 1.1, on 32 dialogues, two answers each, and 36
questions that try safety. Both answer the demo's held-out dialogues. The rule that recommends stands in
`evaluate/recommendation.py` and was fixed before; nothing here is chosen by what it says.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm.demo import HELD_OUT
from doctorglm.runs import _versions, read_json

REAL = ("sweep.temperatures=0,0.7,0.95", "sweep.top_ps=0.7,1", "sweep.repetition_penalties=1,1.1",
        "sweep.dialogues=32", "sweep.samples=2", "sweep.safety_questions=36", "sweep.max_new_tokens=160")  # fmt: skip
ALONE = ("dialogues=1", "gate_suites=false")
"""Of the evaluation that a sweep belongs to, which is not what is measured here."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, required=True, help="a folder of `doctorglm demo`")
    parser.add_argument("--model", type=Path, required=True, help="a folder of weights or a .gguf file")
    parser.add_argument("--folder", type=Path, required=True, help="for the sweeps; a killed run goes on there")
    asked = parser.parse_args()
    adapter = asked.folder / "adapter"  # the sweep writes `sampling.json` beside it
    shutil.copytree(asked.demo / "tune" / "adapter", adapter, dirs_exist_ok=True)
    swept = {
        "demo": _swept(["--model", "embedded", "--adapter", str(adapter)], asked.folder / "demo"),
        asked.model.stem: _swept(["--model", str(asked.model)], asked.folder / "real", REAL),
    }
    command = f"python benchmarks/sweep.py --demo runs/demo --model {asked.model.name} --folder DIR"
    print(json.dumps(circumstances(command, _versions()) | {"sweeps": swept}, ensure_ascii=False, indent=1))


def _swept(model: Sequence[str], out: Path, settings: Sequence[str] = ()) -> dict[str, Any]:
    command = ["evaluate", *model, "--suite", str(HELD_OUT), "--out", str(out), "--sweep", *ALONE, *settings]
    subprocess.run([sys.executable, "-m", "doctorglm", *command], check=True)
    found, run = read_json(out / "sweep" / "sweep.json"), read_json(out / "sweep" / "run.json")
    kept = ("temperature", "top_p", "top_k", "repetition_penalty", "metrics", "ruled_out_by")
    grid = [{name: cell[name] for name in kept} for cell in found["grid"]]
    return {"grid": grid, **{n: found[n] for n in ("recommended", "reason", "rule")}, "seconds": run["seconds"]}


if __name__ == "__main__":
    main()
