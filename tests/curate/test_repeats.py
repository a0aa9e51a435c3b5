"""Near-duplicates go, the best copy stays, and what says something else is none."""

import itertools
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest

from doctorglm.conversation import Conversation, Message
from doctorglm.curate.engines import Inline
from doctorglm.curate.pairs import jaccard
from doctorglm.curate.repeats import repeats
from doctorglm.curate.texts import shingles

from .tables import table_of

Q = "我有高血压这两天女婿来的时候给我拿了些党参泡水喝，您好高血压可以吃党参吗？"
A = "高血压病人可以口服党参，党参有降血脂、降血压的作用，平时注意低盐饮食，按时吃药，定期量血压并到心内科复诊。"


def talk(identifier: str, question: str, answer: str) -> Conversation:
    return Conversation(id=identifier, messages=(Message("user", question), Message("assistant", answer)))


def gone(*conversations: Conversation, threshold: float = 0.8) -> list[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        table = table_of(conversations, Path(folder) / "store")
        found = repeats(table, np.arange(len(table)), threshold, Inline(), Path(folder))
        return [(table.id(r.number), table.id(r.of)) for r in found]


def test_the_longer_of_two_copies_stays_whatever_their_order() -> None:
    one, other = talk("a", Q, A), talk("b", Q, A[:-1] + "，祝好。")
    assert gone(one, other) == gone(other, one) == [("a", "b")]


def test_a_machine_spun_copy_goes() -> None:
    spun = talk("b", Q, A.replace("注意", "留意歇息").replace("按时吃药", "按时服食药")[:-1] + "，谢谢。")
    assert jaccard(shingles(Q + "\n" + A), shingles(Q + "\n" + spun.answers)) > 0.6
    assert gone(spun, talk("a", Q, A), threshold=0.6) == [("b", "a")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("空腹血糖6.8", "空腹血糖16.8"),
        ("二甲双胍0.5g", "二甲双胍0.5mg"),
        ("可以吃", "不可以吃"),
        ("每日3次", "每日3片"),
        ("血压140/90", "血压140/80"),
    ],
)
def test_a_number_a_unit_or_a_negation_vetoes(one: str, other: str) -> None:
    assert gone(talk("a", Q, A + one + "。"), talk("b", Q, A + other + "。")) == []


def test_short_answers_that_agree_stay_and_a_long_one_under_other_questions_goes() -> None:
    assert gone(talk("a", Q, "可以吃。"), talk("b", "糖尿病患者能不能喝牛奶呢，早上喝一杯行吗？", "可以吃。")) == []
    assert gone(talk("a", Q, A * 2), talk("b", "糖尿病患者能不能喝牛奶呢，早上喝一杯行吗？", A * 2)) == [("a", "b")]


def test_the_pairs_are_those_of_brute_force() -> None:
    draw = random.Random(0)
    words = [
        "头痛",
        "发热",
        "咳嗽",
        "检查",
        "建议",
        "休息",
        "饮食",
        "医生",
        "复诊",
        "注意",
        "治疗",
        "血压",
        "血糖",
        "胃炎",
    ]
    talks = []
    for group in range(40):
        text = [draw.choice(words) for _ in range(40)]
        for copy in range(3):
            changed = [draw.choice(words) if draw.random() < 0.02 * copy else word for word in text]
            talks.append(talk(f"{group}-{copy}", "".join(changed[:15]), "".join(changed[15:]) + "。"))
    sets = {c.id: shingles(f"{c.questions}\n{c.answers}") for c in talks}
    near = {frozenset((a, b)) for a, b in itertools.combinations(sets, 2) if jaccard(sets[a], sets[b]) >= 0.8}
    found = gone(*talks)
    together = {member for pair in near for member in pair}
    assert {one for one, _ in found} <= together
    assert {one for pair in found for one in pair} == together
