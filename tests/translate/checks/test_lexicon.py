"""The lists and how they are read."""

import pytest

from doctorglm.translate.checks.lexicon import LISTS, Lexicon, Row, nothing, own_rows, segmented
from doctorglm.translate.checks.words import Phrases, stem, words
from doctorglm.translate.renderings import plain


@pytest.mark.parametrize(
    ("words_", "same"),
    [
        (("cough", "coughs", "coughed", "coughing"), True),
        (("biopsy", "biopsies"), True),
        (("vomit", "vomiting"), True),
        (("take", "taking", "takes"), True),
        (("swell", "swelling"), True),
        (("sit", "site"), False),
        (("ill", "all"), False),
    ],
)
def test_stems(words_: tuple[str, ...], same: bool) -> None:
    assert (len({stem(word) for word in words_}) == 1) is same


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("hepat*", "chronic hepatitis B", ["hepatitis"]),
        ("*scopy", "a colonoscopy", ["colonoscopy"]),
        ("pain in * throat", "pain in my throat", ["pain in my throat"]),
        ("anaemi*", "anemia and anaemia", ["anemia", "anaemia"]),
        ("exercis*", "exercise", ["exercise"]),
        ("chest pain", "pain. Chest, pain", []),
        ("a.m.", "at 6 a.m. daily", ["a.m"]),
    ],
)
def test_phrases(pattern: str, text: str, found: list[str]) -> None:
    phrases = Phrases()
    phrases.add(pattern, 0, True)
    assert [text[one.start : one.end] for one in phrases.find(words(text))] == found


def test_the_reading_with_fewest_words_is_taken() -> None:
    rows = [Row("body", "term", ("x",), (word,), True) for word in ("不适", "适合", "不", "发热", "热")]
    lexicon, text = Lexicon(rows), "不适合发热"
    assert [text[one.start : one.end] for one in segmented(text, lexicon.wordings(text))] == ["不", "适合", "发热"]


def test_every_row_has_both_sides_and_says_each_once() -> None:
    for row in own_rows():
        english, chinese = [one.lstrip("~") for one in row.english], [plain(one.lstrip("~")) for one in row.chinese]
        assert all(english) and all(chinese), row
        assert len(set(row.english)) == len(row.english) and len(set(row.chinese)) == len(row.chinese), row
        assert row.name in LISTS and all(
            word.isascii() or "é" in word or "β" in word or "μ" in word for word in english
        )


def test_the_lists_are_large_and_hold_no_blank_words() -> None:
    names = [row.name for row in own_rows()]
    assert names.count("drugs") > 500 and len(names) > 1500
    assert all(word.strip() == word and word for word in nothing())
