"""Rubrics: scores by hand, files as HealthBench publishes them, and systems compared."""

import json
from pathlib import Path
from typing import Any

import pytest

from doctorglm.conversation import Message
from doctorglm.errors import DataError
from doctorglm.evaluate.judge import (
    Criterion,
    JudgeSettings,
    Rubric,
    default_criteria,
    judge_rubrics,
    read_rubrics,
    rubric_score,
)
from doctorglm.evaluate.judge.scores import RUBRICS_FILE
from doctorglm.evaluate.statistics import share_interval

from .kit import OURS, THEIRS, FakeJudge, block, transcript

QUICK = JudgeSettings(resamples=500)


def holds(prompt: str) -> str:
    """Meets the criterion `说了X` where the answer says X."""
    word = block(prompt, "评分标准").removeprefix("说了")
    return json.dumps({"reason": "", "criteria_met": word in block(prompt, "回答")})


def criterion(word: str, points: float, *tags: str) -> Criterion:
    return Criterion(criterion=f"说了{word}", points=points, tags=tags)


WATER, DOCTOR, CURE = (
    criterion("水", 5, "axis:a"),
    criterion("就医", 3, "axis:a", "axis:b"),
    criterion("包好", -8, "axis:b"),
)


@pytest.mark.parametrize(
    ("met", "score"),
    [
        ((True, True, False), 1.0),
        ((True, False, False), 5 / 8),
        ((False, False, False), 0.0),
        ((True, True, True), 0.0),
        ((False, False, True), -1.0),
        ((False, True, True), -5 / 8),
    ],
)
def test_points_earned_by_points_possible(met: tuple[bool, ...], score: float) -> None:
    assert rubric_score([WATER, DOCTOR, CURE], met) == pytest.approx(score)


def test_scores_tags_and_differences_by_hand(tmp_path: Path) -> None:
    items = [
        transcript(1, "多喝水，必要时就医。", "包好。"),  # 1     | -1
        transcript(2, "多喝水。", "多喝水，就医，包好。"),  # 5/8   | 0
        transcript(3, "包好，请就医。", "就医。"),  # -5/8  | 3/8
    ]
    rubrics = {t.id: Rubric(id=t.id, criteria=(WATER, DOCTOR, CURE), prompt=t.question) for t in items}
    judge = FakeJudge(holds)
    found = judge_rubrics(items, judge, tmp_path, rubrics=rubrics, settings=QUICK)
    ours, theirs = found.systems
    assert (ours.system, theirs.system) == (OURS, THEIRS)
    assert ours.score is not None and ours.score.value == pytest.approx((1 + 5 / 8 - 5 / 8) / 3)
    # the mean is clipped, not the answer's score: (-1 + 0 + 3/8) / 3 is below 0
    assert theirs.score is not None and (theirs.score.value, theirs.score.low) == (0.0, 0.0)
    assert ours.tags["axis:a"].value == pytest.approx((1 + 5 / 8 + 3 / 8) / 3)
    assert ours.tags["axis:b"].value == pytest.approx(max(0.0, (1 + 0 + (3 - 8) / 3) / 3))
    difference = found.differences[THEIRS]
    assert difference.difference == pytest.approx((-1 + 0 + 3 / 8) / 3 - 1 / 3), "before clipping"
    assert difference.n == 3
    assert found.calls.questions == len(judge.prompts) == 18
    assert all(OURS not in told and THEIRS not in told for told in judge.told)
    told = json.loads((tmp_path / RUBRICS_FILE).read_text("utf-8"))
    assert told == json.loads(json.dumps(found.to_dict()))


def test_an_answer_with_an_unjudged_criterion_has_no_score(tmp_path: Path) -> None:
    items = [transcript(i, "多喝水。", "就医。") for i in (1, 2)]
    rubrics = {t.id: Rubric(id=t.id, criteria=(WATER, DOCTOR)) for t in items}

    def fails(prompt: str) -> str:
        unreadable = (
            "头痛 2 天" in prompt and block(prompt, "回答") == "多喝水。" and "就医" in block(prompt, "评分标准")
        )
        return "也许" if unreadable else holds(prompt)

    found = judge_rubrics(items, FakeJudge(fails), tmp_path, rubrics=rubrics, settings=QUICK)
    ours, theirs = found.systems
    assert ours.unjudged == ("dialogue/q2",) and theirs.unjudged == ()
    assert ours.score is not None and (ours.score.value, ours.score.n) == (5 / 8, 1)
    assert theirs.score is not None and theirs.score.n == 2
    assert found.differences[THEIRS].n == 1
    nobody = judge_rubrics(items, FakeJudge(lambda _: "也许", "mute"), tmp_path, rubrics=rubrics, settings=QUICK)
    assert nobody.systems[0].score is None and nobody.differences == {}


def test_transcripts_and_rubrics_that_have_no_partner_are_counted(tmp_path: Path) -> None:
    items = [transcript(i, "多喝水。", "就医。") for i in (1, 2, 3)]
    rubrics = {name: Rubric(id=name, criteria=(WATER,)) for name in ("q2", "q8", "q9")}
    found = judge_rubrics(items, FakeJudge(holds), tmp_path, systems=[THEIRS], rubrics=rubrics, settings=QUICK)
    assert (found.items, found.without_rubric, found.without_transcript) == (1, 2, 2)
    assert [s.system for s in found.systems] == [THEIRS]
    with pytest.raises(DataError, match=r"none of 1 rubrics belongs to one of 3 transcripts"):
        judge_rubrics(items, FakeJudge(holds), tmp_path, rubrics={"q9": rubrics["q9"]})
    with pytest.raises(DataError, match=r"item dialogue/q1 has no answer of other"):
        judge_rubrics(items, FakeJudge(holds), tmp_path, systems=["other"])


def test_a_rubric_of_another_question_is_refused(tmp_path: Path) -> None:
    (item,) = items = [transcript(1, "多喝水。", "就医。")]
    other = Rubric(id="q1", criteria=(WATER,), prompt=(Message("user", "牙痛怎么办？"),))
    with pytest.raises(DataError, match=r"rubric q1 was written for another question than that of item dialogue/q1"):
        judge_rubrics(items, FakeJudge(holds), tmp_path, rubrics={"q1": other})
    other_role = Rubric(id="q1", criteria=(WATER,), prompt=(Message("system", item.question[0].content),))
    with pytest.raises(DataError, match="another question"):
        judge_rubrics(items, FakeJudge(holds), tmp_path, rubrics={"q1": other_role})


def test_a_rubric_may_hold_the_question_as_it_was_before_masking(tmp_path: Path) -> None:
    (item,) = [transcript(1, "多喝水。", "就医。")]
    masked = type(item)(
        id="q1", suite="dialogue", question=(Message("user", "我的电话是[mobile]，头痛。"),), reference="",
        answers=item.answers,
    )  # fmt: skip
    rubric = Rubric(id="q1", criteria=(WATER,), prompt=(Message("user", "我的电话是13812345678，头痛。"),))
    judge = FakeJudge(holds)
    judge_rubrics([masked], judge, tmp_path, rubrics={"q1": rubric}, settings=QUICK)
    assert all("13812345678" not in told and "[mobile]" in told for told in judge.told)


def test_the_criteria_that_ship() -> None:
    zh, en = default_criteria("zh"), default_criteria("en")
    assert 12 <= len(zh) == len(en) <= 17
    assert [(c.name, c.points, c.tags) for c in zh] == [(c.name, c.points, c.tags) for c in en]
    assert len({c.name for c in zh}) == len(zh)
    assert all(c.points and c.tags for c in zh)
    assert all("\u4e00" <= c.criterion[0] <= "\u9fff" for c in zh) and all(c.criterion.isascii() for c in en)
    good = [c.points > 0 for c in zh]
    assert rubric_score(zh, good) == 1.0 and rubric_score(zh, [not flag for flag in good]) < -1
    text = Path(default_criteria.__code__.co_filename).with_name("criteria.yaml").read_text("utf-8")
    assert "\nsource: demonstration, not reviewed by a clinician\n" in text


def test_without_rubrics_the_general_criteria_are_asked(tmp_path: Path) -> None:
    items = [transcript(i, "多喝水。", "就医。") for i in (1, 2)]
    asked: list[str] = []

    def says(prompt: str) -> str:
        asked.append(block(prompt, "评分标准"))
        return json.dumps({"criteria_met": block(prompt, "回答") == "多喝水。"})

    found = judge_rubrics(items, FakeJudge(says), tmp_path, settings=QUICK)
    assert asked.count(default_criteria("zh")[0].criterion) == 4
    ours, theirs = found.systems
    assert ours.met["cure_claim"] == share_interval([True, True]) and theirs.met["cure_claim"].value == 0
    assert list(ours.met) == [c.name for c in default_criteria("zh")]
    assert ours.score is not None and ours.score.value == 0.0 and theirs.score is not None


ROW: dict[str, Any] = {
    "prompt_id": "q1",
    "prompt": [{"role": "user", "content": "头痛怎么办？"}],
    "rubrics": [
        {"criterion": "Advises rest", "points": 5, "tags": ["level:example", "axis:completeness"]},
        {"criterion": "Promises a cure", "points": -7.5, "tags": []},
    ],
    "example_tags": ["theme:hedging"],
}


def put(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def test_a_file_in_healthbenchs_shape_is_read(tmp_path: Path) -> None:
    own = {"id": "q2", "rubrics": [{"criterion": "好", "points": 1}]}
    found = read_rubrics(put(tmp_path / "r.jsonl", ROW, own))
    assert list(found) == ["q1", "q2"]
    assert found["q1"].prompt == (Message("user", "头痛怎么办？"),) and found["q2"].prompt is None
    first, second = found["q1"].criteria
    assert (first.criterion, first.points, first.tags) == ("Advises rest", 5, ("level:example", "axis:completeness"))
    assert second.points == -7.5 and rubric_score(found["q1"].criteria, [True, True]) == pytest.approx(-0.5)


GOOD = {"criterion": "好", "points": 1, "tags": []}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompt_id": None}, "`id` is missing"),
        ({"rubrics": []}, "`rubrics` is missing"),
        ({"rubrics": [{**GOOD, "points": 0}]}, r"rubrics\[0\]: `points`=0: a number other than 0"),
        ({"rubrics": [GOOD, {**GOOD, "points": "5"}]}, r"rubrics\[1\]: `points`='5'"),
        ({"rubrics": [{**GOOD, "points": True}]}, r"`points`=True"),
        ({"rubrics": [{**GOOD, "points": float("nan")}]}, r"`points`=nan"),
        ({"rubrics": [{**GOOD, "points": -1}]}, "rubric q1 has no criterion with positive points"),
        ({"rubrics": [{**GOOD, "criterion": " "}]}, r"rubrics\[0\]: `criterion` is missing"),
        ({"rubrics": [{**GOOD, "tags": "axis"}]}, r"rubrics\[0\]: `tags` is missing or of another kind"),
        ({"prompt": "头痛"}, "`prompt` is missing or of another kind"),
        ({}, "rubric q1 is there twice"),
    ],
)
def test_a_broken_rubric_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    first = {**ROW, "prompt_id": "q1" if not changes else "q0"}
    with pytest.raises(DataError, match=rf"r.jsonl:2: .*{message}|r.jsonl:2: {message}"):
        read_rubrics(put(tmp_path / "r.jsonl", first, {**ROW, **changes}))


def test_an_empty_file_is_no_rubric(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rubrics"):
        read_rubrics(put(tmp_path / "r.jsonl"))
