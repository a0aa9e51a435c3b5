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
    imports_mb: float
    """Memory held when the job began: what was imported, and nothing else."""

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


def parsed(defaults: Mapping[str, Any]) -> argparse.Namespace:
    """The command line of a runner."""
    parser = argparse.ArgumentParser()
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--work", type=Path, help="the folder that benchmarks/_work.py wrote")
    how.add_argument("--serve", action="store_true", help="read jobs from stdin, and fork for each of them")
    parser.add_argument("--settings", type=json.loads, default={}, help=f"JSON object; defaults {json.dumps(defaults)}")
    parser.add_argument("--limit", type=int, help="only so many dialogues, for a trial")
    return parser.parse_args()


def job_of(
    defaults: Mapping[str, Any], work: str | Path, given: Mapping[str, Any], limit: int | None, answer_to: int = 1
) -> Job:
    """A job, whose report goes to the file descriptor `answer_to`; what libraries print goes to stderr from here on.

    Exits at a setting that is not in defaults.
    """
    global _answers
    if unknown := given.keys() - defaults.keys():
        sys.exit(f"unknown settings {sorted(unknown)}; there are {sorted(defaults)}")
    sys.stdout.flush()
    _answers = os.dup(1) if answer_to == 1 else answer_to
    os.dup2(2, 1)
    settings = {**defaults, **given}
    torch.set_num_threads(settings["threads"])
    rows = (Path(work) / "rendered.jsonl").read_text(encoding="utf-8").splitlines()[:limit]
    rendered = [(tuple(row["input_ids"]), tuple(row["labels"])) for row in map(json.loads, rows)]
    return Job(Path(work), settings, limit, rendered, imports_mb=resident_mb())


def resident_mb() -> float:
    """Memory that the process holds now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / 2**20


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
        "imports_mb": asked.imports_mb,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "same_tokens": wanted == found,
        "documents_missing": (wanted - found).total(),
        "documents_other": (found - wanted).total(),
        "versions": {name: metadata.version(name) for name in ("torch", "transformers", "peft")},
        **more,
    }
    os.write(_answers, (json.dumps(result) + "\n").encode())


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


_answers = 1
"""The file descriptor that a result is written to."""
