"""LoRA on a CPU: ours and a grid of peers on the same dialogues and model, beside the limit, in one run.

    .venv/bin/python benchmarks/tune_cpu.py [--dialogues 400] [--grid benchmarks/peers/sweep.json] [--repeat 1]

The limit is 4 x (matmul weights without head) x all tokens + 4 x head x supervised tokens, at the rate of this model's
products measured between the runs: by torch.mm, which every peer's layers are, and by oneDNN, which ours are.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from _record import circumstances
from _work import prepare
from doctorglm.models.products import product
from doctorglm.runs import _versions

HERE = Path(__file__).parent
ROOT = HERE.parent
PYTHON = {"trl_sft": ".venv-trl", "llama_factory": ".venv-llamafactory"}
OURS = [
    {"runner": "ours", "settings": {}},
    {"runner": "ours", "settings": {"fuse": False}},
    {"runner": "ours", "settings": {"fuse": False, "packing": False}},
]
LAYERS, SHAPES, HEAD = 12, ((512, 1024), (512, 512), (512, 3072), (1536, 512)), (512, 8000)


def rates(tokens: int = 2048) -> dict[str, float]:
    """GFLOP/s of one pass forward and one backward through the layers' products, by each kernel."""
    weights = [[torch.randn(o, i) * 0.02 for i, o in SHAPES] for _ in range(LAYERS)]
    rows = [(torch.randn(tokens, i), torch.randn(tokens, o)) for i, o in SHAPES]
    flops = 4 * tokens * LAYERS * sum(i * o for i, o in SHAPES)
    found = {}
    for name, of in {"torch.mm": lambda x, w: x @ w.t(), "oneDNN": product}.items():
        started = time.perf_counter()
        for layer in weights:
            for (x, dy), w in zip(rows, layer, strict=True):
                of(x, w)
                of(dy, w.t())
        found[name] = flops / (time.perf_counter() - started) / 1e9
    return found


def measured(work: Path, runner: str, settings: dict[str, Any], limit: int) -> dict[str, Any]:
    python = ROOT / PYTHON.get(runner, ".venv") / "bin" / "python"
    if not python.exists():
        sys.exit(f"{python.relative_to(ROOT)} is missing. Run `bash benchmarks/peers/setup.sh` first.")
    command = [python, HERE / "peers" / f"{runner}.py", "--work", work, "--settings", json.dumps(settings)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    limited = [*map(str, command), "--limit", str(limit)]
    done = subprocess.run(limited, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        return {"runner": runner, "settings": settings, "failed": done.stderr.strip().splitlines()[-1:]}
    kept = json.loads(done.stdout.strip().splitlines()[-1])
    return {"runner": runner, "settings": settings} | {k: v for k, v in kept.items() if k != "step_seconds"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialogues", type=int, default=400)
    parser.add_argument("--grid", type=Path, default=HERE / "peers" / "sweep.json")
    parser.add_argument("--repeat", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    grid = OURS + json.loads(arguments.grid.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        made = prepare(work)
        rows, found = [], [rates(), rates()]
        for _ in range(arguments.repeat):
            for one in grid:
                rows.append(measured(work, one["runner"], one["settings"], arguments.dialogues))
                found.append(rates())
                shown = {k: rows[-1].get(k) for k in ("seconds", "first_loss_all", "failed")}
                print(one, shown, file=sys.stderr, flush=True)
    medians = {name: statistics.median(rate[name] for rate in found[1:]) for name in found[0]}
    weights = LAYERS * sum(i * o for i, o in SHAPES)
    for row in rows:
        if "failed" not in row:
            flops = 4 * weights * row["tokens"] + 4 * HEAD[0] * HEAD[1] * row["supervised_tokens"]
            row["share_of_limit"] = {name: flops / row["seconds"] / 1e9 / rate for name, rate in medians.items()}
            row["tokens_per_s"], row["dialogues_per_s"] = (row[k] / row["seconds"] for k in ("tokens", "dialogues"))
    command = "python benchmarks/tune_cpu.py " + " ".join(sys.argv[1:])
    result = circumstances(command.strip(), _versions()) | {
        "work": made, "gflops": {"median": medians, "all": found}, "runs": rows
    }  # fmt: skip
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
