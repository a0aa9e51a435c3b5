"""Which numbers a translation keeps, each case with the answer that a reader would give."""

from itertools import pairwise
from pathlib import Path

import pytest

from doctorglm.translate.numbers import chinese_numbers, english_numbers, kept
from doctorglm.translate.pairs import read_pairs


def faults(english: str, chinese: str) -> list[tuple[str, float]]:
    return [(fault.reason, fault.number.value) for fault in kept(english, chinese)[1]]


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("a sugar of 126 mg/dL", "血糖126 mg/dL"),
        ("glucose of 126 mg/dL", "血糖为126毫克/分升（7.0 mmol/L）"),
        ("glucose 5.4 mmol/L (97 mg/dL)", "血糖5.4毫摩尔/升（97毫克/分升）"),
        ("50 mg for three days", "每次５０毫克，连服三天"),
        ("for 3 days", "三天"),
        ("two to three weeks", "两三周"),
        ("24-48 hours", "24到48小时"),
        ("24 to 48 hours", "24小时至48小时"),
        ("244,890 platelets", "血小板24万4890"),
        ("244,890 platelets", "血小板244890"),
        ("over 1.2 million people", "超过120万人"),
        ("5,000 steps", "五千步"),
        ("40% of patients", "百分之四十的患者"),
        ("50 percent", "五成"),
        ("type 2 diabetes", "Ⅱ型糖尿病"),
        ("a 45-year-old man", "45岁男性"),
        ("over 50 years", "50 多年"),
        ("a fever of 101 °F", "发烧到华氏101度"),
        ("120/80 mmHg", "120/80毫米汞柱"),
        ("twenty four hours", "24小时"),
        ("for a week", "1周"),
        ("in April", "4月"),
        ("vitamin B12, COVID-19, H1N1", "维生素，新冠，流感"),
        ("one of them", "其中之一"),
        ("2 tablets now and 2 tablets later", "先后各2片"),
    ],
)
def test_kept(english: str, chinese: str) -> None:
    assert faults(english, chinese) == []


@pytest.mark.parametrize(
    ("english", "chinese", "wanted"),
    [
        ("take 50 mg", "服用50克", [("unit", 50)]),
        ("take 50 mg", "服用50片", [("unit", 50)]),
        ("take 50 mg", "服用一些", [("missing", 50)]),
        ("take 0.5 g", "服用5克", [("missing", 0.5), ("added", 5)]),
        ("Platelets were 244,890", "血小板24,490", [("missing", 244890), ("added", 24490)]),
        ("glucose 126 mg/dL", "血糖7.0 mmol/L", [("converted", 126)]),
        ("glucose 126 mg/dL", "血糖0.7 mmol/L", [("missing", 126), ("added", 0.7)]),
        ("101 °F", "38.3 ℃", [("converted", 101)]),
        ("two weeks", "14天", [("converted", 2)]),
        ("two weeks", "几周", [("missing", 2)]),
        ("5 mL", "15毫升", [("missing", 5), ("added", 15)]),
        ("3 times", "三天", [("unit", 3)]),
        ("rest", "休息3天", [("added", 3)]),
        ("40%", "40", [("unit", 40)]),
        ("6 months", "6年", [("unit", 6)]),
        ("8 hours", "8天", [("unit", 8)]),
    ],
)
def test_not_kept(english: str, chinese: str, wanted: list[tuple[str, float]]) -> None:
    assert faults(english, chinese) == wanted


def test_the_unit_of_a_range_is_that_of_both_ends() -> None:
    assert [(n.value, n.unit) for n in english_numbers("10-20 mg, then 30")] == [(10, "mg"), (20, "mg"), (30, "")]


def test_numerals() -> None:
    assert [n.value for n in chinese_numbers("一百二，两千零五，三点五，十五六，半，3.5万，二十万")] == [
        120, 2005, 3.5, 15, 16, 0.5, 35_000, 200_000,
    ]  # fmt: skip


def test_nearly_all_of_a_professional_translation_is_kept(shared: Path) -> None:
    """What is told of TICO-19 is where its translators went another way (24/7, the 1957-58 outbreak)."""
    pairs = list(read_pairs(shared / "data/translation/medical_tico19.jsonl.gz"))
    counts = [kept(pair.english, pair.chinese) for pair in pairs]
    numbers = sum(n for n, _ in counts)
    lost = sum(fault.reason != "added" for _, found in counts for fault in found)
    assert numbers > 1000 and lost <= 0.02 * numbers
    other = [kept(one.english, two.chinese) for one, two in pairwise(pairs)]
    assert sum(fault.reason != "added" for _, found in other for fault in found) > 0.7 * numbers
