"""Asking: once more where a reply cannot be read, never again what is known, and never silently without a verdict."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from doctorglm.conversation import Message
from doctorglm.engine import Generation, Sampling
from doctorglm.errors import ConfigError, DataError, DoctorGLMError, ModelError
from doctorglm.evaluate.judge import JudgeSettings, PairFindings, judge_pairs
from doctorglm.evaluate.judge.asking import JUDGED_FILE

from .kit import OURS, THEIRS, FakeJudge, cut, longer, transcript, verdict

ITEMS = [transcript(i, "多喝水，" * i + "注意休息。", "休息。") for i in range(1, 7)]
TWO_AT_ONCE = JudgeSettings(batch_size=2)


class Killed(BaseException):
    """Ends the process, as far as the code can tell."""


def findings(judge: FakeJudge, out: Path, settings: JudgeSettings = TWO_AT_ONCE) -> PairFindings:
    return judge_pairs(ITEMS, judge, OURS, THEIRS, out, settings=settings).judges[0]


def records(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / JUDGED_FILE).read_text("utf-8").splitlines()]


def test_a_reply_that_cannot_be_read_is_asked_for_once_more_with_the_error(tmp_path: Path) -> None:
    def garbage_first(prompt: str) -> object:
        if "你上一次的输出无法使用" in prompt:
            return longer(prompt)
        return cut('{"winner": "B"}') if "头痛 1 天" in prompt else "第一个回答好一些。"

    judge = FakeJudge(garbage_first)  # type: ignore[arg-type]
    found = findings(judge, tmp_path)
    assert (found.wins, found.unjudged) == (6, ())
    assert (found.calls.questions, found.calls.asked, found.calls.again) == (12, 24, 12)
    second = [told for told in judge.told if "你上一次的输出无法使用" in told]
    assert sum("被截断" in told for told in second) == 2
    assert sum("没有所要求的 JSON 对象" in told for told in second) == 10
    assert "第一个回答好一些" not in "".join(second), "an unreadable reply is not shown to the judge again"


def test_a_judge_that_never_answers_readably_leaves_items_unjudged_and_is_not_asked_a_third_time(
    tmp_path: Path,
) -> None:
    found = findings(FakeJudge(lambda _: "不好说。"), tmp_path)
    assert found.unjudged == tuple(t.key for t in ITEMS) and found.win_rate is None
    assert found.calls.asked == 24
    patient = FakeJudge(longer)
    again = findings(patient, tmp_path)
    assert patient.prompts == [] and again.unjudged == found.unjudged
    assert (again.calls.known, again.calls.asked) == (12, 0)


def test_every_reply_is_kept_and_masked(tmp_path: Path) -> None:
    def tells(prompt: str) -> str:
        return longer(prompt) + "\n病人电话 13812345678。" if "你上一次" in prompt else "不知道"

    findings(FakeJudge(tells), tmp_path)
    kept = records(tmp_path)
    assert (tmp_path / JUDGED_FILE).stat().st_mode & 0o777 == 0o600
    assert [r["attempt"] for r in kept] == [1] * 12 + [2] * 12
    assert {r["reply"] for r in kept[:12]} == {"不知道"} and {r["fault"] for r in kept[:12]} == {"no_verdict"}
    assert all("13812345678" not in r["reply"] and '"winner": ' in r["reply"] for r in kept[12:])
    assert {r["verdict"] for r in kept[12:]} == {"A", "B"}
    assert {r["what"] for r in kept} == {f"A={OURS} B={THEIRS}", f"A={THEIRS} B={OURS}"}
    assert {r["judge"] for r in kept} == {"judge"} and all(len(r["key"]) == 64 for r in kept)


@pytest.mark.parametrize("batch", [1, 3, 6])
def test_a_killed_run_goes_on_and_ends_like_one_that_was_not(tmp_path: Path, batch: int) -> None:
    whole = findings(FakeJudge(longer), tmp_path / "whole")
    out = tmp_path / "killed"
    with pytest.raises(Killed):
        findings(FakeJudge(longer, fail_at=batch, error=Killed()), out)
    kept = (batch - 1) * 2
    assert len(records(out)) == kept
    with (out / JUDGED_FILE).open("a") as file:
        file.write('{"key": "half a li')
    judge = FakeJudge(longer)
    found = findings(judge, out)
    assert len(judge.prompts) == 12 - kept
    assert (found.calls.known, found.calls.asked) == (kept, 12 - kept)
    assert (found.wins, found.win_rate, found.first_place) == (whole.wins, whole.win_rate, whole.first_place)
    assert len(records(out)) == 12 and len({r["key"] for r in records(out)}) == 12


def test_a_run_that_is_killed_between_the_attempts_asks_only_the_second(tmp_path: Path) -> None:
    def garbage_first(prompt: str) -> str:
        return longer(prompt) if "你上一次" in prompt else "?"

    with pytest.raises(Killed):
        findings(FakeJudge(garbage_first, fail_at=8, error=Killed()), tmp_path)
    judge = FakeJudge(garbage_first)
    found = findings(judge, tmp_path)
    assert found.wins == 6 and all("你上一次" in told for told in judge.told)
    assert (found.calls.known, found.calls.asked) == (2, 10)


def test_another_judge_prompt_or_setting_is_asked_anew(tmp_path: Path) -> None:
    findings(FakeJudge(longer), tmp_path)
    for judge, settings in (
        (FakeJudge(longer, "other"), TWO_AT_ONCE),
        (FakeJudge(lambda _: verdict("tie")), JudgeSettings(language="en")),
        (FakeJudge(longer), JudgeSettings(max_new_tokens=64)),
    ):
        assert findings(judge, tmp_path, settings).calls.known == 0 and len(judge.prompts) == 12
    assert findings(FakeJudge(longer), tmp_path, JudgeSettings(batch_size=5)).calls.asked == 0


def test_the_number_of_calls_is_said_before_the_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Killed):
        findings(FakeJudge(longer, fail_at=1, error=Killed()), tmp_path)
    assert (
        "judge judge: 12 calls, 0 of them answered before; 12 to do, at most 24 with second" in capsys.readouterr().err
    )
    with pytest.raises(Killed):
        findings(FakeJudge(longer, fail_at=3, error=Killed()), tmp_path)
    capsys.readouterr()
    findings(FakeJudge(longer), tmp_path)
    assert "12 calls, 4 of them answered before; 8 to do, at most 16" in capsys.readouterr().err


def test_a_budget_is_kept(tmp_path: Path) -> None:
    judge = FakeJudge(longer)
    with pytest.raises(ConfigError, match=r"12 calls of the judge judge are needed, max_calls=11 are allowed"):
        findings(judge, tmp_path, JudgeSettings(max_calls=11))
    assert judge.prompts == []
    assert findings(judge, tmp_path, JudgeSettings(max_calls=12)).wins == 6


def refuses_one(prompt: str) -> str:
    if "头痛 3 天" in prompt:
        raise DataError(en="no whole answer within 1 s", zh="超时")
    return longer(prompt)


class Singly(FakeJudge):
    """An engine that says of each conversation what it answered, or why it did not; `batch` is not to be used."""

    def batch_or_errors(
        self, conversations: Sequence[Sequence[Message]], sampling: Sampling
    ) -> list[Generation | DoctorGLMError]:
        replies: list[Generation | DoctorGLMError] = []
        for conversation in conversations:
            try:
                replies += FakeJudge.batch(self, [conversation], sampling)
            except DoctorGLMError as error:
                replies.append(error)
        return replies

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        raise NotImplementedError


@pytest.mark.parametrize("kind", [FakeJudge, Singly])
def test_a_question_without_an_answer_costs_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: type[FakeJudge]
) -> None:
    found = findings(kind(refuses_one), tmp_path, JudgeSettings(batch_size=5))
    assert found.unjudged == ("dialogue/q3",) and found.wins == 5
    assert len(records(tmp_path)) == 10, "what was never replied to is no reply"
    told = capsys.readouterr().err
    assert "2 calls have no reply; their items are unjudged. The first: no whole answer within 1 s" in told
    judge = kind(longer)
    assert findings(judge, tmp_path).wins == 6 and len(judge.prompts) == 2, "and is asked again"


@pytest.mark.parametrize("kind", [FakeJudge, Singly])
def test_a_server_that_is_down_ends_the_run_and_costs_no_answer(tmp_path: Path, kind: type[FakeJudge]) -> None:
    def down(prompt: str) -> str:
        if "头痛 3 天" in prompt:
            raise ModelError(en="no connection", zh="无法连接")
        return longer(prompt)

    with pytest.raises(ModelError, match="no connection"):
        findings(kind(down), tmp_path, JudgeSettings(batch_size=6))
    # questions 1 to 3 in both orders are one batch: four have an answer
    assert len(records(tmp_path)) == (4 if kind is Singly else 0)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    findings(FakeJudge(longer), tmp_path)
    path = tmp_path / JUDGED_FILE
    lines = path.read_text("utf-8").splitlines()
    path.write_text("\n".join([lines[0], "{}", *lines[1:]]) + "\n", "utf-8")
    with pytest.raises(DataError, match=r"judged.jsonl:2: not a judge's record"):
        findings(FakeJudge(longer), tmp_path)
