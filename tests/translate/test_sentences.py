"""Where a sentence ends and where none does; nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctorglm.translate.sentences import sentences


@pytest.mark.parametrize(
    "text",
    [
        "I saw Dr. Smith and Mrs. Jones yesterday.",
        "Eat fruit, e.g. apples, i.e. what is fresh.",
        "Eat fruit, e.g. Apples.",
        "It is 2.5 mg, not 25.",
        "Take it b.i.d. with food.",
        "Take 5 mg. daily, two tabs. at night.",
        "Take 500 mg p.o. BID for a week.",
        "Aspirin vs. Placebo in approx. 30 people, see Fig. 2.",
        "Room No. 5 on the left.",
        "J. R. Smith wrote it.",
        "at 9 a.m. every day",
        "Pain (or worse?) since Monday.",
        "Well... it hurts.",
        "1. Rest.",
        "See www.example.org/help.Here it is.",
        "120/80",
    ],
)
def test_no_end(text: str) -> None:
    assert sentences(text) == [(text, "")]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        (" \n", [("", " \n")]),
        ("I have a fever.  It hurts!", [("I have a fever.", "  "), ("It hurts!", "")]),
        ("i have pain. it hurts. what now", [("i have pain.", " "), ("it hurts.", " "), ("what now", "")]),
        ("I have a fever.It hurts.", [("I have a fever.", ""), ("It hurts.", "")]),
        ("Any fever? No. I did not look.", [("Any fever?", " "), ("No.", " "), ("I did not look.", "")]),
        ("He said “stop.” She did.", [("He said “stop.”", " "), ("She did.", "")]),
        ("It began in 1998. He was 5.", [("It began in 1998.", " "), ("He was 5.", "")]),
        ("Take 2.5 mg. Then rest.", [("Take 2.5 mg.", " "), ("Then rest.", "")]),
        (" One . Two", [("", " "), ("One .", " "), ("Two", "")]),
        ("1. Rest.\n2. Drink a lot.\n\n3. Sleep", [("1. Rest.", "\n"), ("2. Drink a lot.", "\n\n"), ("3. Sleep", "")]),
        ("Aspirin 100 mg\nMetformin 500 mg \n", [("Aspirin 100 mg", "\n"), ("Metformin 500 mg", " \n")]),
        ("See me.\n***\nBye. :)", [("See me.", "\n"), ("***\nBye. :)", "")]),
        ("什么？Nothing. 是。 So", [("什么？", ""), ("Nothing.", " "), ("是。", " "), ("So", "")]),
    ],
)
def test_ends(text: str, wanted: list[tuple[str, str]]) -> None:
    assert sentences(text) == wanted


@given(st.text("aB1.!? \n\"')…(", max_size=120))
def test_nothing_is_lost_and_nothing_stands_without_a_letter(text: str) -> None:
    found = sentences(text)
    assert "".join(said + blank for said, blank in found) == text
    assert all(not blank or blank.isspace() for _, blank in found)
    assert all(said == said.strip() for said, _ in found)
    if any(char.isalpha() for char in text):
        assert all(any(char.isalpha() for char in said) for said, _ in found if said)
