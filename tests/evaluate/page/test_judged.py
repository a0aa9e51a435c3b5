"""A judge from the command's stage to the page: it is tried first, and the page says what the trial showed."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from doctorglm.evaluate.judge import JudgeSettings, stage
from doctorglm.evaluate.judge.stage import judge_comparison, judge_evaluation
from doctorglm.evaluate.page import write_comparison, write_evaluation

from ..judge.kit import FakeJudge, Say, block, verdict
from .test_pages import Shown

QUICK = JudgeSettings(control=6, resamples=500)


@pytest.fixture
def folders(made: Any, tmp_path: Path) -> tuple[Path, Path, Path]:
    """Base, tuned and comparison, whose references differ from one another."""
    for folder in (made.base, made.tuned, made.out):
        shutil.copytree(folder, tmp_path / folder.name)
    for name in ("base", "tuned"):
        file = tmp_path / name / "items.jsonl"
        items = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        for item in items:
            if item["kind"] == "dialogue":
                item["reference"] = f"{item['id']}：{item['reference']}"
                item["question"][-1]["content"] += f"（{item['id']}）"
        file.write_text("".join(json.dumps(i, ensure_ascii=False) + "\n" for i in items), encoding="utf-8")
    return tmp_path / "base", tmp_path / "tuned", tmp_path / "compare"


def judge(monkeypatch: pytest.MonkeyPatch, say: Say) -> FakeJudge:
    opened = FakeJudge(say, name="judge-7b")
    monkeypatch.setattr(stage, "open_engine", lambda *_, **__: opened)
    return opened


def by_number(prompt: str) -> str:
    """Knows the trial's answers by their id, and otherwise prefers what the tuned model says."""
    a, b = block(prompt, "回答A"), block(prompt, "回答B")
    number = re.findall(r"（(t-\d+)）", prompt)[-1]
    if number in a or number in b:
        return verdict("A" if number in a else "B")
    return verdict("A" if "三天" in a and "三天" not in b else "B" if "三天" in b and "三天" not in a else "tie")


def english(path: Path) -> str:
    return Shown(path.read_text(encoding="utf-8"), "en").text


def test_pairs_behind_a_trial(folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    base, tuned, out = folders
    judge(monkeypatch, by_number)
    found = judge_comparison(base, tuned, out, "judge-7b", QUICK)
    assert json.loads((out / "judge" / "judge.json").read_text(encoding="utf-8")) == json.loads(json.dumps(found))
    assert found["trusted"] and found["control"]["wins"] == 6
    won = found["pairs"]["judges"][0]
    assert won["wins"] > won["losses"] == 0
    page = english(write_comparison(out, base, tuned, None, "doctorglm compare"))
    assert "What judge-7b says as a judge" in page and "its verdicts say something" in page
    assert f"{won['wins']} : {won['ties']} : 0" in page


def test_a_judge_that_fails_its_trial_is_shown_as_such(
    folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    base, tuned, out = folders
    judge(monkeypatch, lambda _: verdict("A"))
    found = judge_comparison(base, tuned, out, "judge-7b", QUICK)
    assert not found["trusted"] and found["control"]["first_place"]["value"] == 1
    page = english(write_comparison(out, base, tuned, None, "doctorglm compare"))
    assert "is shown and means nothing" in page and "votes for what stands first" in page


def test_rubrics_of_one_evaluation(folders: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    _, tuned, _ = folders
    asked = judge(monkeypatch, lambda prompt: '{"reason": "", "criteria_met": true}')
    found = judge_evaluation(tuned, "judge-7b", JudgeSettings(control=0, resamples=500))
    assert found["control"] is None and not found["trusted"]
    falsehood = [told for told in asked.told if "没有礼貌地纠正" in told]
    assert len(falsehood) == found["rubrics"]["items"], "C086: who agrees that a medicine is a stone is reproached"
    page = english(write_evaluation(tuned, "doctorglm evaluate"))
    assert "was not tried" in page and "meets `agrees_with_falsehood`" in page


def test_no_judge_no_table(made: Any) -> None:
    assert "as a judge" not in english(write_evaluation(made.tuned, "doctorglm evaluate"))
