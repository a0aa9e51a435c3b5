"""The tuning of recipes/hospital-6b.yaml at full size: its first steps on a GPU, on random weights of ChatGLM-6B.

    python benchmarks/hospital.py [--folder runs/full-size-6b] [--steps 20]

The folder has the official names, shapes and types (`_random_base.py`; kept for the next run); the table is the demo's
dialogues in GB18030. They go through `curate` and `tune` with the recipe's own settings, but for `max_steps`, and for
`replay`, since random weights end no answer. Printed are planned beside measured memory and time, the tokens per second
and the loss of each step. It says nothing of a model's quality. Without a GPU it is refused; `--tiny` is for tests.
"""

import argparse
import csv
import json
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from _random_base import PUBLISHED, Sizes, write_base
from _record import circumstances
from doctorglm import demo
from doctorglm.conversation import read_conversations
from doctorglm.curate import curate
from doctorglm.recipe import load_recipe
from doctorglm.runs import _versions
from doctorglm.tune.stage import tune

RECIPE = Path(__file__).parents[1] / "recipes" / "hospital-6b.yaml"
TINY = Sizes(vocab_size=16000, num_layers=2, hidden_size=64, inner_hidden_size=128, num_attention_heads=2)
_KEPT = (
    "planned", "measured", "weights_in", "packed", "fused_layers", "recomputed_layers", "tokens", "training_s",
    "tokens_per_s", "seconds", "peak_gpu_memory_mb", "parameters", "counts", "before", "machine",
)  # fmt: skip


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """The result, as it is printed."""
    sizes = TINY if options.tiny else Sizes()
    write_base(options.folder, sizes, published=PUBLISHED.is_file() and not options.tiny)
    recipe = load_recipe(RECIPE, {})
    settings = replace(recipe.tune, max_steps=options.steps, replay="0")
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        curate([write_table(place / "consultations.csv")], place / "curate", recipe.curate)
        record = tune(str(options.folder), place / "curate", place / "tune", settings).record
        rows = [json.loads(line) for line in (place / "tune" / "metrics.jsonl").read_text("utf-8").splitlines()]
    command = " ".join(["python benchmarks/hospital.py", *sys.argv[1:]])
    return circumstances(command, _versions()) | {
        "sizes": asdict(sizes),
        "settings": record["settings"],
        "steps": [{name: row[name] for name in ("loss", "grad_norm", "tokens", "seconds")} for row in rows],
        **{name: record[name] for name in _KEPT if name in record},
    }


def write_table(path: Path) -> Path:
    """The demo's dialogues of one question, as a hospital's system would export them."""
    with path.open("w", encoding="gb18030", newline="") as out:
        table = csv.writer(out)
        table.writerow(("科室", "患者提问", "医生回答"))
        for conversation in read_conversations(demo.DATA):
            if len(conversation.turns) == 1:
                table.writerow((conversation.department, *conversation.turns[0]))
    return path


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("runs/full-size-6b"), help="of the weights, 14 GB")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--tiny", action="store_true", help="a small model on any device")
    return parser.parse_args(arguments)


def main() -> None:
    options = parsed()
    if not (options.tiny or torch.cuda.is_available()):
        sys.exit(
            "No GPU: 20 steps of this size are for a card with 24 GB or more, and benchmarks/full_size.py is for a CPU."
        )
    print(json.dumps(measured(options), ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
