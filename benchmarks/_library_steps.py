"""What a long measurement has done is kept, so that one that was stopped goes on where it was.

A folder of steps holds for one state of the code and the questions; another state begins anew and removes it.
"""

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from doctorglm.runs import write_json

ROOT = Path(__file__).parents[1]
SOURCES = (
    "src/doctorglm/library/**/*",
    "src/doctorglm/clinical/**/*",
    "benchmarks/library.py",
    "benchmarks/_library_*.py",
    "benchmarks/peers/library_*.py",
    "benchmarks/sets/library/*.jsonl",
)
"""What a step's outcome depends on; the confidence's weights are applied afterwards."""
AFTERWARDS = "confidence.yaml"


def state(tiny: bool) -> str:
    """A name for the state of all that steps depend on."""
    digest = hashlib.sha256(b"tiny" if tiny else b"")
    files = {path for pattern in SOURCES for path in ROOT.glob(pattern) if path.is_file()}
    for path in sorted(files):
        if path.name != AFTERWARDS and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return f"state-{digest.hexdigest()[:12]}"


class Steps:
    """The steps in a folder, done once for a state of the code."""

    def __init__(self, work: Path, *, tiny: bool) -> None:
        self.folder = work / state(tiny)
        for other in work.glob("state-*"):
            if other != self.folder:
                shutil.rmtree(other)
        self.folder.mkdir(parents=True, exist_ok=True)

    def of(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` returned, as JSON gives it back, now or when it was last called."""
        path = self.folder / f"{name.replace('/', ' ')}.json"
        if not path.is_file():
            started = time.monotonic()
            write_json(path, make())
            sys.stderr.write(f"{name}: {time.monotonic() - started:.1f} s\n")
        return json.loads(path.read_text(encoding="utf-8"))
