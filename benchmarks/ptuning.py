"""LoRA beside P-tuning v2 on CMD, with the embedded base: what each foresees after equally many steps, and costs.

    python benchmarks/ptuning.py                   (leaves runs/ptuning, and goes on there when it is started again)
    python benchmarks/ptuning.py --tiny --out /tmp/ptuning        only that it runs

Protocol. Data are those of recipes/cmd-lora.yaml: CMD's tuning, validation and test parts, between which no cluster of
near-duplicates crosses; the base was trained on another part. Every run has the same batches of 2,048 tokens in the
same order for its seed, a rate that rises and falls over all of its steps, and 32 bits.

1. The grid, one seed, `--steps` steps, by nats a token of the answers in the first 120 dialogues of the validation
   part: P-tuning with 16, 64 and 128 tokens at 1e-3, 5e-3 and 2e-2, begun with text; 128 at 5e-3 begun at random, and
   with a projection; LoRA of rank 8 and 16 at 1e-3, 2e-3 and 5e-3.
2. The comparison, three seeds, twice as many steps, by the first 250 dialogues of the test part, which nothing above
   has seen: the best of LoRA, the best of P-tuning, and P-tuning's defaults where these are another.

The defaults follow: `prefix_tokens`, the rate and `prefix_init` become those of the setting with the lowest loss of the
grid; where the interval of the present defaults' difference to it, paired by dialogue, reaches 0, they stay. Said is
whether P-tuning's best and LoRA's best differ on the test part: by dialogue, the three seeds of each added up, with the
interval of the paired difference. Memory is the peak of a process of its own above what it held after its imports;
tokens a second are those of the training. The base is small: what it prefers need not be what a
model a thousand times its size does.
"""

import argparse
import itertools
import json
import multiprocessing
import resource
import statistics
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from _record import circumstances
from doctorglm import models
from doctorglm.conversation import Conversation, read_conversations, write_conversations
from doctorglm.curate import curate
from doctorglm.evaluate.likelihood import likelihood
from doctorglm.evaluate.statistics import paired_difference
from doctorglm.language import Text
from doctorglm.recipe.settings import load_recipe
from doctorglm.report.progress import progress_line
from doctorglm.runs import _versions
from doctorglm.tune import TuneSettings, tune
from tune_cpu import ROOT, head

RECIPE = ROOT / "recipes" / "cmd-lora.yaml"
PREFIXES: list[dict[str, Any]] = [
    {"method": "ptuning", "prefix_tokens": tokens, "learning_rate": rate, "prefix_init": "text"}
    for tokens in (16, 64, 128)
    for rate in (1e-3, 5e-3, 2e-2)
]
OTHERWISE: list[dict[str, Any]] = [
    {"method": "ptuning", "prefix_tokens": 128, "learning_rate": 5e-3, "prefix_init": "random"},
    {"method": "ptuning", "prefix_tokens": 128, "prefix_projection": True, "prefix_hidden": 128},
]
ADAPTERS: list[dict[str, Any]] = [
    {"method": "lora", "lora_rank": rank, "lora_alpha": 2.0 * rank, "learning_rate": rate}
    for rank in (8, 16)
    for rate in (1e-3, 2e-3, 5e-3)
]
GRID = [*PREFIXES, *OTHERWISE, *ADAPTERS]
SEEDS = (0, 1, 2)
HELD_OUT = {"valid": 120, "test": 250}
"""Dialogues that are measured: their intervals are narrow beside what methods differ by, and minutes are few."""
_OF_DEFAULTS = ("prefix_tokens", "learning_rate", "prefix_init", "prefix_projection")

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One run and the part of the data that it is measured on."""

    settings: Mapping[str, Any]
    seed: int
    steps: int
    part: str
    threads: int = 2


def settings_of(asked: Asked) -> TuneSettings:
    """All settings of a run."""
    return TuneSettings(
        **asked.settings, seed=asked.seed, max_steps=asked.steps, epochs=50, batch_tokens=2048, max_length=384,
        validate_every=10_000, general="none", patience=0,
    )  # fmt: skip


def measured(asked: Asked, data: Path, out: Path) -> Row:
    """Tunes and measures, in the process that calls it: nats by dialogue, validations, parameters, speed, memory."""
    torch.set_num_threads(asked.threads)
    before = _peak_mb()
    settings = settings_of(asked)
    run = tune("embedded", data, out, settings)
    peak = _peak_mb()
    lines = map(json.loads, (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    model, tokenizer = models.load("embedded", out / "adapter")
    nats = _nats(model, tokenizer, list(read_conversations(data / f"{asked.part}.jsonl")))
    return {
        "settings": dict(asked.settings), "seed": asked.seed, "part": asked.part, "steps": run.record["steps"],
        "trained": run.record["parameters"]["trainable"], "fused_layers": run.record["fused_layers"],
        "validations": [[one["step"], one["valid_loss"]] for one in lines if "valid_loss" in one],
        "nats": nats, "memory_mb": peak - before, "training_s": _without_validations(out / "metrics.jsonl"),
        "tokens": run.record["tokens"],
    }  # fmt: skip


def _nats(model: Any, tokenizer: Any, conversations: list[Conversation]) -> dict[str, tuple[float, int]]:
    """Conversation -> nats and tokens of its answers."""
    with progress_line(Text(en="measure", zh="测量"), 1.0) as line:
        items = likelihood(model, tokenizer, conversations, max_length=384, batch_tokens=4096, line=line)
    return {item.id: (item.nats, item.tokens) for item in items}


def _without_validations(metrics: Path) -> float:
    """Seconds of all steps; a step behind which there is a validation counts as the median of the others."""
    rows = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    ends = [0.0, *(row["seconds"] for row in rows)]
    # a line's seconds are taken before its validation, which the next line's then hold
    after = [False, *("valid_loss" in row for row in rows[:-1])]
    steps = [b - a for a, b in itertools.pairwise(ends)]
    usual = statistics.median(s for s, held in zip(steps, after, strict=True) if not held)
    return sum(usual if held else s for s, held in zip(steps, after, strict=True))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Measured:
    """The rows so far, on disk, each measured in a process of its own; a row that is there is not measured again."""

    def __init__(self, out: Path, data: Path) -> None:
        self._data, self._runs, self._file = data, out / head()[:10], out / "rows.jsonl"
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        self._kept = {row["key"]: row for row in map(json.loads, lines)}
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["__main__"])
        self._processes = ProcessPoolExecutor(1, context, max_tasks_per_child=1)

    def of(self, asked: Asked) -> Row:
        """The row of a run."""
        key = json.dumps([head(), asdict(asked)], sort_keys=True)
        if key not in self._kept:
            folder = self._runs / _named(asked)
            row = self._processes.submit(measured, asked, self._data, folder).result() | {"key": key}
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as to:
                to.write(json.dumps(row) + "\n")
            self._kept[key] = json.loads(json.dumps(row))
            said = f"{loss_of(row):.4f} nats, {row['tokens'] / row['training_s']:,.0f} tokens/s"
            print(f"{_named(asked)}: {said}", file=sys.stderr, flush=True)
        return {name: value for name, value in self._kept[key].items() if name != "key"}


def _named(asked: Asked) -> str:
    values = "-".join(str(value) for value in asked.settings.values())
    return f"{values}-{asked.part}-{asked.steps}-{asked.seed}"


def loss_of(row: Row) -> float:
    """Nats a token of the part that the row was measured on."""
    return sum(nats for nats, _ in row["nats"].values()) / sum(tokens for _, tokens in row["nats"].values())


def difference(ours: Sequence[Row], theirs: Sequence[Row]) -> Mapping[str, Any]:
    """Nats a token of `ours` less that of `theirs`, paired by dialogue, all seeds of each added up."""
    keys = list(theirs[0]["nats"])
    sums = [[sum(row["nats"][key][0] for row in rows) for key in keys] for rows in (ours, theirs)]
    weights = [sum(row["nats"][key][1] for row in theirs) for key in keys]
    return asdict(paired_difference(*sums, weights))


def is_default(settings: Mapping[str, Any]) -> bool:
    """Whether these are what `method=ptuning` has when nothing else is said."""
    usual = TuneSettings(method="ptuning")
    return settings["method"] == "ptuning" and all(
        getattr(TuneSettings(**settings), name) == getattr(usual, name) for name in _OF_DEFAULTS
    )


def without_items(row: Row) -> Row:
    """What is told of a row."""
    told = {name: value for name, value in row.items() if name not in ("nats", "part")}
    return told | {"loss": loss_of(row), "tokens_per_s": row["tokens"] / row["training_s"]}


def conclusion(of_grid: Sequence[Row]) -> dict[str, Any]:
    """The best of each method in the grid, and how far the present defaults are from P-tuning's best."""
    by_method = {m: [row for row in of_grid if row["settings"]["method"] == m] for m in ("lora", "ptuning")}
    best = {method: min(rows, key=loss_of) for method, rows in by_method.items()}
    (default,) = [row for row in by_method["ptuning"] if is_default(row["settings"])]
    apart = None if default is best["ptuning"] else difference([default], [best["ptuning"]])
    return {
        "best": {method: row["settings"] for method, row in best.items()},
        "default": default["settings"],
        "default_against_best": apart,
        "default_stays": apart is None or apart["low"] <= 0,
    }


def main() -> None:
    arguments = _arguments()
    out, steps, seeds = arguments.out, arguments.steps, SEEDS
    grid = GRID
    if arguments.tiny:
        steps, seeds = 2, SEEDS[:2]
        grid = [GRID[0], next(s for s in GRID if is_default(s)), GRID[-1]]
    _prepare(out, arguments.tiny)
    rows = Measured(out, out / "data")
    base = _nats(*models.load("embedded"), list(read_conversations(out / "data" / "test.jsonl")))
    of_grid = [rows.of(Asked(settings, SEEDS[0], steps, "valid", arguments.threads)) for settings in grid]
    found = conclusion(of_grid)
    arms = {"lora": found["best"]["lora"], "ptuning": found["best"]["ptuning"]}
    if found["default_against_best"] is not None:
        arms["ptuning, as it is by default"] = found["default"]
    # all arms of a seed in turn, so that none has the quieter hour
    runs: dict[str, list[Row]] = {name: [] for name in arms}
    for seed in seeds:
        for name, settings in arms.items():
            runs[name].append(rows.of(Asked(settings, seed, 2 * steps, "test", arguments.threads)))
    result = circumstances(f"python benchmarks/ptuning.py{arguments.shown}", _versions())
    result |= {"steps": steps, "threads": arguments.threads, "grid": [without_items(row) for row in of_grid], **found}
    result["base_loss"] = sum(nats for nats, _ in base.values()) / sum(tokens for _, tokens in base.values())
    result["compared"] = {name: _arm(of, runs["lora"]) for name, of in runs.items()}
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def _arm(of: Sequence[Row], lora: Sequence[Row]) -> Row:
    """What is told of one arm: its runs, and their difference to LoRA's."""
    runs = [without_items(row) for row in of]
    medians = {name: statistics.median(run[name] for run in runs) for name in ("tokens_per_s", "memory_mb")}
    loss = statistics.mean(run["loss"] for run in runs)
    told = {"settings": of[0]["settings"], "trained": of[0]["trained"], "loss": loss, **medians, "runs": runs}
    return told if of is lora else told | {"against_lora": difference(of, lora)}


def _prepare(out: Path, tiny: bool) -> None:
    """CMD's parts in `out`/data; in a tiny run few dialogues of them."""
    recipe = load_recipe(RECIPE, {})
    sources = [ROOT / source for source in recipe.sources]
    if missing := [source.name for source in sources if not source.exists()]:
        sys.exit(f"No corpus {', '.join(missing)} in ../shared/data/corpora. Put ../shared beside the project.")
    curate(sources, out / "curated", recipe.curate)
    for part in ("train", "valid", "test"):
        conversations = list(read_conversations(out / "curated" / f"{part}.jsonl"))
        write_conversations(out / "data" / f"{part}.jsonl", conversations[: 24 if tiny else HELD_OUT.get(part)])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=24, help="of each run of the grid; the comparison has twice that")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/ptuning"))
    parser.add_argument("--tiny", action="store_true", help="only that it runs")
    arguments = parser.parse_args()
    steps = f" --steps {arguments.steps}" if arguments.steps != parser.get_default("steps") else ""
    steps += f" --threads {arguments.threads}" if arguments.threads != parser.get_default("threads") else ""
    arguments.shown = steps + (" --tiny" if arguments.tiny else "")
    return arguments


if __name__ == "__main__":
    main()
