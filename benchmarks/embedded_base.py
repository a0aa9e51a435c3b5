"""The losses of the embedded base: how its pretraining went, and what it foresees of text that it never saw.

Needs what `doctorglm run recipes/embedded-base.yaml` and then `recipes/embedded-base-dialogues.yaml` left in runs/.
"""

import json
import sys
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm import models
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.evaluate.likelihood import likelihood
from doctorglm.evaluate.statistics import bootstrap_interval
from doctorglm.language import Text
from doctorglm.report.progress import progress_line
from doctorglm.runs import read_json

RUN = Path("runs/embedded-base")
PARTS = (RUN, Path("runs/embedded-base-dialogues"))
_KEPT = ("settings", "counts", "steps", "tokens", "training_s", "best", "parameters")


def _training(run: Path) -> dict[str, Any]:
    record = read_json(run / "tune" / "run.json")
    rows = [json.loads(line) for line in (run / "tune" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    validation = [[row["step"], row["valid_loss"]] for row in rows if row.get("valid_loss") is not None]
    return {key: record[key] for key in _KEPT} | {"validation": validation}


def _interval(conversations: list[Conversation]) -> dict[str, float | int | None]:
    model, tokenizer = models.load("embedded")
    with progress_line(Text(en="likelihood", zh="似然"), 1.0) as line:
        items = likelihood(model, tokenizer, conversations, max_length=320, batch_tokens=4096, line=line)
    return vars(bootstrap_interval([i.nats for i in items], [i.tokens for i in items]))


if __name__ == "__main__":
    held_out = list(read_conversations(RUN / "curate" / "test.jsonl"))
    documents = [c for c in read_conversations(RUN / "base" / "valid.jsonl") if c.id.startswith("document-")]
    parts = {
        "cmd_test": [c for c in held_out if c.source == "cmd"],
        "cmtmedqa_test": [c for c in held_out if c.source == "cmtmedqa"],
        "general_valid": documents,
    }
    versions = read_json(RUN / "tune" / "run.json")["versions"]
    result = circumstances("python benchmarks/embedded_base.py", versions) | {
        "nll_per_token": {name: _interval(conversations) for name, conversations in parts.items()},
        "training": [_training(run) for run in PARTS],
        "corpus": read_json(RUN / "base" / "run.json")["counts"],
    }
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
