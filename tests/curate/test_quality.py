"""The parts of the score say what they are named for, and the total is their weighted mean."""

import math

import pytest

from doctorglm.conversation import Conversation, Message
from doctorglm.curate.quality import WEIGHTS, Quality, score

Q = "体检发现甲状腺结节，要紧吗？"
VAGUE = "您好，甲状腺结节是很常见的，不用担心，平时注意休息，保持良好的心态，祝您健康，慢慢就会好的。"
GOOD = "大多不要紧，因为九成以上的甲状腺结节是良性的。建议查甲功，每年复查一次彩超；如果超过1厘米，再考虑穿刺。"


def of(*contents: str) -> Quality:
    roles = ("user", "assistant") * len(contents)
    messages = tuple(Message(role, text) for role, text in zip(roles, contents, strict=False))  # type: ignore[arg-type]
    return score(Conversation(id="x", messages=messages))


@pytest.mark.parametrize(
    "text", ["", "可以", GOOD, VAGUE, "。" * 50, "的" * 99, "see a doctor", "🙂", "\ud83d", "a" * 9999]
)
def test_all_is_between_0_and_1_and_the_total_is_the_weighted_mean(text: str) -> None:
    quality = of(Q, text)
    assert all(0 <= value <= 1 for value in [*quality.parts.values(), quality.total])
    by_hand = (
        0.05 * quality.length
        + 0.25 * quality.specificity
        + 0.15 * quality.relevance
        + 0.12 * quality.reasons
        + 0.08 * quality.asks_back
        + 0.15 * quality.safety
        + 0.17 * quality.fluency
        + 0.03 * quality.turns
    )
    assert quality.total == pytest.approx(by_hand)
    assert math.fsum(WEIGHTS.values()) == pytest.approx(1)
    assert list(quality.parts) == list(WEIGHTS)


def test_nothing_answered_is_worth_nothing() -> None:
    assert of(Q) == Quality(*[0.0] * 9)
    assert score(Conversation(id="x", messages=(Message("assistant", GOOD),))).total == 0


@pytest.mark.parametrize(
    ("part", "question", "better", "worse"),
    [
        ("length", Q, "长" * 60, "短" * 30),
        ("length", "Is it bad?", "word " * 60, "word " * 30),
        ("specificity", Q, GOOD, VAGUE),
        ("specificity", Q, "布洛芬0.4 g，每天两次，饭后吃。", "吃点药，看看效果，放心，会好的。"),
        ("relevance", Q, "不要紧，甲状腺结节多是良性的。", "胃镜能看到胃黏膜，四十岁以上查一次。"),
        ("relevance", "为什么会咳嗽？", "因为气道受了刺激，会咳嗽。", "咳嗽会好，会咳嗽几天。"),
        ("reasons", Q, GOOD, "不要紧，查彩超。"),
        ("asks_back", Q, "结节多大？以前查过吗？", GOOD),
        ("safety", "胸痛出冷汗二十分钟了", "马上打120。", "可能累了，休息一下，不用担心。"),
        ("safety", Q, GOOD, "没事的，放心。"),
        ("fluency", Q, GOOD, "患儿要积极救治，留意歇息，不定期复检，消化身体营养。"),
        ("fluency", Q, GOOD, "多查彩超多查彩超多查彩超，查彩超多查彩超多查彩超。"),
        ("fluency", Q, GOOD, "结节的是能够的自己的好的，但是的话的要的检查的。"),
        ("fluency", Q, GOOD, "结节。不怕。查一下。吃药。好。"),
    ],
)
def test_each_part_tells_the_better_from_the_worse(part: str, question: str, better: str, worse: str) -> None:
    assert of(question, better).parts[part] > of(question, worse).parts[part]


def test_length_saturates_and_a_letter_weighs_a_quarter_of_a_character() -> None:
    assert of(Q, "长" * 100).length == of(Q, "长" * 300).length == 1
    assert of(Q, "长" * 25).length == pytest.approx(0.25)
    assert of(Q, "a" * 100).length == pytest.approx(0.25)


def test_more_turns_are_worth_more_up_to_three() -> None:
    assert [of(*[Q, GOOD] * n).turns for n in (1, 2, 3, 4)] == pytest.approx([1 / 3, 2 / 3, 1, 1])


def test_one_dangerous_answer_among_good_ones_counts() -> None:
    assert of(Q, GOOD, "胸痛出冷汗", "不用担心，睡一觉就好。").safety == 0


def test_letter_case_does_not_count() -> None:
    assert of("b超", "查B超和CT。") == of("B超", "查b超和ct。")
