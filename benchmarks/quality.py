"""Scores the quality score on a half of the pairs: how often the better of two answers comes first, every miss by line.

    python benchmarks/quality.py dev > benchmarks/results/quality_dev.json

Beside it stand what length alone decides, and the score when both answers are cut to the shorter one's characters.
Equal scores count as misses. Intervals are Wilson's, 95 %.
"""

import argparse
import json
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm.conversation import Conversation, Message
from doctorglm.curate.quality import Quality, score
from doctorglm.evaluate.statistics import share_interval

SETS = Path(__file__).parent / "sets" / "quality"


def of(question: str, answer: str) -> Quality:
    return score(Conversation(id="", messages=(Message("user", question), Message("assistant", answer))))


def scored(path: Path) -> dict[str, Any]:
    """The share of pairs in the right order, in all and by kind, and by length alone."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    right, cut, longer, parts = [], [], [], []
    for _, question, better, worse in rows:
        good, bad = of(question, better), of(question, worse)
        right.append(good.total > bad.total)
        chars = min(len(better), len(worse))
        cut.append(of(question, better[:chars]).total > of(question, worse[:chars]).total)
        longer.append(len(better) > len(worse))
        parts.append({name: (value, bad.parts[name]) for name, value in good.parts.items()})
    kinds = dict.fromkeys(row[0] for row in rows)
    return {
        "right": asdict(share_interval(right)),
        "right_of_equal_length": asdict(share_interval(cut)),
        "longer_is_better": asdict(share_interval(longer)),
        "kinds": {
            k: asdict(share_interval([r for r, row in zip(right, rows, strict=True) if row[0] == k])) for k in kinds
        },
        "parts": {name: _part([p[name] for p in parts]) for name in parts[0]},
        "missed": [[n, row[0], row[1]] for n, (row, r) in enumerate(zip(rows, right, strict=True), 1) if not r],
    }


def _part(values: list[tuple[float, float]]) -> dict[str, int]:
    """How many pairs a part alone puts right, ties and wrong."""
    return {
        "right": sum(good > bad for good, bad in values),
        "equal": sum(good == bad for good, bad in values),
        "wrong": sum(good < bad for good, bad in values),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("half", choices=["dev", "test"])
    half = parser.parse_args().half
    result = circumstances(f"python benchmarks/quality.py {half}", {"doctorglm": version("doctorglm")})
    sys.stdout.write(json.dumps(result | scored(SETS / f"{half}.tsv"), ensure_ascii=False, indent=1) + "\n")
