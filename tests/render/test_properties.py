"""What holds for every conversation and every format: training and inference see the same ids, nothing is lost."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doctorglm.conversation import Conversation, Message
from doctorglm.render import IGNORED, Rejection, Sample, renderer_for

HARMLESS = ["你好", "我头疼三天了", "，怎么办？", "多休息。", "take a rest", "38.5", "发烧", "😷", "第 2 天"]
LOOK_ALIKES = ["<eop>", "<sop>", "[gMASK]", "[MASK]", "<|im_end|>", "<|im_start|>system", "<|eot_id|>", "</s>"]
LOOK_ALIKES += ["<|endoftext|>", "<|user|>", "[[A]]", "[[[A]]]", "<|begin_of_text|><|im_start|>", "<n>", "<unk>"]
LOOK_ALIKES += ["[Round 0]\n问：", "[Round 1]\n\n问：", "sop", "<|assistant|>", "<|observation|>"]
BLANKS = ["\n", "\n\n", "  ", "\t", "\r\n", "\u3000", "\u200b"]
TEMPLATES = ["chatml", "llama3", "glm4", "thinking", "generation", "blank"]
KNOWN = ["chatglm", "chatglm2", "chatglm3", *TEMPLATES]

Get = Callable[[str], Any]

plain = st.lists(st.sampled_from(HARMLESS), min_size=1, max_size=4).map("".join)
wild = st.lists(
    st.one_of(st.sampled_from(HARMLESS), st.sampled_from(LOOK_ALIKES), st.sampled_from(BLANKS), st.text(max_size=6)),
    max_size=5,
).map("".join)
said = wild.map(lambda text: text if text.strip() else text + "好")
roles = st.lists(st.sampled_from(["user", "assistant"]), max_size=5).map(lambda r: ["user", *r, "assistant"])

often = settings(max_examples=25, deadline=None, derandomize=True, database=None,
                 suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])  # fmt: skip


def alternating(text: Any) -> Any:
    """(system or "", [(question, answer), ...])"""
    return st.tuples(st.one_of(st.just(""), text), st.lists(st.tuples(text, text), min_size=1, max_size=4))


def conversation(head: str, turns: list[tuple[str, str]]) -> Conversation:
    system = (Message("system", head),) if head else ()
    spoken = [m for q, a in turns for m in (Message("user", q), Message("assistant", a))]
    return Conversation(id="r", messages=(*system, *spoken))


def as_dicts(messages: Any) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.content} for m in messages]


@pytest.fixture(scope="module")
def get(tokenizers: dict[str, Any], chatglm: Any, second: dict[str, Any]) -> Callable[[str], Any]:
    """A tokenizer by its name."""
    known = {**tokenizers, **second, "chatglm": chatglm}

    def get(name: str) -> Any:
        return known[name]

    return get


def supervised_runs(sample: Sample) -> list[tuple[int, list[int]]]:
    """(where it starts, its labels) of every unbroken run of supervised tokens."""
    runs: list[tuple[int, list[int]]] = []
    for place, label in enumerate(sample.labels):
        if label == IGNORED:
            continue
        if runs and place == runs[-1][0] + len(runs[-1][1]):
            runs[-1][1].append(label)
        else:
            runs.append((place, [label]))
    return runs


def answers(messages: Any) -> list[int]:
    return [i for i, m in enumerate(messages) if m.role == "assistant"]


@pytest.mark.parametrize("name", KNOWN)
@often
@given(alternating(said))
def test_training_is_the_prompt_then_the_answer_then_one_end(get: Get, name: str, drawn: Any) -> None:
    renderer, example = renderer_for(get(name)), conversation(*drawn)
    samples = renderer.training(example, 10_000)
    assert all(isinstance(sample, Sample) for sample in samples)
    runs = [(s, run) for s in samples if isinstance(s, Sample) for run in supervised_runs(s)]
    assert len(runs) == len(drawn[1])
    for place, (sample, (start, labels)) in zip(answers(example.messages), runs, strict=True):
        assert sample.input_ids[start : start + len(labels)] == labels
        assert renderer.prompt(example.messages[:place], 10_000).input_ids == sample.input_ids[:start]
        assert labels[-1] in renderer.end_token_ids
        assert not set(labels[:-1]) & set(renderer.end_token_ids)


@pytest.mark.parametrize("name", KNOWN)
@often
@given(alternating(said))
def test_text_never_becomes_a_special_token(get: Get, name: str, drawn: Any) -> None:
    """The special tokens of a conversation are those that its format puts there, whatever is said."""
    tokenizer, (head, turns) = get(name), drawn
    renderer = renderer_for(tokenizer)
    harmless = conversation(head and "好", [("好", "好") for _ in turns])
    special = {*tokenizer.all_special_ids, *tokenizer.get_added_vocab().values()}
    if hasattr(tokenizer, "gmask_token_id"):
        names = ["[MASK]", "[sMASK]", "<ENC>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>"]
        special |= set(tokenizer.convert_tokens_to_ids([*names, "<|observation|>"]))
        special.discard(tokenizer.unk_token_id)

    def count(example: Conversation) -> list[list[int]]:
        samples = renderer.training(example, 10_000)
        return [[i for i in s.input_ids if i in special] for s in samples if isinstance(s, Sample)]

    assert count(conversation(head, turns)) == count(harmless)


@pytest.mark.parametrize("name", KNOWN)
@often
@given(st.lists(said, min_size=7, max_size=7), roles, st.integers(4, 160))
def test_every_answer_is_supervised_whole_or_rejected_with_its_reason(
    get: Get, name: str, texts: list[str], spoken: list[Any], max_length: int
) -> None:
    """Also where roles do not alternate, and where the history has to be cut."""
    renderer = renderer_for(get(name))
    messages = tuple(Message(role, text) for role, text in zip(spoken, texts, strict=False))
    example = Conversation(id="r", messages=messages)
    whole = [run for s in renderer.training(example, 10_000) if isinstance(s, Sample) for run in supervised_runs(s)]
    expected = [labels for _, labels in whole]
    turns, found = [], {}
    for item in renderer.training(example, max_length):
        if isinstance(item, Rejection):
            assert item.reason == f"longer than {max_length} tokens"
            turns.append(item.turn)
            continue
        assert len(item.input_ids) == len(item.labels) <= max_length
        runs = supervised_runs(item)
        for turn, (start, labels) in zip(range(item.turn + 1 - len(runs), item.turn + 1), runs, strict=True):
            turns.append(turn)
            found[turn] = labels
            before = messages[: answers(messages)[turn]]
            if len(runs) == 1:
                assert renderer.prompt(before, start).input_ids == item.input_ids[:start]
    assert turns == list(range(len(answers(messages))))
    assert all(labels == expected[turn] for turn, labels in found.items())


@often
@given(alternating(plain))
def test_harmless_text_is_what_apply_chat_template_gives(get: Get, drawn: Any) -> None:
    example = conversation(*drawn)
    for name in TEMPLATES:
        tokenizer = get(name)
        renderer = renderer_for(tokenizer)
        asked = example.messages[:-1]
        theirs = tokenizer.apply_chat_template(as_dicts(asked), add_generation_prompt=True)["input_ids"]
        assert renderer.prompt(asked, 10_000).input_ids == theirs, name
        text = tokenizer.apply_chat_template(as_dicts(example.messages), tokenize=False)
        ours = renderer.training(example, 10_000)[-1]
        assert isinstance(ours, Sample)
        # up to the end of the last answer; GLM-4's template has no end there, so that we add it
        end = tokenizer.decode([ours.input_ids[-1]])
        text = text + end if name == "glm4" else text[: text.rindex(end) + len(end)]
        assert ours.input_ids == tokenizer.encode(text, add_special_tokens=False), name


@pytest.mark.parametrize("name", ["chatml", "llama3", "glm4", "thinking", "generation"])
@often
@given(alternating(said))
def test_the_prompt_says_what_was_said(get: Get, name: str, drawn: Any) -> None:
    """Byte-level ids decode to the template's text, look-alikes, blanks and all; only noncharacters are replaced."""
    tokenizer, messages = get(name), conversation(*drawn).messages[:-1]
    ids = renderer_for(tokenizer).prompt(messages, 10_000).input_ids
    text = tokenizer.apply_chat_template(as_dicts(messages), tokenize=False, add_generation_prompt=True)
    text = re.sub("[\ufdd0-\ufdef]", "\ufffd", text)
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text


@often
@given(alternating(plain))
def test_the_mask_is_that_of_generation_markers(get: Get, drawn: Any) -> None:
    tokenizer, example = get("generation"), conversation(*drawn)
    theirs = tokenizer.apply_chat_template(
        as_dicts(example.messages), return_dict=True, return_assistant_tokens_mask=True
    )
    (ours,) = renderer_for(tokenizer).training(example, 10_000)
    assert isinstance(ours, Sample)
    mask = [int(label != IGNORED) for label in ours.labels]
    # the template ends with a line end after the answer, which is not ours to learn
    assert [*mask, 0] == theirs["assistant_masks"]
