"""Cleaning removes what is empty of meaning, counts it, and changes nothing else."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.conversation import Conversation, Message, Role
from doctorglm.curate.clean import clean, tidy


def cleaned(*turns: tuple[Role, str], drop: bool = True) -> tuple[list[tuple[str, str]], Counter[str]]:
    changes: Counter[str] = Counter()
    conversation = Conversation(id="x", messages=tuple(Message(role, text) for role, text in turns))
    return [(m.role, m.content) for m in clean(conversation, drop, changes).messages], changes


def answer(text: str) -> str:
    return cleaned(("user", "问"), ("assistant", text))[0][1][1]


BODY = "建议低盐饮食，按时复诊。"


@pytest.mark.parametrize(
    "tail",
    [
        "祝您早日康复！",
        "祝你身体健康。",
        "感谢您的咨询。",
        "感谢您的进行咨询，期望我的解释对你有所帮助。",
        "谢谢！",
        "希望以上的解答能帮到你。",
        "期望上述的答案可以协助到你，",
        "希望我的回答对您有所帮助，祝您健康，谢谢！",
    ],
)
def test_closing_formulas_go(tail: str) -> None:
    assert answer(BODY + tail) == BODY


def test_what_the_doctor_says_before_the_patient_goes_and_is_counted() -> None:
    turns, changes = cleaned(("system", "s"), ("assistant", "您好，请讲。"), ("user", "头痛"), ("assistant", BODY))
    assert [role for role, _ in turns] == ["system", "user", "assistant"]
    assert changes == {"dropped_opening": 1}
    alone, changes = cleaned(("assistant", BODY))
    assert alone == [("assistant", BODY)] and not changes


def test_the_sentence_before_a_formula_still_ends() -> None:
    assert answer("建议低盐饮食，按时复诊，祝您早日康复！") == "建议低盐饮食，按时复诊。"


@pytest.mark.parametrize(
    "text",
    [
        "祝您早日康复！",
        "不客气，祝您健康。",
        "手术后注意休息，这样才能早日康复。",
        "希望您到医院做检查，这对诊断有帮助作用，因此不要拖延。",
        "请先复查血压，以上意见仅供参考。",
        "血压140/90 mmHg，空腹血糖≥7.0 mmol/L，体温38.5℃，每次0.5g，每日2~3次。",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert answer(text) == text


def test_formulas_of_patients_and_formulas_that_are_wanted_stay() -> None:
    turns, changes = cleaned(("user", "头晕，怎么办？谢谢！"), ("assistant", BODY + "谢谢！"), drop=False)
    assert [text for _, text in turns] == ["头晕，怎么办？谢谢！", BODY + "谢谢！"]
    assert not changes
    assert cleaned(("user", "头晕，怎么办？谢谢！"), ("assistant", BODY))[0][0][1] == "头晕，怎么办？谢谢！"


def test_doubled_turns_are_merged_and_a_last_question_dropped() -> None:
    turns, changes = cleaned(
        ("user", "头晕"), ("user", "三天了"), ("assistant", "量血压"), ("assistant", "再看"), ("user", "好")
    )
    assert turns == [("user", "头晕\n三天了"), ("assistant", "量血压\n再看")]
    assert changes == {"merged_turns": 2, "dropped_unanswered_question": 1}


def test_a_question_without_any_answer_stays_for_the_filters() -> None:
    assert cleaned(("user", "头晕"))[0] == [("user", "头晕")]


def test_courtesies_are_counted() -> None:
    assert cleaned(("user", "问"), ("assistant", BODY + "祝您健康，谢谢！"))[1] == {"dropped_courtesies": 2}


def test_line_ends_and_invisible_marks() -> None:
    assert tidy("\ufeff 一\r\n二\r三\u2028四\u200b五 \n \n\n 六 ") == "一\n二\n三\n四五\n\n 六"


def test_chinese_marks_are_kept_apart() -> None:
    text = "忌烟、酒，辛辣；“甜食”（少量）——≤25 g/天…"
    assert tidy(text) == text


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"]), max_size=80)


@settings(deadline=None)
@given(PLAIN)
def test_tidying_plain_text_only_strips_it_and_once_is_enough(text: str) -> None:
    assert tidy(text) == text.strip()
    assert tidy(tidy(text)) == tidy(text)


@settings(deadline=None)
@given(st.lists(st.sampled_from([BODY, "祝您健康。", "谢谢！", "，", "多喝水，"]), min_size=1, max_size=8))
def test_cleaning_only_ever_shortens_from_the_end(parts: list[str]) -> None:
    text = "".join(parts)
    left = answer(text)
    assert text.startswith((left, left[:-1]))
    assert answer(left) == left
