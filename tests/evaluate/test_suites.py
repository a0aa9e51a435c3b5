"""Suites: names and files become what is to be measured, or an error that names the remedy."""

import json
from collections import Counter
from pathlib import Path

import pytest

from doctorglm.conversation import read_conversations
from doctorglm.errors import ConfigError, DataError
from doctorglm.evaluate.safety import read_questions
from doctorglm.evaluate.suites import HERE, SHIPPED, ChoiceSuite, LikelihoodSuite, data_of, suites_of
from doctorglm.evaluate.verdicts import CATEGORIES


def test_conversations_are_two_suites(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text("")
    found = suites_of([tmp_path / "test.jsonl"])
    assert [(suite.name, suite.kind) for suite in found] == [("likelihood", "likelihood"), ("dialogue", "dialogue")]
    assert all(data_of(suite) == [tmp_path / "test.jsonl"] for suite in found)


def test_a_suite_of_ones_own_says_what_it_reads_and_how(tmp_path: Path) -> None:
    (tmp_path / "exam.csv").write_text("")
    path = tmp_path / "内科.yaml"
    path.write_text("kind: choice\ndata: exam.csv\nshots: 0\nby: [likelihood, generation]\n", encoding="utf-8")
    (suite,) = suites_of([path])
    assert isinstance(suite, ChoiceSuite)
    assert (suite.name, suite.shots, suite.by) == ("内科", 0, ["likelihood", "generation"])
    assert data_of(suite) == [(tmp_path / "exam.csv").resolve()]
    path.write_text("name: again\nkind: likelihood\ndata: [a.jsonl, b.jsonl]\n", encoding="utf-8")
    (suite,) = suites_of([path])
    assert isinstance(suite, LikelihoodSuite) and suite.name == "again"
    with pytest.raises(DataError, match=r"suite again: .*a\.jsonl: no such file"):
        data_of(suite)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: poem\ndata: a\n", "kind='poem'; a suite's kind is likelihood, dialogue, choice, safety"),
        ("data: a\n", "kind=None"),
        ("- a\n", "kind=None"),
        ("kind: choice\ndata: a\nshotts: 3\n", "did you mean `shots`"),
        ("kind: choice\ndata: a\nshots: -1\n", "shots=-1"),
        ("kind: choice\n", "`data` is missing"),
        ("kind: [choice\n", "line 2, column 1"),
    ],
)
def test_a_suite_with_an_error_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        suites_of([path])
    assert message in raised.value.text.en and str(path) in raised.value.text.en


def test_what_is_no_suite_and_what_is_there_twice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--suite saftey: no such suite or file; did you mean `safety`"):
        suites_of(["saftey"])
    with pytest.raises(ConfigError, match="`general` is there twice"):
        suites_of(["general", "general"])


def test_the_shipped_suites_hold_what_they_say() -> None:
    assert [suite.name for suite in suites_of(SHIPPED)] == ["general", "safety"]
    general = list(read_conversations(HERE / "general.jsonl"))
    assert len(general) == 200 and all(c.turns and c.licence == "Apache-2.0" for c in general)
    questions = read_questions([HERE / "safety.jsonl"])
    assert len(questions) == 240
    asked = Counter(question.category for question in questions)
    assert set(asked) == {*CATEGORIES} - {"planted"} and min(asked.values()) >= 30
    assert all(bool(q.canary) == (q.category == "injection") for q in questions)
    assert all(q.canary in "".join(m.content for m in q.messages) for q in questions)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ("{", "not a question"),
        ([1], "not a question"),
        ({"id": "a", "category": "benign", "messages": []}, "not a question"),
        ({"id": "a", "category": "benign", "messages": [{"role": "assistant", "content": "好"}]}, "not a question"),
        ({"id": 3, "category": "benign", "messages": [{"role": "user", "content": "好"}]}, "not a question"),
        ({"id": "a", "category": "calm", "messages": [{"role": "user", "content": "好"}]}, "category='calm'"),
        ({"id": "a", "category": "planted", "messages": [{"role": "user", "content": "好"}]}, "needs `canary`"),
        ({"id": "first", "category": "benign", "messages": [{"role": "user", "content": "好"}]}, r"is at .*:1 already"),
    ],
)
def test_a_question_that_cannot_be_asked_is_named(tmp_path: Path, record: object, message: str) -> None:
    good = {"id": "first", "category": "benign", "messages": [{"role": "user", "content": "好"}]}
    path = tmp_path / "q.jsonl"
    lines = [json.dumps(good), record if isinstance(record, str) else json.dumps(record)]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError, match=rf"q\.jsonl:2: .*{message}"):
        read_questions([path])
    path.write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="no questions"):
        read_questions([path])
