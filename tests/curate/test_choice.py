"""Equal records go but one, and what differs in a number, a sign, a unit or a negation is not equal."""

from pathlib import Path

import numpy as np
import pytest

from doctorglm.conversation import Conversation, Message
from doctorglm.curate.choice import Choice, drop_copies

from .tables import table_of

Q = "高血压患者能吃党参吗？"
A = "高血压病人可以口服党参，平时注意低盐饮食。"


def left(*pairs: tuple[str, str], ids: str = "abcdefgh", held_out: str = "", folder: Path) -> list[str | None]:
    """Why each of these pairs goes."""
    talks = [
        Conversation(id=name, messages=(Message("user", asked), Message("assistant", said)))
        for name, (asked, said) in zip(ids, pairs, strict=False)
    ]
    choice = Choice.of_all(table_of(talks, folder / "store"))
    drop_copies(choice, np.array([talk.id in held_out for talk in talks]), texts=True)
    return [choice.why(number)["reason"] or None for number in range(len(talks))]


def test_the_second_copy_is_a_duplicate_whatever_its_spaces_and_marks(tmp_path: Path) -> None:
    copies = [(Q, A), (Q.replace("？", "?"), " " + A.replace("，", ", ")), (Q, A.replace("低", "少"))]
    assert left(*copies, folder=tmp_path) == [None, "duplicate", None]


def test_of_copies_the_held_out_one_stays_else_the_first_by_id(tmp_path: Path) -> None:
    assert left((Q, A), (Q, A), (Q, A), ids="cab", folder=tmp_path) == ["duplicate", None, "duplicate"]
    assert left((Q, A), (Q, A), (Q, A), ids="cab", held_out="b", folder=tmp_path) == ["duplicate", "duplicate", None]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("空腹血糖6.8，二甲双胍0.5g。", "空腹血糖16.8，二甲双胍0.5g。"),
        ("每次2.5片。", "每次25片。"),
        ("血压140/90。", "血压14090。"),
        ("体温-1℃。", "体温1℃。"),
        ("可以吃。", "不可以吃。"),
        ("每日5mg。", "每日5μg。"),
    ],
)
def test_a_number_a_sign_a_unit_or_a_negation_makes_another_record(one: str, other: str, tmp_path: Path) -> None:
    assert left((Q, one), (Q, other), folder=tmp_path) == [None, None]


def test_short_answers_are_duplicates_only_of_the_same_question(tmp_path: Path) -> None:
    pairs = [("能吃苹果吗", "可以"), ("能吃苹果吗", "不能吃"), ("能吃苹果吗？", "可以"), ("能喝牛奶吗", "可以")]
    assert left(*pairs, folder=tmp_path) == [None, None, "duplicate", None]


def test_a_copy_names_the_one_that_stays(tmp_path: Path) -> None:
    pairs = [("c", Q), ("a", Q), ("b", Q + "急"), ("d", Q)]
    talks = [Conversation(id=n, messages=(Message("user", asked), Message("assistant", A))) for n, asked in pairs]
    choice = Choice.of_all(table_of(talks, tmp_path / "store"))
    drop_copies(choice, np.zeros(4, bool), texts=True)
    assert choice.stands_for().tolist() == [1, 1, 2, 1]
    assert choice.why(3) == {"reason": "duplicate", "of": "a", "similarity": 1.0}
