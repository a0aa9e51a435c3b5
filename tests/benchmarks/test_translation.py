"""The labelled errors of translations are whole, and what is planted mechanically is the same every time."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from doctorglm.translate.checks.check import Checks
from doctorglm.translate.entry import entry
from doctorglm.translate.glossary import own_glossary
from doctorglm.translate.pairs import Pair

SET = Path(__file__).parents[2] / "benchmarks" / "sets" / "translation"
KINDS = {
    "term", "number", "unit_or_dose", "negation", "gender_person", "laterality", "drug", "untranslated", "order",
    "truncation", "addition", "loop", "language",
}  # fmt: skip


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SET / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_every_error_spoils_a_pair_and_no_pair_is_in_both_halves() -> None:
    pairs, errors, hard = {row["id"]: row for row in rows("pairs")}, rows("errors"), rows("hard")
    assert len({row["id"] for row in [*pairs.values(), *errors, *hard]}) == len(pairs) + len(errors) + len(hard)
    assert all(row["zh"] != pairs[row["pair"]]["zh"] for row in errors)
    assert len({(row["pair"], row["half"]) for row in errors}) == len({row["pair"] for row in errors})
    counts = Counter(row["kind"] for row in errors)
    assert counts.keys() == KINDS == {row["looks_like"] for row in hard} and min(counts.values()) >= 150
    assert all(Counter(row["half"] for row in errors if row["kind"] == kind)["test"] >= 60 for kind in KINDS)


@pytest.mark.parametrize("which", [2, 3])
def test_later_sets_are_whole_and_others(which: int) -> None:
    pairs = {row["id"]: row for row in rows(f"pairs{which}")}
    errors, hard = rows(f"errors{which}"), rows(f"hard{which}")
    assert len({row["id"] for row in [*pairs.values(), *errors, *hard]}) == len(pairs) + len(errors) + len(hard)
    assert all(row["zh"] != pairs[row["pair"]]["zh"] for row in errors)
    counts = Counter(row["kind"] for row in errors)
    assert counts.keys() == KINDS == {row["looks_like"] for row in hard} and min(counts.values()) >= 40
    others = [row["en"] for name in ("pairs", "pairs2", "pairs3") if name != f"pairs{which}" for row in rows(name)]
    assert not {row["en"] for row in pairs.values()} & set(others)


def test_an_error_is_caught_by_a_fault_that_its_good_pair_lacks() -> None:
    sys.path.insert(0, str(SET.parents[1]))
    from translate_checks import caught

    clean = {"en": "Take 5 mg of aspirin.", "zh": "服用5毫克阿司匹林。"}
    flagged = {"en": "Take 5 mg of aspirin.", "zh": "服用6毫克阿司匹林。"}  # a good pair that a check is wrong about
    errors = [
        {"pair": "clean", "kind": "number", "zh": "服用7毫克阿司匹林。"},
        {"pair": "flagged", "kind": "number", "zh": "服用6毫克阿司匹林。！"},
        {"pair": "flagged", "kind": "drug", "zh": "服用6毫克布洛芬。"},
    ]
    found = caught(Checks(own_glossary()), errors, {"clean": clean, "flagged": flagged})
    assert {kind: (one["k"], one["n"]) for kind, one in found.items()} == {
        "all": (2, 3), "number": (1, 2), "drug": (1, 1),
    }  # fmt: skip


def test_judgements_are_counted_and_must_be_of_the_same_conversations(tmp_path: Path) -> None:
    accepted, judged = tmp_path / "accepted.jsonl", tmp_path / "judged.jsonl"
    accepted.write_text("".join(f'{{"id": "{i}", "chinese": ["好"]}}\n' for i in range(4)), encoding="utf-8")
    names = ["right", "wrong", "right", "minor"]
    judged.write_text("".join(json.dumps({"id": str(i), "judgement": name}) + "\n" for i, name in enumerate(names)))
    command = [sys.executable, str(SET.parents[1] / "translate_judged.py"), str(accepted), str(judged)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert {name: one["k"] for name, one in said["counts"].items()} == {"right": 2, "minor": 1, "wrong": 1}
    judged.write_text('{"id": "0", "judgement": "right"}\n')
    assert subprocess.run(command, capture_output=True).returncode == 1


def test_a_term_within_a_longer_one_of_either_part_is_no_mention() -> None:
    sys.path.insert(0, str(SET.parents[1]))
    from _withheld import divided, measured_on

    short, long = entry("hypertension", "高血压", ""), entry("pulmonary hypertension", "肺动脉高压", "")
    pairs = [Pair("He has pulmonary hypertension.", "他有肺动脉高压。", ""), Pair("Hypertension?", "高血压吗？", "")]
    found = measured_on(pairs, [short], [long])
    assert (found["term_right"], found["term_mentions"], found["term_accuracy"]) == (1, 1, 1.0)
    found = measured_on(pairs, [long], [short])
    assert (found["term_right"], found["term_mentions"]) == (1, 1)
    known, withheld = divided(own_glossary())
    assert known and withheld and not {one.english for one in known} & {one.english for one in withheld}


def test_what_is_planted_is_the_same_every_time(shared: Path, tmp_path: Path) -> None:
    tico = shared / "data" / "translation" / "medical_tico19.jsonl.gz"
    made = []
    for name in ("one", "other"):
        command = [sys.executable, SET / "plant.py", tmp_path / name, "--tico", tico, "--each", "40"]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
        made.append((tmp_path / name / "planted.jsonl").read_bytes())
    planted = [json.loads(line) for line in made[0].splitlines()]
    assert made[0] == made[1] and len(planted) >= 120
    assert all(row["zh"] != row["good"] for row in planted)
