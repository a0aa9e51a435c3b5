"""Denials that a translation turns over, and those that it keeps; planted into pairs that are right."""

from pathlib import Path

import pytest

from doctorglm.translate.negation import Flip, flips, sentences
from doctorglm.translate.pairs import read_pairs


@pytest.mark.parametrize(
    ("english", "chinese", "flip"),
    [
        ("I have no fever.", "我发烧。", Flip("term", "发烧", "english")),
        ("I have a fever.", "我没有发烧。", Flip("term", "发烧", "chinese")),
        ("Hypertension with no headache and fever", "高血压，没有头痛，但是发烧", Flip("term", "发烧", "english")),
        ("He has a cough but no headache.", "他没有咳嗽，但是头痛。", Flip("term", "咳嗽", "chinese")),
        ("Do not take it with milk.", "请与牛奶一起服用。", Flip("word", "not", "english")),
        ("You can't drive today.", "您今天可以开车。", Flip("word", "n't", "english")),
        ("Take it with milk.", "不要与牛奶一起服用。", Flip("word", "不", "chinese")),
        ("Take it. Do not drive.", "请服用。请开车。", Flip("word", "not", "english")),
    ],
)
def test_turned_over(english: str, chinese: str, flip: Flip) -> None:
    assert flip in flips(english, chinese)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("I have no fever and no cough.", "我没有发烧，也没有咳嗽。"),
        ("No chest pain, but a headache.", "没有胸痛，但是头痛。"),
        ("I feel uncomfortable.", "我感觉不舒服。"),
        ("Avoid alcohol.", "不要喝酒。"),
        ("Do not drink alcohol.", "避免饮酒。"),
        ("Not only fever but also cough", "不仅发烧，还咳嗽"),
        ("It is different.", "这不一样。"),
        ("Do you have a fever or not?", "你有没有发烧？"),
        ("That sounds good.", "听起来不错。"),
        ("Take it until you feel better.", "服用到不再难受为止。"),
        ("The test was negative.", "检查没有发现异常。"),
        ("A fever. A cough.", "发烧。咳嗽。"),
    ],
)
def test_kept(english: str, chinese: str) -> None:
    assert flips(english, chinese) == []


def test_sentences_are_compared_where_there_are_as_many() -> None:
    assert sentences("One. Two.", "一。二。") == [("One.", "一。"), ("Two.", "二。")]
    assert sentences("One. Two.", "一，二。") == [("One. Two.", "一，二。")]


def test_few_of_a_professional_translation_are_told(shared: Path) -> None:
    pairs = list(read_pairs(shared / "data/translation/medical_tico19.jsonl.gz"))
    assert sum(bool(flips(pair.english, pair.chinese)) for pair in pairs) <= 0.02 * len(pairs)
