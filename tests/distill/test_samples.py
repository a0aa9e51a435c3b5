"""Sentences as tokens: tags only where the Chinese says what the glossary says, and never too many."""

import logging
from typing import Any

import pytest

from doctorglm.distill.samples import agreed, samples
from doctorglm.distill.sentences import SentencePair
from doctorglm.distill.vocabulary import make_vocabulary
from doctorglm.translate.entry import Entry
from doctorglm.translate.student.folder import marian_tokenizer
from doctorglm.translate.student.tags import TAGS
from doctorglm.translate.terms import Terms

from .conftest import THINGS, settings, written

_ROWS = [Entry("angina", ("心绞痛",)), Entry("fever", ("发热", "发烧"))]
TERMS = Terms([*_ROWS, *(Entry(english, (chinese,)) for english, chinese in THINGS.items())])


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("vocabulary")
    make_vocabulary((said for one in written(300) for said in (one.english, one.chinese)), 600, folder)
    return marian_tokenizer(folder)


def test_a_term_is_agreed_where_the_chinese_holds_a_rendering_of_it() -> None:
    assert agreed("No fever, but angina.", "没有发烧，但有心绞痛。", TERMS) == [(3, 8, "发烧"), (14, 20, "心绞痛")]
    assert agreed("No fever, but angina.", "没有体温升高，但有心绞痛。", TERMS) == [(14, 20, "心绞痛")]
    assert agreed("Nothing.", "没有心绞痛。", TERMS) == []


def test_a_tagged_source_names_the_rendering_and_the_plain_one_does_not(tokenizer: Any) -> None:
    (one,), _ = samples([SentencePair("I need 5 tablets.", "我需要5个药片。", "d")], tokenizer, TERMS, settings())
    assert one.tagged is not None
    said = tokenizer.convert_ids_to_tokens(list(one.tagged))

    assert [token for token in said if token in TAGS] == list(TAGS)
    assert "药片" in tokenizer.spm_source.decode_pieces(said[said.index("<as>") + 1 : said.index("</term>")])
    assert not set(TAGS) & set(tokenizer.convert_ids_to_tokens(list(one.source)))
    assert tokenizer.decode(list(one.target), skip_special_tokens=True) == "我需要5个药片。"


def test_without_agreement_or_without_tags_there_is_no_tagged_source(tokenizer: Any) -> None:
    wrong = SentencePair("I need 5 tablets.", "我需要5个胶囊。", "d")
    right = SentencePair("I need 5 tablets.", "我需要5个药片。", "d")

    assert samples([wrong], tokenizer, TERMS, settings())[0][0].tagged is None
    assert samples([right], tokenizer, TERMS, settings(tags=False))[0][0].tagged is None
    assert samples([right], tokenizer, None, settings())[0][0].tagged is None


def test_at_most_three_terms_are_tagged_and_not_always_all(tokenizer: Any) -> None:
    english, chinese = "tablets, capsules, drops, doctors, nurses", "药片、胶囊、滴剂、医生、护士"
    found, _ = samples([SentencePair(english, chinese, "d")] * 60, tokenizer, TERMS, settings())
    numbers = {one.tagged.count(tokenizer.convert_tokens_to_ids("<term>")) for one in found if one.tagged}

    assert numbers == {1, 2, 3}


def test_what_is_too_long_is_left_out_and_counted(tokenizer: Any) -> None:
    pairs = [SentencePair("I need tablets. " * 40, "药片。", "d"), SentencePair("I need it.", "我需要。", "d")]
    found, long = samples(pairs, tokenizer, TERMS, settings(max_length=40))

    assert (len(found), long) == (1, 1)


def test_a_pair_that_is_too_long_is_counted_and_nothing_is_logged(
    tokenizer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer.model_max_length, tokenizer.deprecation_warnings = 32, {}  # transformers warns once a tokenizer
    logger = logging.getLogger("transformers")
    caplog.set_level("WARNING", logger="transformers")
    logger.addHandler(caplog.handler)
    pairs = [SentencePair("I need 5 tablets. " * 40, "我需要5个药片。" * 40, "d"), SentencePair("No.", "不。", "d")]
    found, long = samples(pairs, tokenizer, TERMS, settings())
    logger.removeHandler(caplog.handler)

    assert (len(found), long) == (1, 1)
    assert caplog.text == ""
