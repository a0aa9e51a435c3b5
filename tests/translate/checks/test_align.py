"""Sentences: which changed places, which are missing, which were added; lengths and ends."""

import pytest

from doctorglm.translate.checks.sentences import chinese_sentences, english_sentences

from .conftest import Told


def test_sentences() -> None:
    assert english_sentences("Dr. Li saw E. coli at 5 p.m. today. It grew.\n1. Rest.\n2. Drink.") == [
        "Dr. Li saw E. coli at 5 p.m. today.", "It grew.", "1. Rest.", "2. Drink.",
    ]  # fmt: skip
    assert chinese_sentences("他说：“好。”然后走了。\n1. 休息。") == ["他说：“好。”", "然后走了。", "1. 休息。"]


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("My son has a rash. He takes amoxicillin.", "他在吃阿莫西林。我儿子起了皮疹。"),
        ("The wound is red. It smells. Should I worry?", "伤口红了。我需要担心吗？有异味。"),
        ("Monday: rest\nTuesday: walk\nFriday: swim", "周一：休息\n周五：游泳\n周二：走路"),
        ("1. Fast.\n2. Drink water.\n3. Take insulin.", "1. 空腹。\n3. 注射胰岛素。\n2. 喝水。"),
    ],
)
def test_sentences_that_changed_places(told: Told, english: str, chinese: str) -> None:
    assert "order" in {kind for kind, _ in told(english, chinese)}


def test_clauses_may_change_places(told: Told) -> None:
    assert told("Call me if the fever comes back.", "如果再发烧，请给我打电话。") == set()


@pytest.mark.parametrize(
    ("english", "chinese", "reason"),
    [
        ("My eyes itch. The left one is red.", "我眼睛痒。", "sentence_missing"),
        ("My eyes itch and the left one is red.", "我眼睛痒，", "breaks_off"),
        ("My eyes itch and the left one is red.", "我眼睛痒，左眼", "no_end"),
    ],
)
def test_texts_that_break_off(told: Told, english: str, chinese: str, reason: str) -> None:
    assert ("truncation", reason) in told(english, chinese)


def test_a_text_may_end_with_what_stands_in_brackets(told: Told) -> None:
    assert told("You need a mammogram (an x-ray).", "您需要做乳腺摄影（X 光）") == set()
    assert ("truncation", "no_end") in told("You need a mammogram (an x-ray).", "您需要做乳腺摄影（X 光")


def test_two_sentences_may_become_one_and_one_two(told: Told) -> None:
    assert told("My eyes itch. They are red.", "我眼睛发痒、发红。") == set()
    assert told("I fell off my bike and hurt my elbow.", "我骑自行车摔倒了。手肘受了伤。") == set()
