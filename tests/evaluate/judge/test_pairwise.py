"""Pairs judged in both orders: what counts as a win, what the biases of a judge look like, and two judges."""

import json
from pathlib import Path

import pytest

from doctorglm.errors import ConfigError, DataError
from doctorglm.evaluate.judge import JudgeSettings, PairwiseSummary, Transcript, judge_pairs
from doctorglm.evaluate.judge.pairwise import PAIRWISE_FILE
from doctorglm.evaluate.statistics import share_interval

from .kit import OURS, THEIRS, FakeJudge, Say, block, longer, transcript, verdict

# six pairs: ours longer in three, theirs in one, equally long once, identical once
ITEMS = [
    transcript(1, "多喝水，注意休息。", "休息。"),
    transcript(2, "建议到神经内科就诊。", "多喝水。"),
    transcript(3, "头痛持续请就医。", "不要紧。"),
    transcript(4, "休息。", "多喝水，注意休息。"),
    transcript(5, "多喝水。", "多休息。"),
    transcript(6, "多喝水。", "多喝水。 "),
]


def judged(say: Say, out: Path, items: list[Transcript] = ITEMS, **settings: object) -> PairwiseSummary:
    return judge_pairs(items, FakeJudge(say), OURS, THEIRS, out, settings=JudgeSettings(**settings))  # type: ignore[arg-type]


def test_a_consistent_judge(tmp_path: Path) -> None:
    summary = judged(longer, tmp_path)
    (found,) = summary.judges
    assert (summary.pairs, summary.identical) == (6, 1)
    assert (found.wins, found.ties, found.losses, found.disagreements, found.unjudged) == (3, 2, 1, 0, ())
    assert found.win_rate is not None and found.win_rate.n == 6
    assert found.win_rate.value == pytest.approx((3 + 2 / 2) / 6)
    # two-sided sign test of 3 against 1: 2 (C(4,0) + C(4,1)) / 2^4
    assert found.p == pytest.approx(10 / 16)
    assert found.first_place is not None and found.first_place.value == 0.5
    assert found.self_agreement == share_interval([True] * 5)
    assert found.longer_wins == share_interval([True] * 4)
    assert (found.calls.questions, found.calls.asked, found.calls.again, found.calls.known) == (10, 10, 0, 0)


def test_a_judge_that_always_prefers_the_first_place_is_found_out(tmp_path: Path) -> None:
    (found,) = judged(lambda _: verdict("A"), tmp_path).judges
    assert found.first_place is not None and found.first_place.value == 1.0
    assert found.first_place.low is not None and 0.5 < found.first_place.low < 1
    assert found.win_rate is not None and found.win_rate.value == 0.5
    assert (found.wins, found.losses, found.ties, found.disagreements) == (0, 0, 6, 5)
    assert found.self_agreement is not None and found.self_agreement.value == 0.0
    assert found.p == 1.0 and found.longer_wins is None


def test_a_judge_that_contradicts_itself_on_some_pairs(tmp_path: Path) -> None:
    def wavers(prompt: str) -> str:
        return verdict("B") if "头痛 2 天" in prompt else longer(prompt)

    (found,) = judged(wavers, tmp_path).judges
    assert (found.wins, found.ties, found.losses, found.disagreements) == (2, 3, 1, 1)
    assert found.self_agreement == share_interval([True] * 4 + [False])
    # of 8 verdicts for a place (the fifth pair has none), 3 are for the first: one in each pair that is consistent
    assert found.first_place is not None and found.first_place.value == pytest.approx(3 / 8)


def test_half_a_win_is_a_tie(tmp_path: Path) -> None:
    def half(prompt: str) -> str:
        return verdict("A" if block(prompt, "回答A").startswith("建议") else "tie")

    (found,) = judged(half, tmp_path).judges
    assert (found.wins, found.ties, found.losses, found.disagreements) == (0, 6, 0, 1)


def test_longer_answers_that_lose_are_seen(tmp_path: Path) -> None:
    def shorter(prompt: str) -> str:
        return longer(prompt).replace('"A"', '"x"').replace('"B"', '"A"').replace('"x"', '"B"')

    (found,) = judged(shorter, tmp_path).judges
    assert (found.wins, found.losses) == (1, 3)
    assert found.longer_wins == share_interval([False] * 4)


def test_an_unjudged_pair_is_listed_and_in_no_figure(tmp_path: Path) -> None:
    def fails(prompt: str) -> str:
        unreadable = "头痛 1 天" in prompt and block(prompt, "回答A") == "休息。"
        return "都不错。" if unreadable else longer(prompt)

    (found,) = judged(fails, tmp_path).judges
    assert found.unjudged == ("dialogue/q1",)
    assert (found.wins, found.ties, found.losses) == (2, 2, 1)
    assert found.win_rate is not None and found.win_rate.n == 5
    assert found.calls.again == 1


def test_a_judge_that_only_talks_leaves_no_figures(tmp_path: Path) -> None:
    (found,) = judged(lambda _: "都不错。", tmp_path, ITEMS[:3]).judges
    assert found.unjudged == ("dialogue/q1", "dialogue/q2", "dialogue/q3")
    assert found.win_rate is found.p is found.first_place is found.self_agreement is None
    assert (found.calls.asked, found.calls.again) == (12, 6)


def test_two_judges_and_their_kappa(tmp_path: Path) -> None:
    ours, theirs = (
        FakeJudge(longer, "one"),
        FakeJudge(lambda p: verdict("tie") if "头痛 1 天" in p else longer(p), "two"),
    )
    summary = judge_pairs(ITEMS, ours, OURS, THEIRS, tmp_path, second_judge=theirs)
    assert [f.judge for f in summary.judges] == ["one", "two"]
    assert len(ours.prompts) == len(theirs.prompts) == 10, "neither takes the other's verdicts for its own"
    assert summary.between_judges is not None and summary.between_judges.kappa is not None
    assert summary.between_judges.share == share_interval([True] * 4 + [False])
    # by hand on five pairs: po = 4/5; pe = (3*2 + 1*2 + 1*1)/25
    assert summary.between_judges.kappa.value == pytest.approx((4 / 5 - 9 / 25) / (1 - 9 / 25))


def test_the_summary_stands_as_json(tmp_path: Path) -> None:
    summary = judged(longer, tmp_path)
    told = json.loads((tmp_path / PAIRWISE_FILE).read_text("utf-8"))
    assert told == json.loads(json.dumps(summary.to_dict()))
    assert told["judges"][0]["win_rate"]["value"] == pytest.approx(4 / 6)
    assert told["first"] == OURS and told["between_judges"] is None


def test_the_reference_is_shown_where_that_is_wished(tmp_path: Path) -> None:
    judge = FakeJudge(longer)
    judge_pairs(ITEMS, judge, OURS, THEIRS, tmp_path, settings=JudgeSettings(show_reference=True))
    assert all(block(p[-1].content, "参考回答") == "多休息。" for p in judge.prompts)


def test_the_judge_is_asked_in_its_language_at_temperature_0(tmp_path: Path) -> None:
    judge = FakeJudge(lambda _: verdict("tie"))
    settings = JudgeSettings(language="en", max_new_tokens=99, batch_size=4, seed=3)
    judge_pairs(ITEMS, judge, OURS, THEIRS, tmp_path, settings=settings)
    assert all("strict and fair judge" in told and "【answer A·" in told for told in judge.told)
    assert {(s.temperature, s.max_new_tokens, s.seed) for s in judge.sampling} == {(0.0, 99, 3)}
    assert judge.batches == 3, "10 questions in batches of 4"


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    judge = FakeJudge(longer)
    with pytest.raises(DataError, match=r"item dialogue/q1 has no answer of other; there are answers of"):
        judge_pairs(ITEMS, judge, OURS, "other", tmp_path)
    with pytest.raises(ConfigError, match="given twice"):
        judge_pairs(ITEMS, judge, OURS, OURS, tmp_path)
    with pytest.raises(ConfigError, match="given twice"):
        judge_pairs(ITEMS, judge, OURS, THEIRS, tmp_path, second_judge=FakeJudge(longer))
    assert judge.prompts == []
