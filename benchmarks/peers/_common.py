"""What the runners share: arguments, the reference ids and labels, the clock, and the one JSON object on stdout.

Runs in every peer's own environment, so it imports torch at most, and nothing of doctorglm.
"""

import argparse
import itertools
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

IGNORED = -100
LEARNING_RATE = 1e-3
MAX_GRAD_NORM = 1.0
MAX_LENGTH = 512
LORA = {"r": 8, "lora_alpha": 16, "lora_dropout": 0.0}
SEED = 0

Document = tuple[tuple[int, ...], tuple[int, ...]]
"""The ids of one dialogue and its labels, IGNORED where nothing is learned."""


@dataclass(frozen=True)
class Job:
    """What a runner was asked to do."""

    work: Path
    settings: dict[str, Any]
    limit: int | None
    rendered: list[Document]

    @property
    def base(self) -> str:
        """The folder of the model and its tokenizer."""
        return str(self.work / "base")


@dataclass
class Clock:
    """Wall time from just before the first step to after the last one, and what the steps reported."""

    started: float = 0.0
    cpu_started: float = 0.0
    cpu_ended: float = 0.0
    ended: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)

    def start(self) -> None:
        """Called before every step; the first call counts."""
        if not self.started:
            self.started, self.cpu_started = time.perf_counter(), time.process_time()

    def step(self) -> None:
        """Called after the optimizer's step."""
        self.ended.append(time.perf_counter())
        self.cpu_ended = time.process_time()

    @property
    def step_seconds(self) -> list[float]:
        """Seconds from the end of a step to the end of the next one: data and forward, backward, update."""
        return [b - a for a, b in itertools.pairwise([self.started, *self.ended])]


def job(defaults: Mapping[str, Any]) -> Job:
    """Reads the command line; from here on, what libraries print goes to stderr. Exits at a setting not in defaults."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True, help="the folder that benchmarks/_work.py wrote")
    parser.add_argument("--settings", type=json.loads, default={}, help=f"JSON object; defaults {json.dumps(defaults)}")
    parser.add_argument("--limit", type=int, help="only so many dialogues, for a trial")
    given = parser.parse_args()
    if unknown := given.settings.keys() - defaults.keys():
        parser.error(f"unknown settings {sorted(unknown)}; there are {sorted(defaults)}")
    _redirect_stdout()
    settings = {**defaults, **given.settings}
    torch.set_num_threads(settings["threads"])
    rows = (given.work / "rendered.jsonl").read_text(encoding="utf-8").splitlines()[: given.limit]
    rendered = [(tuple(row["input_ids"]), tuple(row["labels"])) for row in map(json.loads, rows)]
    return Job(given.work, settings, given.limit, rendered)


def report(
    asked: Job, package: str, clock: Clock, seen: Sequence[Document], first_loss_all: float, **more: object
) -> None:
    """Prints the result; `seen` are the documents as the trainer's own batches held them, padding stripped."""
    wanted, found = Counter(asked.rendered), Counter(seen)
    result = {
        "trainer": package,
        "version": metadata.version(package),
        "settings": asked.settings,
        "seconds": clock.ended[-1] - clock.started,
        "cpu_seconds": clock.cpu_ended - clock.cpu_started,
        "step_seconds": clock.step_seconds,
        "dialogues": len(asked.rendered),
        "tokens": sum(len(ids) for ids, _ in seen),
        "supervised_tokens": sum(supervised(labels) for _, labels in seen),
        "losses": clock.losses,
        "first_loss_all": first_loss_all,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "same_tokens": wanted == found,
        "documents_missing": (wanted - found).total(),
        "documents_other": (found - wanted).total(),
        "versions": {name: metadata.version(name) for name in ("torch", "transformers", "peft")},
        **more,
    }
    os.write(_STDOUT, (json.dumps(result) + "\n").encode())


def supervised(labels: Iterable[int]) -> int:
    """How many labels are learned."""
    return sum(label != IGNORED for label in labels)


def unpadded(ids: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> list[Document]:
    """The documents of a padded batch (B, S), one a row."""
    return [
        (tuple(i[m.bool()].tolist()), tuple(label[m.bool()].tolist()))
        for i, label, m in zip(ids, labels, mask, strict=True)
    ]


def cut(ids: Sequence[int], labels: Sequence[int], begins: Sequence[int]) -> list[Document]:
    """The documents of one packed row, which begin at these places; what is before the first of them is one too."""
    edges = sorted({0, *begins, len(ids)})
    return [(tuple(ids[a:b]), tuple(labels[a:b])) for a, b in itertools.pairwise(edges)]


def _redirect_stdout() -> None:
    sys.stdout.flush()
    os.dup2(2, 1)


_STDOUT = os.dup(1)
