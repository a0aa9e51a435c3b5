"""`metrics.jsonl`: a whole line for every step, and none of a step that is done again."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from doctorglm.runs import atomic_file
from doctorglm.tune.disk import writing


def append_row(metrics: BinaryIO, row: Mapping[str, Any], kept: int) -> None:
    """Writes a whole line; a disk that is full may take a part of it."""
    rest = (json.dumps(row) + "\n").encode()
    with writing(Path(metrics.name), len(rest), kept):
        while rest:
            rest = rest[metrics.write(rest) :]


def continued(path: Path, step: int) -> BinaryIO:
    """Opens `metrics.jsonl` for appending, without what a killed run wrote after its last checkpoint."""
    kept = []
    if path.exists():
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if _step_of(text) not in range(1, step + 1):
                break
            kept.append(text + "\n")
    with atomic_file(path) as out:
        out.writelines(kept)
    return path.open("ab", buffering=0)  # nothing is left to write when it is closed


def nowhere() -> BinaryIO:
    """For a process that does not write."""
    return Path(os.devnull).open("ab", buffering=0)


def _step_of(row: str) -> int:
    """The step of a line; 0 where it cannot be read."""
    try:
        return int(json.loads(row)["step"])
    except (ValueError, KeyError, TypeError):
        return 0
