"""Faults of reading that right translations showed, each beside an error of its kind that is still told."""

import pytest

from .conftest import Told

_UNIT = ("unit_or_dose", "unit")


@pytest.mark.parametrize(
    ("english", "right", "wrong", "fault"),
    [
        # a number of a list has its own unit there, not that of the next
        ("I'm 39, 104 kg and tired.", "我 39 岁，104 公斤，很累。", "我 39 岁，104 磅，很累。", _UNIT),
        ("I'm 35 and 33 weeks pregnant.", "我 35 岁，怀孕 33 周。", "我 35 岁，怀孕 33 天。", _UNIT),
        ("It rose from 118 to 141 µmol/L.", "从 118 升高到 141 µmol/L。", "从 118 升高到 141 mg/dL。", _UNIT),
        ("He wets the bed five nights a week.", "他一周有五个晚上尿床。", "他一周有五个月尿床。", _UNIT),
        # every week is not said by every night and six weeks
        (
            "Wear it every night for 6 weeks.",
            "每晚佩戴，持续 6 周。",
            "每周佩戴，持续 6 周。",
            ("unit_or_dose", "not_in_english"),
        ),
        # years and dioptres
        ("She has coughed since '98.", "她从 1998 年起咳嗽。", "她从 1989 年起咳嗽。", ("number", "number_added")),
        ("I wear -3 in both eyes.", "我双眼近视 300 度。", "我双眼近视 500 度。", ("number", "number_added")),
        # denials
        (
            "There is no pain and my vision is normal.",
            "没有疼痛，视力正常。",
            "有疼痛，视力正常。",
            ("negation", "negation_lost"),
        ),
        (
            "Do not take metoprolol without a prescription.",
            "没有处方请不要服用美托洛尔。",
            "没有处方可以服用美托洛尔。",
            ("negation", "negation_lost"),
        ),
        (
            "Your periods become irregular.",
            "您的月经变得不规则。",
            "您的月经变得规则。",
            ("negation", "opposite"),
        ),
        # sides
        (
            "Pain in my right hip; the other side is fine.",
            "右髋痛，左侧没事。",
            "左髋痛，右侧没事。",
            ("laterality", "side_added"),
        ),
        (
            "My lower left wisdom tooth hurts.",
            "我的左下智齿疼。",
            "我的左上智齿疼。",
            ("laterality", "upper_and_lower"),
        ),
        ("Sleep on your back.", "请仰卧睡。", "请俯卧睡。", ("laterality", "opposite")),
        # persons
        ("17yo male with acne.", "17 岁男生，有痤疮。", "17 岁女生，有痤疮。", ("gender_person", "not_in_english")),
        (
            "My mum had depression.",
            "我妈得过抑郁症。",
            "我得过抑郁症。",
            ("gender_person", "term_missing"),
        ),
        (
            "Daughter 16 took an elbow to the head.",
            "女儿 16 岁，头上挨了一肘。",
            "我 16 岁，头上挨了一肘。",
            ("gender_person", "term_missing"),
        ),
        # one word in another's place, though it is said elsewhere
        (
            "Open the fingers, starting from the wrist. Support the shoulder.",
            "从手腕开始张开手指。支撑肩膀。",
            "从肩膀开始张开手指。支撑肩膀。",
            ("term", "term_missing"),
        ),
    ],
)
def test_right_and_wrong(told: Told, english: str, right: str, wrong: str, fault: tuple[str, str]) -> None:
    assert told(english, right) == set()
    assert fault in told(english, wrong)


def test_an_evening_is_not_even(told: Told) -> None:
    english = "The last dose is on Sunday evening if polyps are removed."
    assert told(english, "如果切除息肉，最后一剂在周日晚上。") == set()


def test_a_sentence_that_is_put_quite_otherwise_is_not_added(told: Told) -> None:
    english = "I can walk but it locks when I go downstairs. I'm 29, otherwise fit. Do I need an MRI or will it heal?"
    chinese = "走路还行，但下楼时会卡住。我29岁，平时身体很好。要不要做磁共振？还是自己养养就能好？"
    assert ("addition", "sentence_added") not in told(english, chinese)
    assert ("addition", "sentence_added") in told(english, f"{chinese}请每天服用两片阿司匹林，并做胃镜检查。")
