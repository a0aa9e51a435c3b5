"""What explains what, by a few rows of our own."""

from doctorglm.translate.checks.align import _likeness
from doctorglm.translate.checks.lexicon import HUSHED, Row
from doctorglm.translate.checks.reading import Reader
from doctorglm.translate.checks.terms import unexplained


def row(english: str, chinese: str, name: str = "illness") -> Row:
    return Row(name, None if name == HUSHED else "term", (english,), (chinese,), name != HUSHED)


def test_a_part_of_a_longer_word_whose_english_is_there_is_explained() -> None:
    """主动脉瘤 is read as 主动脉 and 瘤; 动脉瘤 lies across both."""
    reader = Reader([row("aortic", "主动脉"), row("aneurysm", "动脉瘤"), row("tumor", "瘤")], (), [])
    reading = reader.read("An aortic aneurysm.", "主动脉瘤")
    assert [reading.chinese[one.start : one.end] for one in reading.there.segments] == ["主动脉", "瘤"]
    assert unexplained(reading) == []
    other = reader.read("An aortic valve.", "主动脉瘤")
    assert [other.chinese[one.start : one.end] for one in unexplained(other)] == ["瘤"]


def test_a_withheld_word_makes_no_sentence_more_alike() -> None:
    reader = Reader([row("gout", "痛风", HUSHED)], (), [])
    assert _likeness(reader.read("It is gout.", "是痛风")) == _likeness(reader.read("It is gout.", "是山水"))


def test_a_row_is_a_term_unless_it_is_a_common_word_too() -> None:
    reader = Reader([row("gout", "痛风"), row("wind", "痛风", "common"), row("x", "热", "times")], (), [])
    assert [reader.is_term(frozenset(rows)) for rows in ({0}, {0, 1}, {2})] == [True, False, False]
