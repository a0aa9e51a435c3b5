"""Terms in a sentence with their Chinese, and what a text has of such signs by itself."""

import pytest

from doctorglm.translate.entry import Entry
from doctorglm.translate.student.tags import mentions, plain, tagged, without_language
from doctorglm.translate.terms import Terms


def test_a_mention_stands_with_its_chinese() -> None:
    text = "the patient has angina today"
    assert tagged(text, [(16, 22, "心绞痛")]) == "the patient has <term> angina <as> 心绞痛 </term> today"
    assert tagged(text, []) == text


def test_mentions_stand_in_the_texts_order_whatever_theirs() -> None:
    said = tagged("Fever, angina.", [(7, 13, "心绞痛"), (0, 5, "发烧")])
    assert said == "<term> Fever <as> 发烧 </term>, <term> angina <as> 心绞痛 </term>."


@pytest.mark.parametrize("wrong", [[(0, 5, "甲"), (4, 8, "乙")], [(3, 3, "甲")], [(0, 99, "甲")]])
def test_mentions_that_overlap_or_are_none(wrong: list[tuple[int, int, str]]) -> None:
    with pytest.raises(ValueError, match="a mention from"):
        tagged("sore throat", wrong)


def test_the_first_rendering_of_each_term_that_is_mentioned() -> None:
    terms = Terms([Entry("fever", ("发热", "发烧")), Entry("hay fever", ("花粉症",))])
    assert mentions("Fevers, and hay fever", terms) == [(0, 6, "发热"), (12, 21, "花粉症")]


@pytest.mark.parametrize("sign", ["<term>", "<as>", "</term>", "</s>", "<pad>", "<unk>"])
def test_what_a_text_has_of_signs_stays_text(sign: str) -> None:
    assert sign not in tagged(f"a {sign} b fever", [(len(sign) + 5, len(sign) + 10, sign)]).replace(
        f"<term> fever <as> {plain(sign)} </term>", "")  # fmt: skip
    assert plain(f"a {sign} b").replace(" ", "") == f"a{sign}b"


def test_a_sign_of_languages_goes_from_a_text() -> None:
    assert plain(">>cmn_Hans<< I have a fever.") == "I have a fever."
    assert without_language("我发烧了。>>zho<<") == "我发烧了。"
    assert plain(">>> x << 5") == "> > > x < < 5"  # the tokenizer takes what stands between for a language
    assert plain("HbA1c < 7, K > 5") == "HbA1c < 7, K > 5"
