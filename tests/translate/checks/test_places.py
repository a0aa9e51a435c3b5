"""Things of one kind that changed places."""

import pytest

from .conftest import Told

_MOVED = ("order", "exchanged")


@pytest.mark.parametrize(
    ("english", "right", "wrong"),
    [
        (
            "Have the third dose 8 weeks after the second and 16 weeks after the first.",
            "第三针与第二针至少间隔 8 周，与第一针间隔 16 周。",
            "第三针与第二针至少间隔 16 周，与第一针间隔 8 周。",
        ),
        (
            "It began on Monday, and by Thursday I could not walk.",
            "星期一开始的，到星期四我就走不了路了。",
            "星期四开始的，到星期一我就走不了路了。",
        ),
        (
            "Take it one hour after breakfast and drink nothing for 30 minutes.",
            "早餐后一小时服用，30 分钟内不要喝东西。",
            "",
        ),
        (
            "Weight is 3.9 kg, it was 4.1 kg last week.",
            "体重 3.9 公斤，上周是 4.1 公斤。",
            "体重 4.1 公斤，上周是 3.9 公斤。",
        ),
    ],
)
def test_amounts_and_days(told: Told, english: str, right: str, wrong: str) -> None:
    assert told(english, right) == set()
    assert not wrong or _MOVED in told(english, wrong)


def test_a_clause_that_moves_takes_its_numbers_along(told: Told) -> None:
    assert _MOVED not in told("Give 2 tablets to adults aged 18 or older.", "18 岁或以上的成人服 2 片。")
    assert _MOVED not in told("He gets up 4 or 5 times a night.", "他一夜起来四五次。")


def test_the_year_of_a_date_stands_in_front(told: Told) -> None:
    assert _MOVED not in told("Of 300 people, 12 fell ill by April 2020.", "截至 2020 年 4 月，300 人中有 12 人生病。")


def test_readings_go_with_their_names(told: Told) -> None:
    english = "ALT 96, AST 51, GGT 130; the ferritin is fine."
    assert told(english, "ALT 96，AST 51，GGT 130；铁蛋白正常。") == set()
    assert _MOVED in told(english, "ALT 51，AST 96，GGT 130；铁蛋白正常。")


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Of 40 patients with ARDS, 12 in 100 had PEEP.", "40 名 ARDS 患者中，每 100 人有 12 人用 PEEP。"),
        ("Exercises help 7 women in 10.", "锻炼对 10 名女性中的 7 名有帮助。"),
        ("On day 3 the CRP was 80.", "CRP 在第 3 天是 80。"),
        ("The CRP on 28 March, with IL-6, was 80.", "3 月 28 日的 CRP 与 IL-6：80。"),
    ],
)
def test_shares_and_days_change_places(told: Told, english: str, chinese: str) -> None:
    assert _MOVED not in told(english, chinese)
