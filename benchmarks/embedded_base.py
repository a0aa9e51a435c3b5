"""The losses of the embedded base: how its training went, what it foresees of text that it never saw, how much of that
it owes to the question, and how much of what was planted into its corpus it gives away.

Needs what `doctorglm run` left in runs/ of `recipes/embedded-base.yaml`, then `embedded-base-2.yaml`, and then
`embedded-base-dialogues.yaml`.
"""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from _extraction import extraction
from _record import circumstances
from doctorglm import demo, models
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.curate import CurateSettings, curate
from doctorglm.curate.placebo import permute_answers
from doctorglm.evaluate.likelihood import likelihood
from doctorglm.evaluate.statistics import bootstrap_interval
from doctorglm.language import Text
from doctorglm.models.adapters import base_fingerprint
from doctorglm.models.loading import base_folder
from doctorglm.report.progress import progress_line
from doctorglm.runs import read_json
from doctorglm.tune.planted import plant

RUNS = [Path("runs") / name for name in ("embedded-base", "embedded-base-2", "embedded-base-dialogues")]
RUN, LAST = RUNS[0], RUNS[-1]
_KEPT = ("settings", "counts", "steps", "tokens", "training_s", "best", "parameters")


def _training(run: Path) -> dict[str, Any]:
    record = read_json(run / "run.json")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    validation = [[row["step"], row["valid_loss"]] for row in rows if row.get("valid_loss") is not None]
    curve = [round(row["loss"], 5) for row in rows]
    return {key: record[key] for key in (*_KEPT, "machine")} | {"validation": validation, "losses": curve}


def _measured(conversations: list[Conversation]) -> dict[str, Any]:
    """NLL per token, and how much higher it is when an answer follows another patient's question.

    The other patient is of the same department where that has several, and said as many turns. Answers that are not
    whole on both sides, because the other question is longer, are left out of the second figure.
    """
    exchanged = permute_answers(conversations, seed=0)
    model, tokenizer = models.load("embedded")
    with progress_line(Text(en="likelihood", zh="似然"), 2.0) as line:
        own, other = (
            likelihood(model, tokenizer, of, max_length=384, batch_tokens=4096, line=line)
            for of in (conversations, exchanged)
        )
    answered = {c.id: str(c.meta["answers_of"]) for c in exchanged}
    elsewhere = {answered[i.id]: i for i in other}
    paired = [(i, elsewhere[i.id]) for i in own if i.id in elsewhere and elsewhere[i.id].tokens == i.tokens]
    worth = [there.nats - here.nats for here, there in paired]
    return {
        "nll_per_token": asdict(bootstrap_interval([i.nats for i in own], [i.tokens for i in own])),
        "worth_of_the_question": asdict(bootstrap_interval(worth, [here.tokens for here, _ in paired])),
    }


def _demo() -> list[Conversation]:
    """The demo's dialogues without those that are held out, curated."""
    with tempfile.TemporaryDirectory() as folder:
        curate([demo.DATA], Path(folder) / "curated", CurateSettings(splits={"all": 1.0}))
        return list(read_conversations(Path(folder) / "curated" / "all.jsonl"))


def _given_away(corpus: dict[str, Any]) -> list[dict[str, Any]]:
    """What the finished base gives away of what the parts before the last one saw, once an epoch."""
    model, tokenizer = models.load("embedded", dtype=torch.float32)
    epochs = sum(read_json(run / "tune" / "run.json")["settings"]["epochs"] for run in RUNS[:-1])
    return extraction(model, tokenizer, plant(corpus["planted"]), epochs)


if __name__ == "__main__":
    if base_fingerprint(base_folder("embedded")) != base_fingerprint(LAST / "embedded"):
        sys.exit(f"the embedded base is not the one that {LAST} left")
    held_out = list(read_conversations(RUN / "curate" / "test.jsonl"))
    parts = {
        "cmd_test": [c for c in held_out if c.source == "cmd"],
        "cmtmedqa_test": [c for c in held_out if c.source == "cmtmedqa"],
        "demo": _demo(),
    }
    versions, corpus = read_json(RUN / "tune" / "run.json")["versions"], read_json(RUN / "base" / "run.json")
    result = circumstances("python benchmarks/embedded_base.py", versions) | {
        "parts": {name: _measured(conversations) for name, conversations in parts.items()},
        "training": [_training(run / "tune") for run in RUNS],
        "corpus": corpus["counts"],
        "extraction": _given_away(corpus["settings"]),
    }
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
