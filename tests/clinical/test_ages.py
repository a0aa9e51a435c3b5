"""Ages, and what is none."""

import pytest

from doctorglm.clinical.ages import DAYS_A_MONTH, DAYS_A_YEAR, ages

Y, M = DAYS_A_YEAR, DAYS_A_MONTH


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("小儿3岁，咳嗽3个月", 3 * Y),
        ("一岁五个月", Y + 5 * M),
        ("2岁半", 2.5 * Y),
        ("宝宝七个月大", 7 * M),
        ("我女儿28个月", 28 * M),
        ("女宝3个月10天", 3 * M + 10),
        ("五个月男婴", 5 * M),
        ("宝宝两个半月", 2.5 * M),
        ("出生20天", 20),
        ("宝宝45天", 45),
        ("20 days old", 20),
        ("a 65-year-old man", 65 * Y),
        ("65 y/o", 65 * Y),
        ("today she is 7 months old", 7 * M),
        ("今年65", 65 * Y),
        ("年龄：28，女", 28 * Y),
        ("七十二歲老人", 72 * Y),
        ("新生儿黄疸科普外的新生儿", 28),
    ],
)
def test_an_age(text: str, days: float) -> None:
    (age,) = ages(text)
    assert age.days == pytest.approx(days)
    assert age.years == pytest.approx(days / 365.25)
    assert text[age.start : age.end] == age.text


@pytest.mark.parametrize(
    "text",
    [
        "孕28周大",
        "咳嗽3个月",
        "3个月前",
        "怀孕3个月",
        "3月5日发烧",
        "孩子咳嗽20天",
        "宝宝3天没拉大便",
        "产后42天",
        "300岁的树",
        "吃了2周药",
        "",
    ],
)
def test_no_age(text: str) -> None:
    assert ages(text) == []


def test_a_newborn_has_a_bound_only() -> None:
    (age,) = ages("新生儿发热")
    assert age.is_at_most and age.days == 28
