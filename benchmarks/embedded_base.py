"""The losses of the embedded base: how its training went, what it foresees of text that it never saw, and how much of
that it owes to the question.

Needs what `doctorglm run recipes/embedded-base.yaml` and then `recipes/embedded-base-dialogues.yaml` left in runs/.
"""

import json
import sys
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm import demo, models
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.curate.placebo import permute_answers
from doctorglm.evaluate.likelihood import likelihood
from doctorglm.evaluate.statistics import bootstrap_interval
from doctorglm.language import Text
from doctorglm.report.progress import progress_line
from doctorglm.runs import read_json

RUN = Path("runs/embedded-base")
PARTS = (RUN / "copying", RUN / "tune", Path("runs/embedded-base-dialogues/tune"))
_KEPT = ("settings", "counts", "steps", "tokens", "training_s", "best", "parameters")


def _training(run: Path) -> dict[str, Any]:
    record = read_json(run / "run.json")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    validation = [[row["step"], row["valid_loss"]] for row in rows if row.get("valid_loss") is not None]
    return {key: record[key] for key in _KEPT} | {"validation": validation}


def _measured(conversations: list[Conversation]) -> dict[str, Any]:
    """NLL per token, and how much higher it is when every answer follows another patient's question.

    The other patient is of the same department and said as many turns, as for the placebo.
    """
    exchanged = permute_answers(conversations, seed=0)
    model, tokenizer = models.load("embedded")
    with progress_line(Text(en="likelihood", zh="似然"), 2.0) as line:
        own, other = (
            likelihood(model, tokenizer, of, max_length=384, batch_tokens=4096, line=line)
            for of in (conversations, exchanged)
        )
    answered = {c.id: str(c.meta["answers_of"]) for c in exchanged}
    nats = {answered[i.id]: i.nats / i.tokens for i in other}
    paired = [i for i in own if i.id in nats]
    worth = [i.tokens * nats[i.id] - i.nats for i in paired]
    return {
        "nll_per_token": vars(bootstrap_interval([i.nats for i in own], [i.tokens for i in own])),
        "worth_of_the_question": vars(bootstrap_interval(worth, [i.tokens for i in paired])),
    }


if __name__ == "__main__":
    held_out = list(read_conversations(RUN / "curate" / "test.jsonl"))
    parts = {
        "cmd_test": [c for c in held_out if c.source == "cmd"],
        "cmtmedqa_test": [c for c in held_out if c.source == "cmtmedqa"],
        "demo": [c for c in read_conversations(demo.DATA) if c.messages[-1].role == "assistant"],
    }
    versions = read_json(RUN / "tune" / "run.json")["versions"]
    result = circumstances("python benchmarks/embedded_base.py", versions) | {
        "parts": {name: _measured(conversations) for name, conversations in parts.items()},
        "training": [_training(run) for run in PARTS],
        "corpus": read_json(RUN / "base" / "run.json")["counts"],
    }
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
