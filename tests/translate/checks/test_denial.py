"""Denials, their scope, and opposites."""

import pytest

from .conftest import Told


@pytest.mark.parametrize(
    ("english", "right", "wrong"),
    [
        ("She has no rash.", "她没有皮疹。", "她有皮疹。"),
        ("She has a rash.", "她有皮疹。", "她没有皮疹。"),
        ("I deny chest pain.", "我没有胸痛。", "我有胸痛。"),
        ("It is not uncommon.", "这很常见。", "这不常见。"),
        ("He went home without a cough or wheezing.", "他回家时没有咳嗽，也没有喘鸣。", "他回家时没有咳嗽，有喘鸣。"),
        ("Do not stop the tablets.", "不要停药。", "请停药。"),
        ("You may eat before the test.", "检查前可以进食。", "检查前不可以进食。"),
        ("The culture was negative.", "培养为阴性。", "培养为阳性。"),
        ("The level is above 8 mmol/L.", "水平高于 8 mmol/L。", "水平低于 8 mmol/L。"),
        ("The pain got worse.", "疼痛加重了。", "疼痛减轻了。"),
        ("Use it even if you feel well.", "即使感觉良好也要用。", "如果感觉良好就用。"),
        ("The test was done to rule out cancer.", "做检查是为了排除癌症。", "做检查是为了确诊癌症。"),
        ("Take at least 2 tablets.", "至少吃 2 片。", "最多吃 2 片。"),
        ("The dose is enough.", "剂量足够。", "剂量不够。"),
        ("It is not yet healed.", "还没有愈合。", "已经愈合。"),
    ],
)
def test_what_is_turned_round(told: Told, english: str, right: str, wrong: str) -> None:
    assert told(english, right) == set()
    assert "negation" in {kind for kind, _ in told(english, wrong)}


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Avoid alcohol.", "不要喝酒。"),
        ("I have insomnia.", "我失眠。"),
        ("Don't hesitate to call.", "请随时打电话。"),
        ("The skin looks blotchy.", "皮肤颜色不均匀。"),
        ("I feel unwell.", "我不舒服。"),
        ("The baby is afebrile.", "宝宝不发烧。"),
        ("It is not severe.", "病情较轻。"),
    ],
)
def test_what_both_say_in_their_own_way(told: Told, english: str, chinese: str) -> None:
    assert told(english, chinese) == set()


@pytest.mark.parametrize(
    ("english", "right", "wrong"),
    [
        ("Take it before breakfast.", "早餐前服用。", "早餐后服用。"),
        ("Use it once a day.", "每天用一次。", "每周用一次。"),
        ("Put it on at night.", "夜间使用。", "白天使用。"),
        ("Take it by mouth.", "口服。", "静脉注射。"),
        ("It is a first attack.", "这是第一次发作。", "这是第二次发作。"),
    ],
)
def test_when_and_how_it_is_taken(told: Told, english: str, right: str, wrong: str) -> None:
    assert told(english, right) == set()
    assert {"unit_or_dose", "number"} & {kind for kind, _ in told(english, wrong)}


def test_a_clause_that_alone_is_denied(told: Told) -> None:
    english = "I do not smoke, and I drink."
    assert told(english, "我不吸烟，喝酒。") == set()
    assert ("negation", "negation_added") in told(english, "我不吸烟，也不喝酒。")


def test_before_and_after_where_both_are_said(told: Told) -> None:
    english = "Take it before meals, not after meals."
    assert told(english, "饭前服用，不要饭后服用。") == set()
    assert ("unit_or_dose", "opposite") in told(english, "饭后服用，不要饭后服用。")
