"""Texts that have little in common, however well they read."""

import pytest

from .conftest import Told

_LITTLE = ("adequacy", "little_in_common")
_ENGLISH = (
    "My father is 71 and has had a cough with yellow phlegm and a fever since Monday. He takes metformin for diabetes."
    " His chest hurts when he breathes in. Should he have an X-ray?"
)


@pytest.mark.parametrize(
    "chinese",
    [
        "我父亲71岁，从周一起咳嗽、咳黄痰、发烧。他因糖尿病服用二甲双胍。他吸气时胸痛。他应该拍X光片吗？",
        "我爸71了，周一开始咳黄痰，还发烧。有糖尿病，吃着二甲双胍。一吸气胸口就疼，要不要拍个片子？",
    ],
)
def test_right_ones_have_much_in_common(told: Told, chinese: str) -> None:
    assert _LITTLE not in told(_ENGLISH, chinese)


@pytest.mark.parametrize(
    "chinese",
    [
        "我女儿的膝盖肿了，昨天踢足球时扭到的。冰敷以后好一些。她可以吃布洛芬吗？要不要做磁共振？",
        "病毒的病毒在病毒的病例中，有人的人，以及在世界的疾病的传播和学校的健康。",
        "我们的公司在城市里有一百个工人，他们每天坐火车上班，晚上在家里看书、听音乐。",
    ],
)
def test_another_text_has_not(told: Told, chinese: str) -> None:
    assert _LITTLE in told(_ENGLISH, chinese)


def test_few_words_tell_nothing(told: Told) -> None:
    assert _LITTLE not in told("It hurts.", "很难受。")
