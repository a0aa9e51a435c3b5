"""Long texts are cut between sentences, and nothing is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctorglm.translate.parts import joined, split


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
