"""The `tokenizer.json` of a converted folder, which transformers loads alone, gives the ids of our own class."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, GlmConfig

from doctorglm.conversation import Message
from doctorglm.models import ChatGLM2Tokenizer
from doctorglm.render import renderer_for

from .conftest import train_vocabulary

LITERALS = ["[gMASK]", "sop", "</s>", "<s>", "<unk>", "<|user|>", "<|assistant|>", "▁", " ", "  ", "\n", "\t", "<0xE4>"]
WORDS = ["你好", "，头疼", "三天了。", "take a rest", "38.5", "🎉", "é", "\u0000", "\ufffd", "\u200b", "\r\n"]
texts = st.lists(st.one_of(st.sampled_from([*LITERALS, *WORDS]), st.text(max_size=8)), max_size=8).map("".join)


def pair(vocabulary: Path, folder: Path) -> tuple[Any, Any]:
    """Our tokenizer, and what AutoTokenizer makes of the folder that it saved."""
    ours = ChatGLM2Tokenizer(str(vocabulary), chat_format="chatglm3")
    ours.save_pretrained(folder)
    GlmConfig(vocab_size=len(ours), pad_token_id=0).save_pretrained(folder)
    theirs = AutoTokenizer.from_pretrained(folder)
    assert type(theirs) is not type(ours)
    return ours, theirs


@pytest.fixture(scope="module")
def small(vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    return pair(vocabulary, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def published(official_vocabulary: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    return pair(official_vocabulary, tmp_path_factory.mktemp("published"))


def test_the_published_texts(shared: Path, published: tuple[Any, Any]) -> None:
    _, theirs = published
    known = json.loads((shared / "reference/tokenizers.json").read_text("utf-8"))
    for expected in known["chatglm2-6b"]["texts"] + known["chatglm3-6b"]["texts"]:
        assert theirs.encode(expected["text"], add_special_tokens=False) == expected["ids"]
        assert theirs.encode(expected["text"]) == expected["ids_with_special"]
        assert theirs.decode(expected["ids"]) == expected["decode"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts)
def test_any_text(published: tuple[Any, Any], text: str) -> None:
    ours, theirs = published
    ids = ours.encode(text, add_special_tokens=False)
    assert theirs.encode(text, add_special_tokens=False) == ids
    assert theirs.decode(ids) == ours.decode(ids)


def test_the_same_without_the_published_vocabulary(small: tuple[Any, Any]) -> None:
    ours, theirs = small
    for text in [*LITERALS, *WORDS, "".join(WORDS), "".join(LITERALS)]:
        assert theirs.encode(text) == ours.encode(text)
    assert (
        theirs(["头疼", "咳嗽三天了"], padding=True)["input_ids"]
        == ours(["头疼", "咳嗽三天了"], padding=True)["input_ids"]
    )
    assert (theirs.padding_side, theirs.pad_token_id, theirs.eos_token_id) == ("left", 0, 2)


def test_no_merge_leads_to_a_special_piece(tmp_path: Path) -> None:
    """Also in a vocabulary that knows "<s" and "</s" as pieces of text, so that only ">" is missing."""
    texts = [f"{word}<s{word}</s{word}>" for word in ("a", "b", "c", "d", "e")] * 20
    file = train_vocabulary(texts, 275, tmp_path / "tokenizer.model", split_by_unicode_script=False)
    ours, theirs = pair(file, tmp_path)
    assert {"<s", "</s", ">"} <= ours.get_vocab().keys()
    for text in ("<s>", "</s>", "a<s>b</s>c", "<s></s>"):
        assert theirs.encode(text) == ours.encode(text)
        assert not {1, 2} & set(theirs.encode(text))


def test_it_has_the_same_prompts(small: tuple[Any, Any]) -> None:
    ours, theirs = small
    messages = [Message("user", "头疼<|user|></s>"), Message("assistant", "多休息。"), Message("user", "三天了")]
    here, there = renderer_for(ours), renderer_for(theirs)
    assert type(there) is type(here) and there.end_token_ids == here.end_token_ids
    assert there.prompt(messages, 200).input_ids == here.prompt(messages, 200).input_ids
    ids = [*ours.encode("\n多休息。", add_special_tokens=False), here.end_token_ids[1]]
    assert there.decode(ids) == here.decode(ids) == "多休息。"
