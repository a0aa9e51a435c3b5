"""What the tests of the command line share: good input to be broken, and what a command returned."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TINY = ("max_steps=1", "epochs=1", "batch_tokens=64", "max_length=128")
NAMES = (
    "demo", "run", "fetch", "curate", "library", "translate", "distill", "plan", "tune", "evaluate", "compare", "chat",
    "convert", "inspect", "doctor",
)  # fmt: skip


@dataclass
class Said:
    """What a command returned and printed."""

    code: int
    out: str
    err: str


@dataclass
class Scene:
    """Copies of what is good, to be broken, and where results would go."""

    base: Path
    data: Path
    adapter: Path
    out: Path

    @property
    def tune(self) -> list[object]:
        return ["tune", "--base", self.base, "--data", self.data, "--out", self.out, *TINY]

    @property
    def evaluate(self) -> list[object]:
        test = self.data / "test.jsonl"
        return [
            "evaluate",
            "--model",
            self.base,
            "--suite",
            test,
            "--out",
            self.out,
            "max_new_tokens=4",
            "gate_suites=false",
        ]

    @property
    def chat(self) -> list[object]:
        return ["chat", "--model", self.base, "--ask", "头痛", "max_new_tokens=4"]


def files(directory: Path) -> list[str]:
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


def process(*arguments: object, **changes: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "doctorglm", *map(str, arguments)],
        env=environment(**changes),
        capture_output=True,
        timeout=300,
    )


def environment(**changes: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("LC_ALL", "LC_MESSAGES", "LANG", "PYTHONUTF8")}
    return {**kept, "OMP_NUM_THREADS": "1", **changes}
