"""Trains the embedded base anew for five minutes and compares its curve with the one that was recorded.

    python benchmarks/base_rerun.py [--minutes 5] [--out runs/embedded-base-rerun] [--compare]

The recipe is run from the corpora on; what it leaves is compared, step by step, with the losses of part one in
`benchmarks/results/embedded_base.json`. On the same kind of machine with the same packages they are the same bits; on
another, sums are rounded otherwise and the curves part slowly: exits with 1 when a step differs by more than 0.05 nats.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from _record import circumstances
from doctorglm.runs import read_json

TOLERANCE = 0.05
RECIPE = "recipes/embedded-base.yaml"
RECORDED = Path(__file__).parent / "results" / "embedded_base.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--out", type=Path, default=Path("runs/embedded-base-rerun"))
    parser.add_argument("--compare", action="store_true", help="only compare what an earlier start has left")
    arguments = parser.parse_args()
    recorded = read_json(RECORDED)["training"][0].get("losses")
    if not recorded:
        sys.exit(f"{RECORDED.name} holds no curve: it is of a base from before curves were kept.")
    if not arguments.compare:
        _train(arguments.out, arguments.minutes)
    rows = (arguments.out / "tune" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [json.loads(row)["loss"] for row in rows]
    differences = [abs(ours - theirs) for ours, theirs in zip(losses, recorded, strict=False)]
    versions = {name: version(name) for name in ("doctorglm", "torch", "transformers", "numpy", "sentencepiece")}
    result = circumstances(f"python benchmarks/base_rerun.py --minutes {arguments.minutes:g}", versions) | {
        "steps": len(losses),
        "largest_difference": max(differences, default=float("inf")),
        "tolerance": TOLERANCE,
        "first_loss": losses[0],
        "last_loss": losses[-1],
    }
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    return 0 if result["largest_difference"] <= TOLERANCE else 1


def _train(out: Path, minutes: float) -> None:
    """Starts the recipe and interrupts it, as Ctrl-C does, so many minutes after its first step."""
    command = [sys.executable, "-m", "doctorglm", "run", RECIPE, "--out", str(out)]
    metrics = out / "tune" / "metrics.jsonl"
    # a shell that starts this in the background has Ctrl-C ignored, and a child would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command) as run:
        while run.poll() is None and not (metrics.exists() and metrics.stat().st_size):
            time.sleep(1)
        until = time.monotonic() + 60 * minutes
        while run.poll() is None and time.monotonic() < until:
            time.sleep(1)
        if run.poll() is None:
            run.send_signal(signal.SIGINT)
        if run.wait() not in (0, 130):
            sys.exit(f"the recipe ended with {run.returncode}; what it said stands above")


if __name__ == "__main__":
    sys.exit(main())
