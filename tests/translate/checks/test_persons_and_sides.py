"""Who is spoken of, and on which side."""

import pytest

from .conftest import Told


@pytest.mark.parametrize(
    ("english", "right", "wrong"),
    [
        ("She has a cough.", "她咳嗽。", "他咳嗽。"),
        ("I have a cough.", "我咳嗽。", "她咳嗽。"),
        ("He told me that I need surgery.", "他告诉我，我需要手术。", "他告诉我，他需要手术。"),
        ("My sister takes insulin.", "我姐姐在用胰岛素。", "我嫂子在用胰岛素。"),
        ("My mother-in-law is deaf.", "我岳母耳聋。", "我岳父耳聋。"),
        ("You have a hernia.", "您有疝气。", "我有疝气。"),
    ],
)
def test_another_person(told: Told, english: str, right: str, wrong: str) -> None:
    assert told(english, right) == set()
    assert "gender_person" in {kind for kind, _ in told(english, wrong)}


@pytest.mark.parametrize(
    ("english", "right", "wrong"),
    [
        ("My right hip hurts.", "我右髋痛。", "我左髋痛。"),
        ("The left kidney is larger than the right.", "左肾比右肾大。", "右肾比左肾大。"),
        ("Both ears are red.", "双耳发红。", "左耳发红。"),
        ("The rash is on my left arm.", "皮疹在我左臂上。", "皮疹在我双臂上。"),
        ("The lower eyelid is swollen.", "下眼睑肿了。", "上眼睑肿了。"),
        ("It hurts on the inner side of the knee.", "膝盖内侧痛。", "膝盖外侧痛。"),
    ],
)
def test_another_side(told: Told, english: str, right: str, wrong: str) -> None:
    assert told(english, right) == set()
    assert "laterality" in {kind for kind, _ in told(english, wrong)}


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("I recommend trying ibuprofen.", "我建议您试试布洛芬。"),
        ("Take bumetanide.", "请服用布美他尼。"),
        ("Use ketotifen or olopatadine.", "使用酮替芬或奥洛他定。"),
    ],
)
def test_who_is_addressed_and_what_only_sounds_like_a_person(told: Told, english: str, chinese: str) -> None:
    assert "gender_person" not in {kind for kind, _ in told(english, chinese)}


def test_upper_and_lower_behind_a_side(told: Told) -> None:
    assert ("laterality", "upper_and_lower") in told("The upper left molar hurts.", "左下磨牙痛。")


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Come right away.", "请马上来。"),
        ("He left the clinic.", "他离开了诊所。"),
        ("It takes about 10 days.", "大约十天左右。"),
        ("She takes levofloxacin.", "她在吃左氧氟沙星。"),
        ("The knees hurt.", "双膝疼痛。"),
        ("My baby won't sleep. What should I do with him?", "我的宝宝不睡觉，该怎么办？"),
        ("One should rest.", "应当休息。"),
    ],
)
def test_what_only_looks_like_a_side_or_a_person(told: Told, english: str, chinese: str) -> None:
    assert told(english, chinese) == set()
