"""Numbers, units, doses, dates: what is lost, added, exchanged or has another unit."""

import pytest

from doctorglm.translate.checks.amounts import faults, unit_faults
from doctorglm.translate.checks.figures import chinese_figures, english_figures


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("twenty-four hours", [24]),
        ("two hundred and five patients", [205]),
        ("1.5 million cases", [1_500_000]),
        ("between 10 and 20 mg", [10, 20]),
        ("L4, B12 and COVID-19", []),
        ("on 3 March 2021", [3, 2021]),
    ],
)
def test_english_numbers_that_must_be_kept(text: str, values: list[float]) -> None:
    assert [one.value for one in english_figures(text) if one.hard] == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("一百二十五毫克", [125]),
        ("三分之一的患者", [1 / 3]),
        ("百分之五", [5]),
        ("五成", [50]),
        ("24 万 4890", [244_890]),
        ("两三天", [2, 3]),
        ("一直十分万一千万不要", []),
        ("双氯芬酸和三叉神经", []),
        ("现在九点一刻", [9]),
    ],
)
def test_chinese_numbers(text: str, values: list[float]) -> None:
    assert [one.value for one in chinese_figures(text) if one.hard] == pytest.approx(values)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Take 1,000 mg.", "服用 1 克。"),
        ("It is 12 mm wide.", "宽 1.2 厘米。"),
        ("for a fortnight", "两周"),
        ("for a day and a half", "36 小时"),
        ("Half of them recovered.", "50% 的人康复了。"),
        ("2 p.m.", "14 点"),
        ("on the first of May", "5 月 1 日"),
        ("two antihistamines", "两种抗组胺药"),
        ("98.6 °F", "98.6 华氏度"),
        ("It is 6 feet long.", "长 6 英尺（约 1.8 米）。"),
        ("from 200 to 400 mg", "200 至 400 毫克"),
        ("24 beats per minute", "每分钟 24 次"),
    ],
)
def test_what_is_the_same_amount(english: str, chinese: str) -> None:
    assert list(faults(english, chinese)) == []


@pytest.mark.parametrize(
    ("english", "chinese", "reason"),
    [
        ("Take 10 mg.", "服用 100 mg。", "number_missing"),
        ("She is 36.", "她 63 岁。", "number_missing"),
        ("two antihistamines", "三种抗组胺药", "number_added"),
        ("It fell from 9.2% to 7.1%.", "从 7.1% 降到 9.2%。", "exchanged"),
        ("The pressure was 150/95.", "血压为 95/150。", "exchanged"),
        ("the disc at L4", "L5 椎间盘", "name_with_digits"),
    ],
)
def test_what_is_another_amount(english: str, chinese: str, reason: str) -> None:
    assert reason in {fault.reason for fault in faults(english, chinese)}


@pytest.mark.parametrize(
    ("english", "right", "wrong"),
    [
        ("Take 5 mg.", "服用 5 mg。", "服用 5 g。"),
        ("for 3 weeks", "3 周", "3 天"),
        ("38 °C", "38 ℃", "38 °F"),
        ("I gave him 5 ml of Calpol.", "我给他喂了 5 毫升Calpol。", "我给他喂了 5 升Calpol。"),
        ("for two to four weeks", "两到四周", "两到四天"),
        ("One or two months later", "再过一两个月", "再过一两天"),
    ],
)
def test_what_has_another_unit(english: str, right: str, wrong: str) -> None:
    assert list(unit_faults(english, right)) == []
    assert "unit" in {fault.reason for fault in unit_faults(english, wrong)}


def test_days_counted_from_today() -> None:
    assert list(faults("It began two nights ago.", "前天晚上开始的。")) == []
    assert [one.reason for one in faults("It began 3 days ago.", "前天开始的。")] == ["number_missing"]
