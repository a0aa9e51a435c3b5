"""Terms that are told alone, and those that are told where one stands in another's place."""

import pytest

from doctorglm.translate.checks.alone import asks_alone, key, may_stand_for, told_alone
from doctorglm.translate.checks.check import Checks
from doctorglm.translate.entry import Entry

from .conftest import Told


def test_closed_vocabulary_asks_alone_and_everyday_words_do_not() -> None:
    assert asks_alone("metformin", {"drugs", "glossary"})
    assert asks_alone("hypothyroidism", {"illness"})
    assert not asks_alone("dose", {"examinations"})
    assert not asks_alone("wrist", {"body"})
    assert not asks_alone("blockers", {"illness"})
    assert not asks_alone("osteoarthritis", {"glossary"})


def test_chinese_is_told_alone_where_it_has_one_meaning() -> None:
    assert told_alone("二甲双胍", "drugs")
    assert told_alone("每周", "times")
    assert not told_alone("胰岛素", "drugs")
    assert not told_alone("降压", "drugs")
    assert not told_alone("甲状腺炎", "illness")
    assert not told_alone("子宫", "body")


def test_an_exception_is_known_in_any_form() -> None:
    assert key("Blockers") == key("blocker") and key("came back") == "came back"


def test_what_may_stand_for_what() -> None:
    assert may_stand_for({"body"}, "illness") and may_stand_for({"glossary"}, "drugs")
    assert not may_stand_for({"persons"}, "illness") and not may_stand_for({"common"}, "common")


@pytest.mark.parametrize(
    ("english", "free", "wrong"),
    [
        ("My wrist hurts when I type.", "我打字时会痛。", "我打字时脚踝会痛。"),
        ("Her womb was removed.", "她的子宫内膜已切除。", "她的脾脏已切除。"),
        ("Do not skip a dose.", "不要漏服。", ""),
        ("The kidney was removed.", "已切除。", "脾脏已切除。"),
        ("My knee swells after football.", "我踢完足球会肿。", "我踢完足球后背会肿。"),
    ],
)
def test_a_free_translation_may_lack_a_term_and_not_have_another(
    told: Told, english: str, free: str, wrong: str
) -> None:
    assert told(english, free) == set()
    assert not wrong or ("term", "term_missing") in told(english, wrong)


def test_a_drug_is_told_with_or_without_another(told: Told) -> None:
    english = "I take amlodipine."
    assert told(english, "我在吃氨氯地平。") == set()
    assert ("drug", "term_missing") in told(english, "我在吃药。")
    assert ("drug", "not_in_english") in told("I take a tablet.", "我吃氨氯地平片。")


def test_a_brand_that_no_list_knows_may_be_said_by_what_is_in_it(told: Told) -> None:
    assert told("I gave him Xylofeb.", "我给他吃了布洛芬。") == set()
    assert ("drug", "not_in_english") in told("I gave him paracetamol.", "我给他吃了对乙酰氨基酚和布洛芬。")


def test_terms_that_are_given_are_wanted_as_they_stand() -> None:
    english, chinese = "My wrist hurts.", "我很痛。"
    assert Checks([]).faults(english, chinese) == []
    given = Checks([Entry("wrist", ("手腕",))]).faults(english, chinese)
    assert [(one.reason, one.english) for one in given] == [("term_missing", "wrist")]
