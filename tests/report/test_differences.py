"""Which words differ: by hand, and by properties that hold for any two texts."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from doctorglm.report.differences import pieces

WORDS = st.lists(st.sampled_from(["多喝水", "，", "注意休息", "。", "38.5", "fever ", "的", "\n"]), max_size=12).map(
    "".join
)


def test_added_words_are_marked() -> None:
    cut = pieces("建议到消化内科做胃镜检查。", "建议做胃镜检查。")
    assert cut == [("建议", False), ("到消化内科", True), ("做胃镜检查。", False)]


def test_numbers_and_words_are_not_cut() -> None:
    assert pieces("take 38.5 now please", "take 38.0 now please") == [
        ("take ", False),
        ("38.5", True),
        (" now please", False),
    ]


def test_punctuation_alone_is_no_difference() -> None:
    assert pieces("注意休息。", "注意休息") == [("注意休息。", False)]


def test_blanks_between_marked_words_are_marked() -> None:
    assert pieces("drink warm salt water, and rest", "drink water, and rest") == [
        ("drink ", False),
        ("warm salt", True),
        (" water, and rest", False),
    ]


def test_a_character_shared_by_chance_is_a_difference() -> None:
    cut = pieces("胃的疼痛减轻了，多喝水", "咳嗽的次数少了，多喝水")
    assert cut == [("胃的疼痛减轻", True), ("了，多喝水", False)]


def test_a_shared_character_is_no_agreement() -> None:
    assert pieces("可以热敷，避免久坐，适当活动。", "考虑胃炎可能，建议做胃镜检查。") is None


@given(WORDS, WORDS)
def test_pieces_are_the_text_and_unmarked_ones_are_shared(text: str, other: str) -> None:
    cut = pieces(text, other)
    if cut is None:
        return
    assert "".join(piece for piece, _ in cut) == text
    assert all(a[1] != b[1] for a, b in pairwise(cut))
    for piece, differs in cut:
        assert differs or all(word in other for word in ("多喝水", "注意休息", "fever") if word in piece)


@given(WORDS)
def test_equal_texts_have_no_difference(text: str) -> None:
    assert all(not differs for _, differs in pieces(text, text) or [])
