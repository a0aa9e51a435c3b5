"""The results of the benchmarks, and whether each says how it came about."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

FOLDER = "benchmarks/results"
_CIRCUMSTANCES = {"command": str, "date": str, "commit": str, "dirty": bool, "device": str, "versions": dict}


def load(root: Path) -> tuple[dict[str, Any], list[str]]:
    """Every result by its name, and what is wrong with them, each with its file and the remedy."""
    results: dict[str, Any] = {}
    problems = []
    for file in sorted((root / FOLDER).glob("*.json")):
        results[file.stem] = json.loads(file.read_text(encoding="utf-8"))
        problems += [
            f"{FOLDER}/{file.name}: {reason}: run its benchmark again, with `circumstances` of benchmarks/_record.py"
            for reason in _lacks(results[file.stem])
        ]
    return results, problems


def _lacks(result: Any) -> Iterator[str]:
    if not isinstance(result, dict):
        yield "is not an object"
        return
    for key, kind in _CIRCUMSTANCES.items():
        if not isinstance(result.get(key), kind) or result[key] in ("", {}):
            yield f"lacks `{key}`"
        elif key == "commit" and not re.fullmatch(r"[0-9a-f]{40}", result[key]):
            yield f"its commit {result[key]!r} is not 40 hexadecimal digits"
        elif key == "date" and not _is_date(result[key]):
            yield f"its date {result[key]!r} is not YYYY-MM-DD"
    if not set(result) - set(_CIRCUMSTANCES) - {"note"}:
        yield "holds no output"


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
