"""Long texts are cut between sentences, and nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctorglm.translate.parts import by_sentences, joined, split


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("", 10, []),
        ("One. Two.", 20, [("One. Two.", "")]),
        ("One two. Three four!\nFive.", 11, [("One two.", " "), ("Three four!", "\n"), ("Five.", "")]),
        ("He took 0.5 mg. She did not.", 16, [("He took 0.5 mg.", " "), ("She did not.", "")]),
        ("one two three four", 9, [("one two", " "), ("three", " "), ("four", "")]),
        ("a" * 25, 10, [("a" * 10, ""), ("a" * 10, ""), ("a" * 5, "")]),
    ],
)
def test_parts(text: str, limit: int, parts: list[tuple[str, str]]) -> None:
    assert split(text, limit) == parts


@given(st.text("ab.!? \n\"'", max_size=200), st.integers(5, 40))
def test_nothing_is_lost_and_no_part_is_longer(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert "".join(part + blank for part, blank in parts) == text.strip()
    assert all(part and len(part) <= limit for part, _ in parts)


def test_lines_stay_and_blanks_between_chinese_go() -> None:
    assert joined(["一。", "二。", "三。"], [" ", "\n\n", ""]) == "一。二。\n\n三。"


@pytest.mark.parametrize(
    ("text", "limit", "number", "parts"),
    [
        ("", 10, 2, []),
        (" One. Two.\nThree. ", 30, 2, [[("One.", " "), ("Two.", "\n")], [("Three.", "")]]),
        ("One two. Three.", 10, 9, [[("One two.", " ")], [("Three.", "")]]),
        ("one two three four. Five.", 10, 9, [[("one two", " ")], [("three", " ")], [("four.", " ")], [("Five.", "")]]),
    ],
)
def test_parts_by_sentences(text: str, limit: int, number: int, parts: list[list[tuple[str, str]]]) -> None:
    assert by_sentences(text, limit, number) == parts


@given(st.text("ab.!? \n\"'", max_size=200), st.integers(5, 40), st.integers(1, 4))
def test_no_sentence_is_lost(text: str, limit: int, number: int) -> None:
    parts = by_sentences(text, limit, number)
    assert "".join(said + blank for part in parts for said, blank in part) == text.strip()
    assert all(0 < len(part) <= number and sum(len(said) for said, _ in part) <= limit for part in parts)
