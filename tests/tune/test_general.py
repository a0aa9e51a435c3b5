"""The shipped general text: what it holds, and that it shares nothing with what others are measured on."""

import json
import re
from collections import Counter
from itertools import product
from pathlib import Path

import pytest

import doctorglm.evaluate.suites as suites
from doctorglm import language
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.errors import ConfigError
from doctorglm.settings import build
from doctorglm.tune import TuneSettings
from doctorglm.tune.general import Replay, general_text, parse_replay

_SAME = 0.6
"""Share of the shorter text's n-grams from which two say the same; stock phrases (什么是) reach about a half."""


def shipped(part: str) -> list[Conversation]:
    file = general_text("shipped", part)  # type: ignore[arg-type]
    assert file is not None
    return list(read_conversations(file))


def suite(name: str) -> list[list[str]]:
    """The questions of a suite of `evaluate`, each beside all that is said."""
    rows = [json.loads(line) for line in (suites.HERE / f"{name}.jsonl").read_text("utf-8").splitlines()]
    return [[m["content"] for m in row["messages"]] for row in rows]


def grams(text: str, size: int) -> set[str]:
    plain = re.sub(r"[\W_]+", "", text.lower())
    return {plain[i : i + size] for i in range(max(1, len(plain) - size + 1))}


def shared(one: str, other: str) -> float:
    """By character 4-grams; sentences in letters, whose words repeat more, by 8-grams."""
    size = 8 if min(one, other, key=len).isascii() else 4
    first, second = grams(one, size), grams(other, size)
    return len(first & second) / min(len(first), len(second))


def said(conversation: Conversation) -> list[str]:
    return [m.content for m in conversation.messages]


def test_the_measure_finds_what_says_the_same() -> None:
    assert (
        shared("冰箱里有异味怎么去除？", "请问家里冰箱里有异味怎么去除")
        > _SAME
        > shared("什么是雾？", "什么是防火墙？")
    )
    assert shared("What is the capital of France?", "what's the capital of France") > _SAME
    assert shared("明天会下雨吗？", "明天会下雨吗？请回答。") == 1


@pytest.mark.parametrize("part", ["valid", "train"])
@pytest.mark.parametrize("name", ["general", "safety"])
def test_no_item_of_a_suite_stands_in_it(part: str, name: str) -> None:
    """Question against question, and all that is said against all that is said."""
    ours = [(said(c)[::2], "".join(said(c))) for c in shipped(part)]
    theirs = [(texts[::2], "".join(texts)) for texts in suite(name)]
    found = [
        (asked, other)
        for (questions, whole), (others, other_whole) in product(ours, theirs)
        for asked, other in product(questions, others)
        if max(shared(asked, other), shared(whole, other_whole)) >= _SAME
    ]
    assert found == []


def test_what_is_validated_on_is_not_replayed() -> None:
    pairs = product(shipped("valid"), shipped("train"))
    assert [(a.id, b.id) for a, b in pairs if shared("".join(said(a)), "".join(said(b))) >= _SAME] == []
    held_out = {c.messages[0].content for c in shipped("valid")}
    assert not held_out & {c.messages[0].content for c in shipped("train")}


@pytest.mark.parametrize(("part", "least"), [("valid", 40), ("train", 200)])
def test_it_is_in_both_languages_about_many_things_and_not_medical(part: str, least: int) -> None:
    conversations = shipped(part)
    languages = Counter(c.language for c in conversations)
    assert len(conversations) >= least and 0.2 < languages["en"] / len(conversations) < 0.3
    assert len({c.meta["topic"] for c in conversations}) == 12
    assert (
        len({c.id for c in conversations}) == len({c.messages[0].content for c in conversations}) == len(conversations)
    )
    assert all([m.role for m in c.messages] == ["user", "assistant"] * (len(c.messages) // 2) for c in conversations)
    text = "".join(c.answers + c.questions for c in conversations)
    assert not re.search("症状|患者|吃药|疼痛|医生|patient|doctor|symptom", text)


@pytest.mark.parametrize(
    ("given", "kept", "replay"),
    [
        (0.2, "0.2", Replay(share=0.2)),
        ("0.20", "0.2", Replay(share=0.2)),
        ("self:200", "self:200", Replay(own_answers=200)),
        (0, "0", Replay()),
        ("none", "0", Replay()),
    ],
)
def test_replay_is_read(given: object, kept: str, replay: Replay) -> None:
    assert parse_replay(given) == kept
    assert Replay.of(kept) == replay
    assert build(TuneSettings, {"replay": given}, "tune").replay == kept


@pytest.mark.parametrize("given", [1, 1.5, -0.1, True, "self:", "self:0", "self:-3", "half", "nan", "0.2:self"])
def test_a_replay_that_cannot_be_is_refused(given: object) -> None:
    with pytest.raises(ConfigError, match=r"replay=.*give a share .*replay=0\.2.*replay=self:200"):
        build(TuneSettings, {"replay": given}, "tune")
    language.choose("zh")
    with pytest.raises(ConfigError, match="份额"):
        parse_replay(given)


def test_which_file_a_setting_names() -> None:
    assert general_text("none", "valid") is None
    assert general_text("mine.jsonl", "train") == Path("mine.jsonl")
