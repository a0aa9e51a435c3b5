"""LoRA on a CPU: ours and its peers on the same dialogues and model, beside the limit, in one run.

    .venv/bin/python benchmarks/tune_cpu.py [--shape qwen2|chatglm] [--dialogues 400] [--sweep 60] [--repeat 3]

1. The sweep: every setting of every peer (`peers/sweep.json`), once, on the first `--sweep` dialogues.
2. The comparison: each trainer with the setting that was its fastest, on all dialogues, `--repeat` times in turns.
3. What each part is worth: ours without it (`peers/_without.py`), on 100 dialogues, in turns with the whole.
4. Where the time of ours goes (`peers/_stopwatch.py`).

The limit is 4 x (matmul weights without head) x all tokens + 4 x head x supervised tokens, at the rate of this model's
products measured before and after every row: by torch.mm, which every peer's layers are, and by oneDNN, which ours are.
Rows are kept in `--work`; the same command goes on after the last of them. Nothing else may run meanwhile.
For the shape of ChatGLM-6B no peer exists but the plain loop.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
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
PARTS = (
    "oneDNN's products", "attention by products", "head in slices", "last layer where needed",
    "adapters merged once a step", "no gradient below the first adapter",
)  # fmt: skip
OURS: list[dict[str, Any]] = [
    {"runner": "ours", "settings": {}},
    {"runner": "ours", "settings": {"fuse": False}},
    {"runner": "ours", "settings": {"fuse": False, "packing": False}},
]
ABLATIONS: list[dict[str, Any]] = [
    {"runner": "ours", "settings": {}},
    *({"runner": "ours", "settings": {"without": [part]}} for part in PARTS),
    {"runner": "ours", "settings": {"compiled": True}},
    {"runner": "ours", "settings": {"threads": 1}},
    {"runner": "ours", "settings": {"batch_tokens": 1024}},
    {"runner": "ours", "settings": {"batch_tokens": 4096}},
]
PROFILED: dict[str, Any] = {"runner": "ours", "settings": {"profile": True}}
OF_ABLATIONS = 100
SAME_LOSS = 1e-4
"""Nats per token by which the untouched model's losses may differ: sums in another order; a leak differs by more."""

Products = dict[str, Any]


def rates(products: Products, tokens: int = 2048, *, weight_gradients: bool = False) -> dict[str, float]:
    """GFLOP/s of one pass forward and one backward through the layers' products, by each kernel.

    With `weight_gradients` those of the weights are made too.
    """
    shapes = products["of_layer"]
    weights = [[torch.randn(o, i) * 0.02 for i, o in shapes] for _ in range(products["layers"])]
    rows = [(torch.randn(tokens, i), torch.randn(tokens, o)) for i, o in shapes]
    flops = (6 if weight_gradients else 4) * tokens * products["layers"] * sum(i * o for i, o in shapes)
    found = {}
    for name, of in {"torch.mm": lambda x, w: x @ w.t(), "oneDNN": product}.items():
        started = time.perf_counter()
        for layer in weights:
            for (x, dy), w in zip(rows, layer, strict=True):
                of(x, w)
                of(dy, w.t())
                if weight_gradients:
                    of(dy.t(), x.t())
        found[name] = flops / (time.perf_counter() - started) / 1e9
    return found


def measured(work: Path, runner: str, settings: dict[str, Any], limit: int) -> dict[str, Any]:
    """The row of one trainer."""
    python = ROOT / PYTHON.get(runner, ".venv") / "bin" / "python"
    if not python.exists():
        sys.exit(f"{python.relative_to(ROOT)} is missing. Run `bash benchmarks/peers/setup.sh` first.")
    command = [python, HERE / "peers" / f"{runner}.py", "--work", work, "--settings", json.dumps(settings)]
    limited = [*map(str, command), "--limit", str(limit)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(limited, capture_output=True, text=True, check=False, env=environment)
    row: dict[str, Any] = {"runner": runner, "asked": settings, "limit": limit}
    if done.returncode:
        return row | {"failed": done.stderr.strip().splitlines()[-1:]}
    kept = json.loads(done.stdout.strip().splitlines()[-1])
    first, *_, last = kept.pop("losses")
    del kept["step_seconds"]
    return row | kept | {"loss_of_first_step": first, "loss_of_last_step": last}


class Rows:
    """The rows measured so far, on disk; a row that is there is not measured again."""

    def __init__(self, work: Path, products: Products) -> None:
        self._file, self._work, self._products = work / "rows.jsonl", work, products
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        self._kept = {row["key"]: row for row in map(json.loads, lines)}

    def of(self, phase: str, one: dict[str, Any], limit: int, repetition: int) -> dict[str, Any]:
        """The row of one trainer in one repetition, with the products' rates before and after it."""
        key = json.dumps([phase, one, limit, repetition, head()], sort_keys=True)
        if key not in self._kept:
            before = rates(self._products)
            row = measured(self._work, one["runner"], one["settings"], limit)
            row |= {"key": key, "gflops": [before, rates(self._products)]}
            with self._file.open("a", encoding="utf-8") as out:
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
            self._kept[key] = row
            shown = {k: row.get(k) for k in ("seconds", "first_loss_all", "failed")}
            print(phase, repetition, one, shown, file=sys.stderr, flush=True)
        return {k: v for k, v in self._kept[key].items() if k != "key"}


def fastest(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of every trainer the setting that took least; packed and padded are two trainers where a peer has both.

    Only those that trained on the same samples, each seeing itself alone: with the untouched model's same loss.
    """
    found: dict[tuple[str, bool], dict[str, Any]] = {}
    alike = [r for r in rows if "failed" not in r and r["same_tokens"]]
    for row in (r for r in alike if abs(r["first_loss_all"] - alike[0]["first_loss_all"]) < SAME_LOSS):
        of = (row["runner"], bool(row["asked"].get("packing")))
        if of not in found or row["seconds"] < found[of]["seconds"]:
            found[of] = row
    for row in found.values():
        yield {"runner": row["runner"], "settings": row["asked"]}


def with_speed(row: dict[str, Any], products: Products, medians: dict[str, float]) -> dict[str, Any]:
    """The row with its dialogues, tokens and share of the limit."""
    if "failed" in row:
        return row
    weights = products["layers"] * sum(i * o for i, o in products["of_layer"])
    flops = 4 * weights * row["tokens"] + 4 * products["head"][0] * products["head"][1] * row["supervised_tokens"]
    shares = {name: flops / row["seconds"] / 1e9 / rate for name, rate in medians.items()}
    speeds = {f"{of}_per_s": row[of] / row["seconds"] for of in ("tokens", "dialogues")}
    return row | speeds | {"share_of_limit": shares}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=("qwen2", "chatglm"), default="qwen2")
    parser.add_argument("--dialogues", type=int, default=400)
    parser.add_argument("--sweep", type=int, default=60)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--grid", type=Path, default=HERE / "peers" / "sweep.json")
    parser.add_argument("--work", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    work = arguments.work or Path("runs") / f"tune-cpu-{arguments.shape}"
    made = prepare(work, shape=arguments.shape)
    products, rows = made["products"], Rows(work, made["products"])
    grid = json.loads(arguments.grid.read_text(encoding="utf-8"))
    if arguments.shape == "chatglm":
        grid = [one for one in grid if one["runner"] == "plain"]
    swept = [rows.of("sweep", one, arguments.sweep, 0) for one in grid]
    compared = OURS + list(fastest(swept))
    turns = range(arguments.repeat)
    runs = [rows.of("compare", one, arguments.dialogues, turn) for turn in turns for one in compared]
    without = [rows.of("without", one, OF_ABLATIONS, turn) for turn in turns for one in ABLATIONS]
    profile = [rows.of("profile", PROFILED, OF_ABLATIONS, turn) for turn in turns]
    found = [rate for row in (*swept, *runs, *without, *profile) for rate in row["gflops"]]
    medians = {name: statistics.median(rate[name] for rate in found) for name in found[0]}
    of = {"sweep": swept, "runs": runs, "without": without, "profile": profile}
    phases = {name: [with_speed(row, products, medians) for row in phase] for name, phase in of.items()}
    command = "python benchmarks/tune_cpu.py " + " ".join(sys.argv[1:])
    result = circumstances(command.strip(), _versions()) | {"work": made, "gflops": medians} | phases
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def head() -> str:
    """The commit, so that no row of other code is taken for this one's."""
    return subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    main()
