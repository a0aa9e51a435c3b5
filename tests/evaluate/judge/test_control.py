"""The trial of a judge: pairs whose better answer is known."""

from dataclasses import replace
from pathlib import Path

import pytest

from doctorglm.evaluate.judge import JudgeSettings
from doctorglm.evaluate.judge.control import ANOTHER, OWN, control, control_pairs, is_trusted

from .kit import FakeJudge, block, longer, transcript, verdict

THREE = [
    replace(transcript(number, "一", "二"), reference=f"第 {number} 题的回答{'，再说几句' * (number % 2)}")
    for number in range(1, 10)
]


def knows(prompt: str) -> str:
    """Prefers the answer that has the question's number."""
    number = block(prompt, "病人").split()[1]
    return verdict("A" if f" {number} " in block(prompt, "回答A") else "B")


def test_each_question_has_its_own_answer_and_anothers() -> None:
    same = [replace(THREE[0], id="a", reference="同"), replace(THREE[1], id="b", reference="同"), THREE[2]]
    pairs = control_pairs([*same, replace(THREE[3], reference="")], 5)
    assert [(p.id, p.answers[OWN], p.answers[ANOTHER]) for p in pairs] == [
        ("a", "同", THREE[2].reference),
        ("b", "同", THREE[2].reference),
        (THREE[2].id, THREE[2].reference, "同"),
    ]
    assert [p.id for p in control_pairs(THREE, 2)] == ["q1", "q2"]
    assert control_pairs(THREE, 0) == [] == control_pairs(same[:2], 5)


@pytest.mark.parametrize(
    ("say", "win_rate", "trusted"),
    [(knows, 1.0, True), (lambda _: verdict("A"), 0.5, False), (lambda _: verdict("tie"), 0.5, False)],
)
def test_who_knows_the_answer_is_trusted_and_who_looks_at_the_place_is_not(
    tmp_path: Path, say: object, win_rate: float, trusted: bool
) -> None:
    found = control(THREE, FakeJudge(say), tmp_path, JudgeSettings())  # type: ignore[arg-type]
    assert found is not None and found.win_rate is not None
    assert (found.win_rate.value, found.win_rate.n) == (win_rate, 9)
    assert is_trusted(found) is trusted


def test_who_looks_at_the_length_is_not_trusted(tmp_path: Path) -> None:
    found = control(THREE, FakeJudge(longer), tmp_path, JudgeSettings())
    assert found is not None and found.longer_wins is not None and found.longer_wins.value == 1
    assert not is_trusted(found)


def test_without_a_trial_nothing_is_shown(tmp_path: Path) -> None:
    judge = FakeJudge(knows)
    assert control(THREE, judge, tmp_path, JudgeSettings(control=0)) is None and not judge.prompts
    assert not is_trusted(None)


@pytest.mark.parametrize(("low", "trusted"), [(0.4997, False), (0.5, False), (0.5003, True), (None, False)])
def test_the_lower_bound_decides(tmp_path: Path, low: float | None, trusted: bool) -> None:
    found = control(THREE, FakeJudge(knows), tmp_path, JudgeSettings())
    assert found is not None and found.win_rate is not None
    assert is_trusted(replace(found, win_rate=replace(found.win_rate, low=low))) is trusted
