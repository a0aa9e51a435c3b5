"""Which vocabulary and which mix for the embedded base: small trainings of equal compute, compared by item.

    python benchmarks/base_trials.py        (leaves runs/base-trials, and goes on there when it is started again)

Protocol, committed before the run. Each variant differs from the first in one setting and is trained with the
recipe's other settings for the floating-point operations of 220 steps of the first: 6 x (weights in matrices of the
blocks) x all tokens + 6 x head x supervised tokens. Measured is what every vocabulary can say: nats per *character* of
the answers in CMD's validation part (which no pretraining has seen) and of held-out documents of the corpus, the same
for all. A variant is taken for the final base when CMD's interval of its paired difference to the first lies below
zero; of several, the one with the lowest value. A gain on CMD that costs documents more than twice it is not taken.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from _record import circumstances
from doctorglm import models
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.curate import curate
from doctorglm.evaluate.likelihood import likelihood
from doctorglm.evaluate.statistics import bootstrap_interval, paired_difference
from doctorglm.language import Text
from doctorglm.recipe.settings import load_recipe
from doctorglm.render import Sample, renderer_for
from doctorglm.report.progress import progress_line
from doctorglm.runs import read_json
from doctorglm.tune import tune
from doctorglm.tune.pretrain import prepare_base

STEPS = 220
VARIANTS: dict[str, dict[str, Any]] = {
    "vocabulary 6,000, law 10 %, dialogues once": {},
    "vocabulary 4,500": {"vocabulary_size": 4500},
    "vocabulary 10,000": {"vocabulary_size": 10000},
    "no law": {"share_of_law": 0.0},
    "dialogues twice": {"dialogue_passes": 2},
    "vocabulary 16,000": {"vocabulary_size": 16000},  # added when 10,000 had been seen to be better than 6,000
}


def main() -> None:
    torch.set_num_threads(2)
    recipe = Path("recipes/embedded-base.yaml")
    first = load_recipe(recipe, {})
    work = Path("runs/base-trials")
    curate([Path(s) for s in first.sources], work / "curate", first.curate)
    measured_on: dict[str, list[Conversation]] = {
        "cmd": [c for c in read_conversations(work / "curate" / "valid.jsonl") if c.source == "cmd"]
    }
    rows, per_token = [], 0.0
    for number, (name, changed) in enumerate(VARIANTS.items()):
        overrides = {f"pretrain.{key}": value for key, value in changed.items()}
        planned = load_recipe(recipe, overrides)
        assert planned.pretrain is not None
        base = work / str(number)
        prepare_base(work / "curate", [Path(d) for d in planned.documents], base, planned.pretrain)
        if "documents" not in measured_on:
            measured_on["documents"] = [
                c for c in read_conversations(base / "valid.jsonl") if c.id.startswith("document-")
            ]
        cost = _operations_per_token(base)
        per_token = per_token or cost
        steps = round(STEPS * per_token / cost)
        tuned = load_recipe(recipe, overrides | {"tune.max_steps": steps, "tune.validate_every": 0}).tune
        run = tune(str(base / "initial"), base, base / "tune", tuned)
        figures = {part: _measured(base / "tune" / "model", of) for part, of in measured_on.items()}
        row = {"variant": name, "changed": changed, "steps": steps, "tokens": run.record["tokens"],
               "operations_per_token": cost, "seconds": run.record["training_s"]}  # fmt: skip
        rows.append(row | {"items": figures})
        print(name, {k: _per_character(v)["value"] for k, v in figures.items()}, file=sys.stderr, flush=True)
    versions = read_json(work / "0" / "tune" / "run.json")["versions"]
    for row in rows:
        row["nats_per_character"] = {part: _per_character(items) for part, items in row["items"].items()}
        row["difference"] = {part: _difference(items, rows[0]["items"][part]) for part, items in row["items"].items()}
    for row in rows:
        del row["items"]
    result = circumstances("python benchmarks/base_trials.py", versions) | {"steps": STEPS, "trials": rows}
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def _operations_per_token(base: Path) -> float:
    """Floating-point operations of one training token, with the share of the corpus's tokens that is supervised."""
    model, tokenizer = models.load(base / "initial", dtype=torch.float32)
    renderer = renderer_for(tokenizer)
    rendered = (s for c in read_conversations(base / "train.jsonl") for s in renderer.training(c, 320))
    lengths = [(len(s.input_ids), s.supervised) for s in rendered if isinstance(s, Sample)]
    supervised = sum(s for _, s in lengths) / sum(n for n, _ in lengths)
    head = model.get_output_embeddings().weight.numel()
    blocks = sum(p.numel() for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name)
    return float(6 * (blocks + head * supervised))


def _measured(model_folder: Path, conversations: list[Conversation]) -> dict[str, tuple[float, int]]:
    """Id -> nats and characters of the answers."""
    model, tokenizer = models.load(model_folder, dtype=torch.float32)
    with progress_line(Text(en="likelihood", zh="似然"), 1.0) as line:
        items = likelihood(model, tokenizer, conversations, max_length=512, batch_tokens=4096, line=line)
    characters = {c.id: len(c.answers) for c in conversations}
    return {i.id: (i.nats, characters[i.id]) for i in items}


def _per_character(items: dict[str, tuple[float, int]]) -> dict[str, Any]:
    return asdict(bootstrap_interval([n for n, _ in items.values()], [c for _, c in items.values()]))


def _difference(ours: dict[str, tuple[float, int]], first: dict[str, tuple[float, int]]) -> dict[str, Any]:
    both = [key for key in ours if key in first]
    weights = [first[key][1] for key in both]
    return asdict(paired_difference([ours[k][0] for k in both], [first[k][0] for k in both], weights))


if __name__ == "__main__":
    main()
