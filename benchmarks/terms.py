"""Scores terms with status on a half of DXY's dialogues: F1 of symptoms that are present or denied.

    python benchmarks/terms.py tune > benchmarks/results/terms_tune.json
    python benchmarks/terms.py test > benchmarks/results/terms_test.json

The protocol, written before the detector. A dialogue is of the tuning half when the sha256 of its `consult_id`, as an
integer, is even, and of the test half when it is odd; words and rules are made while looking at the tuning half alone,
and the test half is scored once, at the end. DXY's lines are by patient and doctor in turn, the patient first.

Per dialogue, gold is the union of its explicit and implicit slots: a name with True is present, with False denied. Ours
are the distinct (norm, status) of terms of type symptom with status present or denied. A gold name counts as found when
it equals `norm` or `text` of one of our terms of the same status; each (norm, status) of ours none of whose terms is a
gold name of that status is a false positive. F1 is 2 TP / (2 TP + FP + FN) over all dialogues, with a BCa bootstrap
interval over dialogues. `names` is the same without status: a gold name is found when any of our present or denied
terms has it, and each norm of ours that is no gold name is a false positive.

Three ways of handing the dialogue over are scored: messages with roles (the one that counts), messages without roles,
and one text with a line for each. The baseline is a dictionary of the names that the tuning half's slots use, each
denied where one of 没 不 无 未 stands among the five characters before it; `lexicon` is the detector's own dictionary
with the same negation. Time is CPU time on one core: reading the lists, and 2,000 characters of the half's own text.
Source of the data: https://github.com/HCPLab-SYSU/Medical_DS; no licence is stated, it is measured only.
"""

import argparse
import ast
import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from _record import circumstances
from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms import Turn, find, find_in
from doctorglm.clinical.terms.lexicon import lexicon
from doctorglm.evaluate.statistics import bootstrap_interval

DXY = Path(__file__).parents[1] / ".." / "shared" / "data" / "corpora" / "dxy" / "dxy_train.txt"
HALVES = ("tune", "test")

Dialogue = Mapping[str, Any]
PIECE = 2000
"""Characters of a text whose time is taken."""

Found = Iterable[tuple[str, str, str]]
"""(text, norm, status) of the symptoms in one dialogue."""


@dataclass(frozen=True, slots=True)
class Score:
    """What one dialogue adds: gold names found, ours that are none, gold names missed; and which these are."""

    right: int
    wrong: tuple[tuple[str, str], ...]
    missed: tuple[tuple[str, str], ...]


def half_of(consult_id: str) -> str:
    """`tune` or `test`."""
    return HALVES[int(hashlib.sha256(consult_id.encode()).hexdigest(), 16) % 2]


def dialogues(path: Path = DXY) -> list[Dialogue]:
    """All of them, both halves."""
    records: list[Dialogue] = ast.literal_eval(path.read_text(encoding="utf-8").partition("@")[2])
    return records


def gold(dialogue: Dialogue) -> set[tuple[str, str]]:
    """(name, present or denied) of its slots."""
    slots = dialogue["goal"]
    return {
        (name, "present" if value else "denied")
        for kind in ("explicit_inform_slots", "implicit_inform_slots")
        for name, value in slots[kind].items()
    }


def score(found: Found, wanted: set[tuple[str, str]]) -> Score:
    """The dialogue's counts by the protocol above."""
    names: dict[tuple[str, str], set[str]] = {}
    for text, norm, status in found:
        if status in ("present", "denied"):
            names.setdefault((norm, status), set()).update((text, norm))
    hit = {(name, status) for name, status in wanted if any(s == status and name in n for (_, s), n in names.items())}
    wrong = [key for key, called in names.items() if not any((name, key[1]) in wanted for name in called)]
    return Score(len(hit), tuple(sorted(wrong)), tuple(sorted(wanted - hit)))


def without_status(found: Found, wanted: set[tuple[str, str]]) -> Score:
    """The same for names alone."""
    kept = [(text, norm, "present") for text, norm, status in found if status in ("present", "denied")]
    return score(kept, {(name, "present") for name, _ in wanted})


def f1(scores: Sequence[Score]) -> dict[str, Any]:
    """Micro F1 with its interval, and the counts behind it."""
    double = [2.0 * s.right for s in scores]
    sums = [2.0 * s.right + len(s.wrong) + len(s.missed) for s in scores]
    said = [(d, n) for d, n in zip(double, sums, strict=True) if n > 0]  # a dialogue without names on either side
    right, wrong, missed = (sum(n) for n in zip(*((s.right, len(s.wrong), len(s.missed)) for s in scores), strict=True))
    return asdict(bootstrap_interval([d for d, _ in said], [n for _, n in said])) | {
        "precision": right / max(1, right + wrong),
        "recall": right / max(1, right + missed),
        "right": right,
        "wrong": wrong,
        "missed": missed,
    }


def baseline(names: Iterable[str]) -> Callable[[Dialogue], Found]:
    """A dictionary with naive negation."""
    ordered = sorted(names)

    def found(dialogue: Dialogue) -> Found:
        for line in dialogue["dialog"]:
            for name in ordered:
                at = line.find(name)
                while at >= 0:
                    yield name, name, _naively(line, at)
                    at = line.find(name, at + 1)

    return found


def own_lexicon(dialogue: Dialogue) -> Found:
    """The detector's dictionary with naive negation."""
    for line in map(folded, dialogue["dialog"]):
        for item in lexicon().items(line):
            for entry in item.terms:
                if entry.type == "symptom":
                    yield line[item.start : item.end], entry.norm, _naively(line, item.start)


def _naively(line: str, at: int) -> str:
    return "denied" if any(sign in line[max(0, at - 5) : at] for sign in "没不无未") else "present"


def ours(turns: Callable[[Sequence[str]], Sequence[Turn]]) -> Callable[[Dialogue], Found]:
    """The detector, handed the dialogue's lines as `turns` makes them."""

    def found(dialogue: Dialogue) -> Found:
        for terms in find_in(turns(dialogue["dialog"])):
            yield from ((t.text, t.norm, t.status) for t in terms if t.type == "symptom")

    return found


def ways(names: Iterable[str]) -> dict[str, Callable[[Dialogue], Found]]:
    """The detectors that are scored, each by its name."""
    return {
        "baseline": baseline(names),
        "lexicon": own_lexicon,
        "ours": ours(lambda lines: [Turn(s, "doctor" if i % 2 else "patient") for i, s in enumerate(lines)]),
        "without_roles": ours(lambda lines: [Turn(line) for line in lines]),
        "one_text": ours(lambda lines: [Turn("\n".join(line.strip() for line in lines))]),
    }


def seconds(work: Callable[[], object]) -> float:
    """CPU time of a call."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def reading_ms() -> float:
    """Milliseconds to read the lists, in a process of its own: here they would pay for torch's heap as well."""
    code = (
        "import time; from doctorglm.clinical.terms.lexicon import lexicon; begun = time.process_time(); lexicon();"
        "print(1e3 * (time.process_time() - begun))"
    )
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def times(lines: Sequence[str]) -> dict[str, float]:
    """Milliseconds for pieces of 2,000 characters: the best of five of each piece, least, median and most of them."""
    whole = "\n".join(lines)
    pieces = [whole[at : at + PIECE] for at in range(0, len(whole) - PIECE, PIECE)]
    spent = [1e3 * min(seconds(lambda piece=piece: find(piece)) for _ in range(5)) for piece in pieces]
    return {
        "pieces": len(pieces),
        "characters": PIECE,
        "least_ms": min(spent),
        "median_ms": median(spent),
        "most_ms": max(spent),
    }


def scored(half: str) -> dict[str, Any]:
    """Each detector's F1 with and without status, and what ours missed and made up, by how often."""
    every = dialogues()
    names = {name for d in every if half_of(d["consult_id"]) == "tune" for name, _ in gold(d)}
    chosen = [d for d in every if half_of(d["consult_id"]) == half]
    result: dict[str, Any] = {"half": half, "dialogues": len(chosen), "gold": sum(len(gold(d)) for d in chosen)}
    result["time"] = {"reading_ms": reading_ms()} | times([line for d in chosen for line in d["dialog"]])
    for name, detector in ways(names).items():
        found = [list(detector(d)) for d in chosen]
        with_status = [score(f, gold(d)) for f, d in zip(found, chosen, strict=True)]
        names_only = [without_status(f, gold(d)) for f, d in zip(found, chosen, strict=True)]
        result[name] = {"status": f1(with_status), "names": f1(names_only)}
        result[name]["by_name"] = {
            kind: dict(Counter(f"{n} {s}" for one in with_status for n, s in getattr(one, kind)).most_common())
            for kind in ("missed", "wrong")
        }
    return result


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("half", choices=HALVES)
    half = parser.parse_args().half
    result = circumstances(f"python benchmarks/terms.py {half}", {"doctorglm": version("doctorglm")})
    sys.stdout.write(json.dumps(result | scored(half), ensure_ascii=False, indent=1) + "\n")
