"""Scores the de-identification rules on a half of the labelled set: recall and precision by type, every miss listed.

    python benchmarks/deid.py dev > benchmarks/results/deid_dev.json

A labelled identifier is found when a span of its type overlaps it, and covered when every character of it is masked,
under whatever type; a span is right when it overlaps a labelled one of its type. Intervals are Wilson's, 95 %.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from _record import circumstances
from doctorglm.clinical.deid import TYPES, Span, find
from doctorglm.evaluate.statistics import share_interval

SETS = Path(__file__).parent / "sets" / "deid"
_MARK = re.compile(r"⟦([a-z_]+):([^⟦⟧]+)⟧")


def labelled(path: Path) -> Iterator[tuple[str, list[Span]]]:
    """Yields each record's text and its labelled spans."""
    for line in path.read_text(encoding="utf-8").splitlines():
        marked, text, spans, at = line.replace("\\n", "\n"), "", [], 0
        for match in _MARK.finditer(marked):
            text += marked[at : match.start()]
            spans.append(Span(len(text), len(text) + len(match[2]), match[1]))
            text, at = text + match[2], match.end()
        yield text + marked[at:], spans


def scored(path: Path) -> dict[str, Any]:
    """Recall, coverage and precision, of each type and in all, and what was missed or wrong, by line."""
    found: dict[str, list[bool]] = {kind: [] for kind in TYPES}
    covered: dict[str, list[bool]] = {kind: [] for kind in TYPES}
    right: dict[str, list[bool]] = {kind: [] for kind in TYPES}
    missed, wrong = [], []
    for number, (text, spans) in enumerate(labelled(path), 1):
        ours = find(text)
        for span in spans:
            found[span.type].append(any(_meet(span, o) for o in ours))
            inside = all(any(o.start <= i < o.end for o in ours) for i in range(span.start, span.end))
            covered[span.type].append(inside)
            if not found[span.type][-1]:
                missed.append([number, span.type, text[span.start : span.end]])
        for span in ours:
            right[span.type].append(any(_meet(span, o) for o in spans))
            if not right[span.type][-1]:
                wrong.append([number, span.type, text[span.start : span.end]])
    flags = {"recall": found, "covered": covered, "precision": right}
    types = {kind: {name: _share(by[kind]) for name, by in flags.items()} for kind in TYPES}
    every = {name: _share([flag for kind in TYPES for flag in by[kind]]) for name, by in flags.items()}
    return {"types": types, "all": every, "missed": missed, "wrong": wrong}


def _meet(one: Span, other: Span) -> bool:
    return one.type == other.type and one.start < other.end and other.start < one.end


def _share(flags: list[bool]) -> dict[str, Any] | None:
    return asdict(share_interval(flags)) if flags else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("half", choices=["dev", "test", "dev2", "test2", "test3", "test4"])
    half = parser.parse_args().half
    result = circumstances(f"python benchmarks/deid.py {half}", {"doctorglm": version("doctorglm")})
    sys.stdout.write(json.dumps(result | scored(SETS / f"{half}.txt"), ensure_ascii=False, indent=1) + "\n")
