"""Wordings: complete in both languages, and free of characters that steer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.wording import clean, width_em, worded, wrapped

CHINESE = re.compile(r"[\u4e00-\u9fff]")
TEXTS = {name: value for name, value in vars(strings).items() if isinstance(value, Text)}


def test_there_are_strings() -> None:
    assert len(TEXTS) > 20


@pytest.mark.parametrize("name", TEXTS)
def test_every_string_has_both_languages(name: str) -> None:
    assert TEXTS[name].en.strip() and not CHINESE.search(TEXTS[name].en)
    assert CHINESE.search(TEXTS[name].zh)


@pytest.mark.parametrize("name", TEXTS)
def test_chinese_has_full_width_punctuation(name: str) -> None:
    assert not re.search(r"[\u4e00-\u9fff][,;:!?()]|[,;:!?()][\u4e00-\u9fff]", TEXTS[name].zh)


@pytest.mark.parametrize("text", [Text(en="", zh="好"), Text(en="good", zh=" ")])
def test_half_a_wording_is_refused(text: Text) -> None:
    with pytest.raises(ValueError, match=r"no (en|zh) wording"):
        [worded(text, "en"), worded(text, "zh")]


def test_clean_shows_what_steers() -> None:
    assert clean("a\x00b\x1b[31m\u202ec\ud800\r\nd\te") == "a\ufffdb\ufffd[31m\ufffdc\ufffd\nd\te"


@given(st.text(alphabet=st.characters(), max_size=60))
def test_clean_text_can_be_written(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    clean(text).encode("utf-8")


def test_width_counts_chinese_as_one() -> None:
    assert width_em("复读率") == 3
    assert width_em("ab\n复读") == 2


@given(st.text(alphabet="复读率，ab c", max_size=40))
def test_wrapping_loses_no_word(text: str) -> None:
    lines = wrapped(text, 6).split("\n")
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(width_em(line) <= 6 or " " not in line.strip() for line in lines)


def test_wrapping_breaks_where_it_may() -> None:
    assert wrapped("Near-duplicate of a test dialogue", 9) == "Near-duplicate\nof a test\ndialogue"
    assert wrapped("与测试集对话近似重复", 5) == "与测试集对\n话近似重复"
