"""Engines that each wait for questions in a process of their own, and answer in turns."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from _library_arms import HERE, environment

ENGINE = HERE / "peers" / "library_engine.py"
BLOCK = 50
"""Questions that an engine answers before it is the next one's turn."""


def command(engine: str, *arguments: str | Path) -> list[str]:
    """What runs an engine."""
    return [sys.executable, str(ENGINE), engine, *map(str, arguments)]


@dataclass
class Served:
    """An engine that waits for questions in a process of its own."""

    engine: str
    folder: Path

    def __enter__(self) -> "Served":
        self._process = subprocess.Popen(
            command(self.engine, "serve", self.folder),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def asked(self, questions: Sequence[str]) -> dict[str, Any]:
        """Milliseconds of each, and how many found something."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"questions": list(questions)}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def ended(self) -> dict[str, float]:
        """What memory it had."""
        assert self._process.stdin
        self._process.stdin.close()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{self.engine} ended amid the searches")
        answer: dict[str, Any] = json.loads(line)
        return answer


def in_turns(folders: Mapping[str, Path], warm_up: Sequence[str], asked: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What each engine, by name and folder, took for the same questions, block by block in turns, and its memory."""
    ms: dict[str, list[float]] = {engine: [] for engine in folders}
    found = dict.fromkeys(folders, 0)
    with ExitStack() as stack:
        served = [stack.enter_context(Served(engine, folder)) for engine, folder in folders.items()]
        for one in served:
            one.asked(warm_up)
        for number, block in enumerate(blocks(asked)):
            for one in rotated(served, number):
                answer = one.asked(block)
                ms[one.engine] += answer["ms"]
                found[one.engine] += answer["found"]
        return {one.engine: spread(ms[one.engine]) | {"found": found[one.engine]} | one.ended() for one in served}


def blocks(questions: Sequence[str]) -> list[Sequence[str]]:
    """The questions, fifty at a time."""
    return [questions[at : at + BLOCK] for at in range(0, len(questions), BLOCK)]


def rotated(served: Sequence[Any], turn: int) -> list[Any]:
    """Another one begins each turn."""
    at = turn % len(served)
    return [*served[at:], *served[:at]]


def spread(ms: Sequence[float]) -> dict[str, float]:
    """The 50th and 99th percentile (nearest rank), the mean and the most."""
    ordered = sorted(ms)
    return {
        "p50_ms": percentile(ordered, 50),
        "p99_ms": percentile(ordered, 99),
        "mean_ms": sum(ordered) / len(ordered),
        "most_ms": ordered[-1],
        "n": len(ordered),
    }


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The least value that so many of a hundred values do not exceed."""
    return ordered[-(-percent * len(ordered) // 100) - 1]
