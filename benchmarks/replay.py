"""What replay is worth on the embedded base: how much general text costs after tuning, with it and without.

    python benchmarks/replay.py                    (leaves runs/replay, and goes on there when it is started again)
    python benchmarks/replay.py --steps 4 --out /tmp/replay       only that it runs

Protocol. The embedded base was trained on medical dialogues and documents and has little else to forget, so it is
first taught general conversation: every weight, on the package's general training text, for `--teach` steps. That
model is the base here. It is tuned on the demo's dialogues with the demo's settings three times, with the same seed:
without replay, with `replay=0.2`, and with `replay=self:200`. Measured are nats per token of the answers of
evaluate's general suite, which no part of this was trained on or chosen by, and of the demo's held-out dialogues, by
conversation, before and after; and the forgetting meter as the runs themselves read it. Replay is said to lower
forgetting where the interval of its paired difference to the run without it lies below zero on the general suite;
what it costs on the dialogues stands beside it. The general suite is in the style of what is replayed: a gain there
is no promise for text of another kind.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm import demo, models
from doctorglm.conversation import Conversation, read_conversations, write_conversations
from doctorglm.curate import curate
from doctorglm.evaluate.likelihood import likelihood
from doctorglm.evaluate.statistics import paired_difference
from doctorglm.evaluate.suites import HERE
from doctorglm.language import Text
from doctorglm.recipe.settings import load_recipe
from doctorglm.report.progress import progress_line
from doctorglm.tune import TuneSettings, tune
from doctorglm.tune.general import general_text

ARMS: dict[str, dict[str, Any]] = {
    "without": {},
    "replay=0.2": {"replay": "0.2"},
    "replay=self:200": {"replay": "self:200"},
}
Nats = dict[str, tuple[float, int]]
"""Conversation -> nats and tokens."""


def main() -> None:
    arguments = _arguments()
    out: Path = arguments.out
    recipe = load_recipe(demo.RECIPE, {})
    curate([demo.DATA, demo.HELD_OUT], out / "curate", recipe.curate)
    texts = {
        "general": list(read_conversations(HERE / "general.jsonl")),
        "dialogues": list(read_conversations(out / "curate" / "test.jsonl")),
    }
    base = _taught(out, arguments.teach)
    settings = replace(recipe.tune, max_steps=arguments.steps, max_forgetting=0)
    before = {name: _measured(base, None, of) for name, of in texts.items()}
    runs, after = {}, {}
    for number, (name, changed) in enumerate(ARMS.items()):
        run = tune(
            str(base), out / "curate", out / str(number), replace(settings, **changed), name=Text(en=name, zh=name)
        )
        runs[name] = run.record
        after[name] = {text: _measured(base, out / str(number) / "adapter", of) for text, of in texts.items()}
    rows = [
        {
            "arm": name,
            "replayed": runs[name]["counts"].get("replay"),
            "steps": runs[name]["steps"],
            "meter": runs[name]["forgetting"],
            "against_base": {text: _difference(after[name][text], before[text]) for text in texts},
            "against_without": {text: _difference(after[name][text], after["without"][text]) for text in texts},
        }
        for name in ARMS
    ]
    result = circumstances(f"python benchmarks/replay.py{arguments.shown}", runs["without"]["versions"])
    result |= {"taught_steps": arguments.teach, "base": {n: _mean(of) for n, of in before.items()}, "arms": rows}
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What replay is worth on the embedded base.")
    parser.add_argument("--teach", type=int, default=60, help="steps in which the base learns general conversation")
    parser.add_argument("--steps", type=int, default=0, help="steps of each run at most; 0: the demo's")
    parser.add_argument("--out", type=Path, default=Path("runs/replay"))
    arguments = parser.parse_args()
    arguments.shown = "".join(
        f" --{name} {getattr(arguments, name)}"
        for name in ("teach", "steps")
        if getattr(arguments, name) != parser.get_default(name)
    )
    return arguments


def _taught(out: Path, steps: int) -> Path:
    """The embedded base after it was taught general conversation."""
    file = general_text("shipped", "train")
    assert file is not None
    write_conversations(out / "general" / "train.jsonl", read_conversations(file))
    settings = TuneSettings(method="full", learning_rate=3e-4, epochs=20, max_steps=steps, general="none")
    tune("embedded", out / "general", out / "taught", settings, name=Text(en="teach", zh="教"))
    return out / "taught" / "model"


def _measured(base: Path, adapter: Path | None, conversations: list[Conversation]) -> Nats:
    model, tokenizer = models.load(base, adapter)
    with progress_line(Text(en="measure", zh="测量"), 1.0) as line:
        items = likelihood(model, tokenizer, conversations, max_length=384, batch_tokens=2048, line=line)
    return {item.id: (item.nats, item.tokens) for item in items}


def _difference(ours: Nats, theirs: Nats) -> Mapping[str, Any]:
    """Nats per token, paired by conversation: the difference with its interval."""
    both = [key for key in ours if key in theirs]
    weights = [theirs[key][1] for key in both]
    return asdict(paired_difference([ours[k][0] for k in both], [theirs[k][0] for k in both], weights))


def _mean(of: Nats) -> float:
    return sum(nats for nats, _ in of.values()) / sum(tokens for _, tokens in of.values())


if __name__ == "__main__":
    main()
