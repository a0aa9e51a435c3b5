"""A tuning run of the embedded base on the demo's data, killed by SIGKILL at 20 moments and started again each time.

Prints the sha256 of weights, optimizer, place in the data, random state, adapter and metrics (but for seconds) that
each of them ends with, beside those of the run that nobody killed. 15 moments are chosen by name, one of their
occurrences at random; the other 5 are moments of the clock. Every second run is as runs are by default, with fused
layers; the others have dropout, which draws random numbers and is not fused. On the default number of threads.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from _record import circumstances
from doctorglm import demo
from doctorglm.conversation import read_conversations, write_conversations
from doctorglm.runs import read_json, sha256_file
from doctorglm.tune.checkpoint import hashes

DRIVER = Path(__file__).parents[1] / "tests" / "tune" / "killed.py"
SETTINGS = {"learning_rate": 0.002, "lora_rank": 16, "lora_alpha": 32, "batch_tokens": 1024,
            "max_length": 384, "max_steps": 8, "validate_every": 3, "checkpoint_every_s": 1e-9}  # fmt: skip
DROPOUT = {"fused": 0.0, "with dropout": 0.05}
BY_NAME = [
    "forward", "forward", "backward", "half-updated", "updated", "validation", "half-written checkpoint",
    "unnamed checkpoint", "named checkpoint", "half-written best", "named best", "removing", "adapter", "finish",
    "finished",
]  # fmt: skip
BY_CLOCK = 5


class Driver:
    """`tests/tune/killed.py`, which tunes in processes of its own."""

    def __init__(self, data: Path) -> None:
        self._data = data
        free = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        free |= {"OMP_WAIT_POLICY": "PASSIVE"}  # the same sums, without spinning while other work has the core
        self._process = subprocess.Popen(
            [sys.executable, str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=free, text=True
        )

    def tune(self, out: Path, kind: str, kill: list[Any] | None = None) -> dict[str, Any]:
        """One process, from its start to its end; `status`, and how often every moment occurred."""
        assert self._process.stdin and self._process.stdout
        settings = {**SETTINGS, "lora_dropout": DROPOUT[kind]}
        job = {"arguments": ["embedded", str(self._data), str(out)], "settings": settings, "kill": kill}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """Ends the driver."""
        self._process.communicate()


def write_data(folder: Path) -> None:
    conversations = list(read_conversations(demo.DATA))
    write_conversations(folder / "train.jsonl", conversations[:120])
    write_conversations(folder / "valid.jsonl", conversations[120:132])


def ended_with(out: Path) -> dict[str, Any]:
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    without_time = [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
    state = hashes(max((out / "checkpoints").glob("step-*.pt")))
    return {
        **{part: state[part] for part in ("weights", "optimizers", "sampler", "random")},
        "adapter": sha256_file(out / "adapter" / "adapter_model.safetensors"),
        "metrics": hashlib.sha256(json.dumps(without_time).encode()).hexdigest(),
    }


def killed_and_resumed(driver: Driver, out: Path, kind: str, kill: list[Any]) -> dict[str, Any]:
    began = time.monotonic()
    first = driver.tune(out, kind, kill)["status"]
    if first == 0 and kill[0] == "clock":
        # too late: how fast this machine is changes with what else it does
        return killed_and_resumed(driver, out.with_name(f"{out.name}+"), kind, ["clock", round(kill[1] / 2, 3)])
    found = sorted(p.name for p in (out / "checkpoints").glob("*.pt")) if (out / "checkpoints").is_dir() else []
    last = driver.tune(out, kind)["status"]
    assert (first, last) == (-signal.SIGKILL, 0), (kill, first, last)
    print(f"{kind}, {kill}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    return {"run": kind, "killed_at": kill, "checkpoints_then": found, "hashes": ended_with(out)}


def main() -> None:
    draw = random.Random(20)
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder) / "data")
        driver = Driver(Path(folder) / "data")
        whole = {kind: Path(folder) / kind for kind in DROPOUT}
        for kind, out in whole.items():
            began = time.monotonic()
            counted = driver.tune(out, kind)
            assert counted["status"] == 0
            seconds, seen = time.monotonic() - began, counted["seen"]
            print(f"{kind}, not killed: {seconds:.1f} s", file=sys.stderr, flush=True)
        expected = {kind: ended_with(out) for kind, out in whole.items()}
        records = {kind: read_json(out / "run.json") for kind, out in whole.items()}
        kills: list[list[Any]] = [[moment, draw.randint(1, seen[moment])] for moment in BY_NAME]
        kills += [["clock", round(draw.uniform(0.3, 0.8) * seconds, 3)] for _ in range(BY_CLOCK)]
        runs = []
        for number, kill in enumerate(kills):
            kind = list(DROPOUT)[number % 2]
            run = killed_and_resumed(driver, Path(folder) / str(number), kind, kill)
            runs.append({**run, "same": run["hashes"] == expected[kind]})
        driver.close()
    result = circumstances("python benchmarks/resume.py", records["fused"]["versions"]) | {
        "threads": torch.get_num_threads(),
        "settings": SETTINGS,
        "steps": records["fused"]["steps"],
        "lora_dropout": DROPOUT,
        "fused_layers": {kind: record["fused_layers"] for kind, record in records.items()},
        "moments_of_a_run": seen,
        "kills": len(runs),
        "same": sum(run["same"] for run in runs),
        "not_killed": expected,
        "killed": runs,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
