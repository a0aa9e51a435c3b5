"""ChatGLM-6B's format against the published strings, and by hand where nothing is published."""

import json
from pathlib import Path
from typing import Any

import pytest

from doctorglm.conversation import Conversation, Message
from doctorglm.errors import DataError
from doctorglm.render import IGNORED, ChatGLMRenderer, Rejection, Sample, renderer_for

HISTORY = [("头疼怎么办？", "多休息。"), ("三天了", "少熬夜。"), ("还疼", "你好")]


def spoken(*turns: tuple[str, str]) -> tuple[Message, ...]:
    return tuple(m for q, a in turns for m in (Message("user", q), Message("assistant", a)))


def example(*messages: Message) -> Conversation:
    return Conversation(id="r7", messages=messages)


def samples(renderer: Any, conversation: Conversation, max_length: int = 10_000) -> list[Sample]:
    return [item for item in renderer.training(conversation, max_length) if isinstance(item, Sample)]


def prompt_text(tokenizer: Any, messages: Any, max_length: int = 10_000) -> str:
    """The text of a prompt whose ids end with [gMASK] <sop>."""
    ids = renderer_for(tokenizer).prompt(messages, max_length).input_ids
    assert ids[-2:] == [tokenizer.gmask_token_id, tokenizer.bos_token_id]
    return str(tokenizer.decode(ids[:-2]))


def test_the_tokenizer_chooses_the_format(chatglm: Any) -> None:
    assert isinstance(renderer_for(chatglm), ChatGLMRenderer)


def test_prompts_are_the_published_ones(shared: Path, official: Any) -> None:
    published = json.loads((shared / "reference/chatglm1_tiny.json").read_text("utf-8"))["chat_prompt"]
    assert len(published) == 2
    for query, history, text in published:
        messages = [*spoken(*history), Message("user", query)]
        ids = renderer_for(official).prompt(messages, 2048).input_ids
        assert ids == official(text)["input_ids"]


def test_published_ids_of_a_second_round(shared: Path, official: Any) -> None:
    texts = json.loads((shared / "reference/tokenizers.json").read_text("utf-8"))["chatglm-6b"]["texts"]
    expected = next(t for t in texts if t["text"].startswith("[Round 0]"))
    answer = "你好👋！我是人工智能助手 ChatGLM-6B，很高兴见到你，欢迎问我任何问题。"
    messages = [*spoken(("你好", answer)), Message("user", "晚上睡不着应该怎么办")]
    assert renderer_for(official).prompt(messages, 2048).input_ids == expected["ids_with_special"]


def test_a_sample_is_laid_out_as_in_the_published_training(chatglm: Any) -> None:
    """Text [gMASK] <sop> answer <eop>, and the labels start with the answer."""
    (sample,) = samples(renderer_for(chatglm), example(*spoken(("头疼", "多休息。"))))
    asked, told = (chatglm.encode(text, add_special_tokens=False) for text in ("头疼", "多休息。"))
    gmask, sop, eop = chatglm.convert_tokens_to_ids(["[gMASK]", "<sop>", "<eop>"])
    assert sample.input_ids == [*asked, gmask, sop, *told, eop]
    assert sample.labels == [*[IGNORED] * (len(asked) + 2), *told, eop]
    assert (sample.record_id, sample.turn, sample.supervised) == ("r7", 0, len(told) + 1)


def test_rounds_are_numbered_from_zero_and_only_where_there_are_several(chatglm: Any) -> None:
    assert prompt_text(chatglm, [Message("user", "你好")]) == "你好"
    messages = [*spoken(*HISTORY[:1]), Message("user", "你好")]
    assert prompt_text(chatglm, messages) == "[Round 0]\n问：头疼怎么办？\n答：多休息。\n[Round 1]\n问：你好\n答："


def test_a_system_message_stands_before_the_rounds(chatglm: Any) -> None:
    messages = [Message("system", "少熬夜。"), *spoken(*HISTORY[:1]), Message("user", "你好")]
    assert prompt_text(chatglm, messages).startswith("少熬夜。\n[Round 0]\n问：头疼怎么办？\n")
    assert prompt_text(chatglm, [Message("system", "少熬夜。"), Message("user", "你好")]) == "少熬夜。\n你好"


def test_a_later_system_message_belongs_to_the_question_after_it(chatglm: Any) -> None:
    messages = [*spoken(*HISTORY[:1]), Message("system", "少熬夜。"), Message("user", "你好")]
    assert prompt_text(chatglm, messages).endswith("\n[Round 1]\n问：少熬夜。\n你好\n答：")


def test_messages_that_follow_one_another_are_one_question(chatglm: Any) -> None:
    messages = [Message("user", "你好"), *spoken(("头疼", "多休息。")), Message("user", "。")]
    assert prompt_text(chatglm, messages) == "[Round 0]\n问：你好\n头疼\n答：多休息。\n[Round 1]\n问：。\n答："


def test_a_second_answer_follows_a_round_without_a_question(chatglm: Any) -> None:
    told = spoken(*HISTORY[:1])
    later = samples(renderer_for(chatglm), example(*told, Message("assistant", "你好")))
    assert [s.turn for s in later] == [0, 1]
    text = "[Round 0]\n问：头疼怎么办？\n答：多休息。\n[Round 1]\n问：\n答："
    assert prompt_text(chatglm, told) == text
    assert chatglm.decode(later[1].input_ids).startswith(text)


def test_a_document_is_an_answer_to_nothing(chatglm: Any) -> None:
    renderer = renderer_for(chatglm)
    (sample,) = samples(renderer, example(Message("assistant", "多休息。")))
    assert sample.input_ids[:2] == renderer.prompt([], 10).input_ids
    assert sample.input_ids[:2] == chatglm.convert_tokens_to_ids(["[gMASK]", "<sop>"])


def test_an_unanswered_question_gives_no_sample(chatglm: Any) -> None:
    assert renderer_for(chatglm).training(example(Message("user", "你好")), 100) == []


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_history_is_cut_at_the_front_by_whole_turns(chatglm: Any, turns: int) -> None:
    """A limit that holds the last `turns` turns and not one more; those left are numbered anew."""
    renderer = renderer_for(chatglm)
    kept = HISTORY[-turns:]
    shorter = samples(renderer, example(*spoken(*kept)))[-1]
    system = Message("system", "。")
    for head in ((), (system,)):
        shorter = samples(renderer, example(*head, *spoken(*kept)))[-1]
        cut = samples(renderer, example(*head, *spoken(*HISTORY)), len(shorter.input_ids))[-1]
        assert cut.input_ids == shorter.input_ids
        asked = (*head, *spoken(*HISTORY)[:-1])
        prompt = renderer.prompt(asked, len(shorter.input_ids) - shorter.supervised)
        assert (prompt.dropped_turns, prompt.input_ids) == (3 - turns, cut.input_ids[: -shorter.supervised])


def test_an_answer_that_does_not_fit_is_rejected_and_never_cut(chatglm: Any) -> None:
    renderer = renderer_for(chatglm)
    conversation = example(*spoken(("你好", "你好"), ("头疼", "多休息。少熬夜。" * 20), ("三天了", "少熬夜。")))
    first, second, third = renderer.training(conversation, 60)
    assert isinstance(first, Sample) and isinstance(third, Sample)
    assert second == Rejection("r7", 1, "longer than 60 tokens")
    room = len(samples(renderer, example(*spoken(("头疼", "多休息。"))))[0].input_ids)
    alone = example(*spoken(("头疼", "多休息。")))
    assert isinstance(renderer.training(alone, room)[0], Sample)
    assert isinstance(renderer.training(alone, room - 1)[0], Rejection)


def test_a_question_that_does_not_fit_is_an_error(chatglm: Any) -> None:
    tokens = len(chatglm.encode("a" * 39))
    with pytest.raises(
        DataError, match=rf"the question alone has {tokens} tokens, the limit is {tokens - 1}\. Shorten"
    ):
        renderer_for(chatglm).prompt([*spoken(HISTORY[0]), Message("user", "a" * 39)], tokens - 1)


@pytest.mark.parametrize("answer", ["", " \n\t", "\u3000"])
def test_an_empty_answer_is_rejected_and_the_others_are_kept(chatglm: Any, answer: str) -> None:
    items = renderer_for(chatglm).training(example(*spoken(("你好", answer), ("头疼", "多休息。"))), 1000)
    assert items[0] == Rejection("r7", 0, "empty answer")
    assert isinstance(items[1], Sample)


def test_an_answer_of_which_the_vocabulary_keeps_nothing_is_empty(official: Any) -> None:
    """The published normalisation drops zero-width spaces."""
    items = renderer_for(official).training(example(*spoken(("你好", "\u200b"))), 1000)
    assert items == [Rejection("r7", 0, "empty answer")]


def test_an_empty_question_is_answered(chatglm: Any) -> None:
    (sample,) = samples(renderer_for(chatglm), example(*spoken(("", "多休息。"))))
    assert sample.input_ids[:2] == chatglm.convert_tokens_to_ids(["[gMASK]", "<sop>"])


def test_half_a_character_is_replaced(chatglm: Any) -> None:
    """A terminal with another encoding, or half of a JSON escape, gives a lone surrogate."""
    renderer = renderer_for(chatglm)
    broken, mended = (renderer.prompt([Message("user", text)], 100).input_ids for text in ("疼\udc80", "疼\ufffd"))
    assert broken == mended


def test_decoding_leaves_the_end_and_outer_blanks_out(chatglm: Any) -> None:
    ids = chatglm.encode("\n 多休息。\n少熬夜。\n", add_special_tokens=False)
    renderer = renderer_for(chatglm)
    assert renderer.decode([*ids, renderer.end_token_ids[0]]) == "多休息。\n少熬夜。"
