"""Right translations that are free, and beside each a wrong one that the same rule still tells."""

import pytest

from doctorglm.translate.checks.denial import _both
from doctorglm.translate.checks.figures import chinese_figures, english_figures, ratios
from doctorglm.translate.checks.lexicon import own_rows
from doctorglm.translate.checks.terms import in_parts

from .conftest import Told

_RIGHT_AND_WRONG = [
    # a word that no list knows may be the English of what is left over; a known one is not
    ("The pain shoots to the foot.", "疼痛放射到足部。", "疼痛放射到手部。", ("term", "not_in_english")),
    # a wording in two parts, in either order
    ("My blood pressure is high.", "我有高血压。", "我有低血压。", ("term", "not_in_english")),
    ("I had a nosebleed.", "我鼻孔出血了。", "我耳朵出血了。", ("term", "term_missing")),
    # sayings
    ("I have butterflies in my stomach.", "我很紧张。", "我很不紧张。", ("negation", "negation_added")),
    ("He is left-handed.", "他是左撇子。", "他是右撇子。", ("laterality", "side_added")),
    # glosses
    ("Is MRI safe?", "做磁共振成像（MRI）检查安全吗？", "做胃镜检查安全吗？", ("term", "not_in_english")),
    ("He has COPD.", "他有慢阻肺（慢性阻塞性肺疾病）。", "他有慢性肾病。", ("term", "term_missing")),
    # relatives named by others
    ("My sister's daughter has a rash.", "我外甥女出皮疹了。", "我侄子出皮疹了。", ("gender_person", "not_in_english")),
    # the clock, shares, amounts made of several
    ("Come at 2:30 p.m.", "请下午两点半来。", "请下午三点半来。", ("number", "number_missing")),
    ("Come at a quarter to three.", "请在差一刻三点来。", "请在差一刻五点来。", ("number", "number_added")),
    ("One in five feels dizzy.", "五分之一的人会头晕。", "四分之一的人会头晕。", ("number", "number_missing")),
    ("He is 5 feet 7 inches tall.", "他身高约 170 厘米。", "他身高约 180 厘米。", ("number", "number_added")),
    ("It took 18 months.", "用了一年半。", "用了两年半。", ("number", "number_missing")),
    (
        "She fell ill in the 1930s.",
        "她在二十世纪三十年代病了。",
        "她在二十世纪四十年代病了。",
        ("number", "number_added"),
    ),
    ("Drink 1.5 litres of water a day.", "每天喝水 1500 毫升。", "每天喝水 150 毫升。", ("number", "number_missing")),
    # what one denies and the other affirms
    ("Don't worry.", "请放心。", "请担心。", ("negation", "negation_lost")),
    ("It will get better without treatment.", "会自愈。", "经治疗会好转。", ("negation", "negation_lost")),
    ("Wounds should be kept dry.", "伤口不要沾水。", "伤口不要保持干燥。", ("negation", "negation_added")),
    ("He hurt himself by accident.", "他不小心弄伤了自己。", "他没有弄伤自己。", ("negation", "negation_added")),
    ("Do you smoke?", "你抽不抽烟？", "你不抽烟？", ("negation", "negation_added")),
    (
        "If it spreads, we will operate.",
        "如果扩散，我们会手术。",
        "如果不扩散，我们会手术。",
        ("negation", "negation_added"),
    ),
    (
        "Use it. If it spreads, don't stop.",
        "请使用。如果扩散，不要停。",
        "请使用。如果不扩散，不要停。",
        ("negation", "negation_added"),
    ),
    ("It usually goes away.", "它通常会消失。", "它通常会持续存在。", ("negation", "opposite")),
    # sides
    (
        "It is 120 both in the right arm and in the left arm.",
        "左右两臂都是 120。",
        "仅右臂是 120。",
        ("laterality", "side_missing"),
    ),
    (
        "The lymph nodes are swollen on both sides.",
        "双侧淋巴结肿大。",
        "一侧淋巴结肿大。",
        ("laterality", "both_to_one"),
    ),
    # a drug that holds a pronoun
    (
        "She is right. Take loratadine.",
        "她说得对。请服氯雷他定。",
        "他说得对。请服氯雷他定。",
        ("gender_person", "pronoun_added"),
    ),
    # names
    (
        "He works at the Milken Institute.",
        "他在米尔肯研究所工作。",
        "他在米尔肯研究所养狗。",
        ("gender_person", "not_in_english"),
    ),
]


@pytest.mark.parametrize(("english", "right", "wrong", "fault"), _RIGHT_AND_WRONG)
def test_the_free_one_is_right_and_the_other_is_told(
    told: Told, english: str, right: str, wrong: str, fault: tuple[str, str]
) -> None:
    assert told(english, right) == set()
    assert fault in told(english, wrong)


def test_a_wording_stands_in_two_parts_of_one_clause() -> None:
    assert in_parts("体重减轻", "我没能减轻体重。")
    assert in_parts("鼻出血", "鼻孔出血。")
    assert not in_parts("鼻出血", "鼻塞，牙龈出血。")
    assert not in_parts("结肠镜", "胃镜在升结肠发现息肉。")


@pytest.mark.parametrize(
    ("chinese", "value", "unit"),
    [("一年半", 1.5, "year"), ("一个半小时", 1.5, "hour"), ("一米八三", 1.83, "m"), ("三十八度五", 38.5, "°C")],
)
def test_chinese_numbers_with_their_unit_inside(chinese: str, value: float, unit: str) -> None:
    assert (value, unit) in {(one.value, u.name) for one in chinese_figures(chinese) for u in one.units}


def test_english_numbers_that_are_made_of_several() -> None:
    assert (67.0, "inch") in {(f.value, u.name) for f in english_figures("5 feet 7 inches") for u in f.units}
    assert 140.0 in {f.value for f in english_figures("one forty over ninety")}
    assert (3.0, "time") in {(f.value, u.name) for f in english_figures("every 8 hours") for u in f.units}
    assert [share for *_, share in ratios("1 in 1,000, and seven out of ten")] == [0.001, 0.7]


def test_denials_compile_and_sayings_ask_for_nothing() -> None:
    assert len(_both("lost")) > 50
    assert len(_both("added")) > 20
    sayings = [row for row in own_rows() if row.name == "idioms"]
    assert len(sayings) > 80
    assert not any(row.asks or row.kind for row in sayings)
    assert all(wording.startswith("~") for row in sayings for wording in row.chinese)


_STILL_TOLD = [
    # the first word of an answer denies what was asked, and nothing of the sentence
    (
        "No, the course does not have to be restarted.",
        "不用，疗程不需要重新开始。",
        "不用，疗程需要重新开始。",
        ("negation", "negation_lost"),
    ),
    # 非常 and 别的 answer no denial
    ("I have no pain.", "我一点都不疼。", "我非常疼。", ("negation", "negation_lost")),
    # what is denied must be what the English affirms
    ("I fell asleep in my lenses.", "我没摘镜片就睡着了。", "我戴着镜片没有睡着。", ("negation", "negation_added")),
    # whom the text names elsewhere
    (
        "My son is ill. Fever up to 40 since Monday.",
        "我儿子病了。星期一起，他发烧到 40 度。",
        "我儿子病了。星期一起，她发烧到 40 度。",
        ("gender_person", "pronoun_added"),
    ),
    # a child's sex
    (
        "My baby is hungry. He cries.",
        "我的男孩饿了。他哭。",
        "我的女孩饿了。他哭。",
        ("gender_person", "not_in_english"),
    ),
    # one character of a term
    ("My blood pressure was high.", "我血压高。", "我有低血压。", ("term", "not_in_english")),
]


@pytest.mark.parametrize(("english", "right", "wrong", "fault"), _STILL_TOLD)
def test_precise_rules_still_tell(told: Told, english: str, right: str, wrong: str, fault: tuple[str, str]) -> None:
    assert told(english, right) == set()
    assert fault in told(english, wrong)
