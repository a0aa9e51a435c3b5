"""What right translations taught the checks to leave alone, beside an error of that kind that is still told."""

import pytest

from .conftest import Told

_ADDED = ("drug", "not_in_english")


@pytest.mark.parametrize(
    ("english", "right", "wrong", "fault"),
    [
        (
            "Weigh her every morning after the toilet.",
            "每天早晨上厕所之后给她称体重。",
            "每天晚上上厕所之后给她称体重。",
            ("unit_or_dose", "opposite"),
        ),
        (
            "Fasting it is 5.4 to 5.8, one hour after meals 6.9.",
            "空腹 5.4 至 5.8，餐后一小时 6.9。",
            "空腹 5.4 至 5.9，餐后一小时 6.9。",
            ("number", "number_added"),
        ),
        (
            "Wait 5 minutes between the two drops.",
            "两种滴眼液之间等 5 分钟。",
            "两种滴眼液之间等 5 小时。",
            ("unit_or_dose", "unit"),
        ),
        (
            "Walk for 30 minutes on five days a week.",
            "每周五天，每天走 30 分钟。",
            "每周四天，每天走 30 分钟。",
            ("number", "number_added"),
        ),
        (
            "Drink two and a half litres a day.",
            "每天喝两升半水。",
            "每天喝三升半水。",
            ("number", "number_added"),
        ),
        (
            "The test isn't until Thursday.",
            "检查要到周四。",
            "检查要到周二。",
            ("number", "not_in_english"),
        ),
        (
            "Never take steroids without telling the doctor.",
            "用激素之前，一定要告诉医生。",
            "可以用激素，告诉医生。",
            ("negation", "negation_lost"),
        ),
        (
            "Dinner is at 6 pm.",
            "晚上 6 点吃晚饭。",
            "上午 6 点吃晚饭。",
            ("number", "not_in_english"),
        ),
        (
            "My hubby is well.",
            "我老公很好。",
            "我老婆很好。",
            ("gender_person", "not_in_english"),
        ),
    ],
)
def test_right_and_wrong(told: Told, english: str, right: str, wrong: str, fault: tuple[str, str]) -> None:
    assert told(english, right) == set()
    assert fault in told(english, wrong)


def test_a_drug_may_be_what_an_unknown_word_names(told: Told) -> None:
    assert _ADDED not in told("Take your zorbatrine before meals.", "饭前服用二甲双胍。")
    assert _ADDED in told("Take this before meals.", "饭前服用二甲双胍。")
