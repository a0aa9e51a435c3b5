"""Fields become pairs of sentences where these answer one another, and stay whole where they do not."""

from doctorglm.distill.sentences import SentencePair, sentence_pairs
from doctorglm.translate.pairs import Pair


def of(english: str, chinese: str) -> list[tuple[str, str]]:
    return [(one.english, one.chinese) for one in sentence_pairs([Pair(english, chinese, "f:1", "paper")])]


def test_sentences_are_paired_in_order() -> None:
    assert of("I have a cough. Dr. Smith saw me at 10 a.m. today.", "我咳嗽。史密斯医生今天上午十点给我看过病。") == [
        ("I have a cough.", "我咳嗽。"),
        ("Dr. Smith saw me at 10 a.m. today.", "史密斯医生今天上午十点给我看过病。"),
    ]


def test_lines_are_paired_too() -> None:
    assert of("Rest.\nDrink water", "休息。\n多喝水") == [("Rest.", "休息。"), ("Drink water", "多喝水")]


def test_a_field_with_another_number_of_sentences_stays_whole_on_one_line() -> None:
    assert of("Stay in bed.\nDrink.", "卧床休息，\n多喝水。") != []
    assert of("I cough. I sneeze. I ache.", "我咳嗽、打喷嚏。浑身疼。") == [
        ("I cough. I sneeze. I ache.", "我咳嗽、打喷嚏。浑身疼。")
    ]


def test_sentences_of_lengths_that_do_not_fit_are_no_pairs() -> None:
    long = "This is a rather long sentence about the history of the illness and the many drugs that were tried before."
    assert of(f"{long} Yes.", "是。这是一句相当长的话，讲述了病史以及之前尝试过的许多药物和各种治疗方法的经过。") == [
        (f"{long} Yes.", "是。这是一句相当长的话，讲述了病史以及之前尝试过的许多药物和各种治疗方法的经过。")
    ]


def test_a_field_without_chinese_is_left_out() -> None:
    assert list(sentence_pairs([Pair("I cough.", " ", "f:1", "paper")])) == []


def test_the_document_goes_with_each_sentence() -> None:
    found = list(sentence_pairs([Pair("I cough. I ache.", "我咳嗽。我疼。", "f:1", "paper")]))

    assert found == [SentencePair("I cough.", "我咳嗽。", "paper"), SentencePair("I ache.", "我疼。", "paper")]
