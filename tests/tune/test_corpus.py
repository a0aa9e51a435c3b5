"""Documents and dialogues as exercises: nothing is lost, and what is to be given back stands in what was asked."""

import random
import re

import pytest

from doctorglm.conversation import Conversation, Message
from doctorglm.curate.documents import Document
from doctorglm.tune.corpus import (
    ASK,
    HEADLINE,
    HOLE,
    RESTORE,
    as_conversation,
    chinese_pieces,
    continued,
    copies,
    exercise,
    exercises,
    pieces,
    restored,
    spoken,
)

TEXT = "头疼三天了，怎么办？多休息，少熬夜。咳嗽要喝水；发烧38.5度！先退烧。" * 12


def document(text: str) -> Document:
    return Document(text, "book", "MIT")


def test_pieces_are_whole_sentences_and_lose_nothing() -> None:
    cut = list(pieces(document(TEXT), 60))
    assert "".join(p.text for p in cut) == TEXT
    assert all(len(p.text) <= 60 and p.text[-1] in "。！？；" for p in cut)
    assert {(p.source, p.licence) for p in cut} == {("book", "MIT")}


def test_a_sentence_longer_than_a_piece_is_cut_and_loses_nothing() -> None:
    text = "一句没有标点的话" * 20 + "。短句。"
    cut = [p.text for p in pieces(document(text), 50)]
    assert "".join(cut) == text
    assert max(map(len, cut)) == 50


@pytest.mark.parametrize("text", ["", "短。"])
def test_a_document_of_next_to_nothing_gives_nothing(text: str) -> None:
    assert list(pieces(document(text), 60)) == []


def test_a_conversation_on_paper_becomes_rounds() -> None:
    text = "甲：看过没？\n乙：看过：很好。\n甲：谁演的？\n乙：不知道。\n甲：好吧。"
    assert spoken(document(text), 100) == [["看过没？", "看过：很好。", "谁演的？", "不知道。"]]
    assert spoken(document("甲：一\n乙：  "), 9) == [] and spoken(document("甲： 一 \n乙：二"), 9) == [["一", "二"]]
    assert spoken(document(text), 12) == [["看过没？", "看过：很好。"], ["谁演的？", "不知道。"]]


@pytest.mark.parametrize(
    "text",
    [
        "一句话。",
        "甲：自言自语。\n甲：还在说。",
        "甲：一\n乙：二\n丙：三",
        "甲：一\n旁白\n乙：二",
        "甲：一\n甲：二\n乙：三",
        TEXT,
    ],
)
def test_what_is_no_conversation_of_two_is_not_taken_for_one(text: str) -> None:
    assert spoken(document(text), 100) == []


def test_a_continuation_is_cut_between_sentences() -> None:
    for seed in range(50):
        asked, told = continued(TEXT, random.Random(seed))
        assert asked + told == TEXT
        assert asked[-1] in "。！？；"
    assert continued("只有一句。", random.Random(0)) == ["", "只有一句。"]


def test_a_restored_text_has_a_quarter_in_holes_that_can_be_filled() -> None:
    with_holes, whole = restored(TEXT * 10, random.Random(0))
    assert whole == TEXT * 10
    kept = with_holes.removeprefix(RESTORE).split(HOLE)
    assert 0.70 < sum(map(len, kept)) / len(whole) < 0.78, "26 % is cut out"
    assert re.fullmatch(".{1,6}".join(map(re.escape, kept)), whole)


def test_a_dialogue_is_turned_around() -> None:
    title, told, answer = "党参能吃吗？", "我有高血压，女婿送了些党参。", "可以少量，先问医生。"
    dialogue = Conversation(id="x", messages=(Message("user", f"{title}\n{told}"), Message("assistant", answer)))
    made = [turns for seed in range(100) for turns in exercises(dialogue, random.Random(seed))]
    assert made.count([HEADLINE + told, title]) == 100
    assert 20 < made.count([ASK + answer, title]) < 50
    assert 20 < sum(turns[0].startswith(RESTORE) and turns[1] == answer for turns in made) < 50
    assert len(made) == sum(turns[1] in (title, answer) for turns in made)


def test_a_document_is_restored_continued_or_spoken_from_nothing() -> None:
    made = [exercise(TEXT, random.Random(seed)) for seed in range(300)]
    assert 90 < sum(asked.startswith(RESTORE) for asked, _ in made) < 150
    assert 10 < sum(asked == "" for asked, _ in made) < 50
    assert all(told == TEXT or asked + told == TEXT for asked, told in made)


def test_pieces_to_copy_are_chinese_and_known_well() -> None:
    assert chinese_pieces({"疼痛": 9, "头": 5, "咳": 4, "a": 50, "头a": 50, "。": 50, "": 50}) == {"头": 5, "疼痛": 9}


def test_copies_are_random_all_different_and_of_rare_pieces_too() -> None:
    pieces = {chr(0x4E00 + i): 100 if i else 1_000_000 for i in range(500)}
    made = list(copies(pieces, 200, random.Random(0)))
    assert len(made) == len({asked for asked, _ in made}) == 200
    assert all(asked == told and 5 <= len(asked) <= 30 for asked, told in made)
    text = "".join(asked for asked, _ in made)
    # 1,000 of 1,000 + 499 * 10 by the square root; 95 % by the counts themselves
    assert 0.13 < text.count(chr(0x4E00)) / len(text) < 0.20
    assert len(set(text)) > 450


def test_an_empty_question_is_left_out() -> None:
    assert [m.role for m in as_conversation("x", ["", "答"], "s", "l").messages] == ["assistant"]
    assert [m.role for m in as_conversation("x", ["问", "答", "再问", "再答"], "s", "l").messages] == [
        "user", "assistant", "user", "assistant",
    ]  # fmt: skip
