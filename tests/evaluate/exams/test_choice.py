"""Exam questions as they are put to a model: the prompt, the letters, the order of the options, what is written."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from doctorglm.conversation import Message
from doctorglm.engine import Generation, Sampling
from doctorglm.evaluate.answering import Answering
from doctorglm.evaluate.exams import choice
from doctorglm.evaluate.metrics import METRICS
from doctorglm.evaluate.scoring import Request, Score
from doctorglm.evaluate.suites import ChoiceSuite

EXAM = """,Question,A,B,C,D,Answer
0,示例一,甲,乙,丙,丁,B
1,正常成人心率是每分钟多少次,20至40,60至100,120至140,160至180,B
2,缺乏维生素C会得什么病,夜盲症,佝偻病,坏血病,脚气病,C
3,血压的单位是,毫升,毫米汞柱,摩尔,克,B
"""


@pytest.fixture
def suite(tmp_path: Path) -> ChoiceSuite:
    (tmp_path / "physiology.csv").write_text(EXAM, encoding="utf-8")
    return ChoiceSuite(name="exam", data=[str(tmp_path / "physiology.csv")], shots=1, subjects={"physiology": "生理学"})


class Characters:
    """A tokenizer of one token a character, so that what was scored can be read."""

    gmask_token_id = None
    pad_token_id = 0
    eos_token_id = 0

    def encode(self, text: str, add_special_tokens: bool = True) -> list[int]:
        return [ord(character) for character in text]


def scored(suite: ChoiceSuite, prefers: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[str]]:
    """The items of a model of which `prefers(options shown, letter)` says the nats, and the contexts it read."""
    contexts: list[str] = []

    def score(model: Any, requests: Sequence[Request], **_: Any) -> list[Score]:
        found = []
        for request in requests:
            context, letter = ("".join(map(chr, ids)) for ids in (request.context, request.continuation))
            contexts.append(context)
            shown = dict(line.split(". ", 1) for line in context.rsplit("\n\n", 1)[-1].split("\n") if ". " in line)
            found.append(Score(nats=prefers(shown, letter.strip()), greedy=False))
        return found

    monkeypatch.setattr(choice, "score", score)
    exam = choice.exam_of(suite)
    orders = choice.by_likelihood(None, Characters(), suite, exam, batch_tokens=64, seed=0)
    return [choice.item(suite, q, of) for q, of in zip(exam[1], orders, strict=True)], contexts


RIGHT = {"60至100", "坏血病", "毫米汞柱"}


def test_the_prompt_is_that_of_the_harness(suite: ChoiceSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    _, contexts = scored(suite, lambda shown, letter: 1.0, monkeypatch)
    assert contexts[0] == (
        "以下是关于生理学的单项选择题，请直接给出正确答案的选项。\n\n"
        "示例一\nA. 甲\nB. 乙\nC. 丙\nD. 丁\n答案： B\n\n"
        "正常成人心率是每分钟多少次\nA. 20至40\nB. 60至100\nC. 120至140\nD. 160至180\n答案："
    )
    assert len(contexts) == 3 * 2 * 4, "three questions, two orders, four letters"


def test_one_that_knows_the_answer_finds_it_in_any_order(suite: ChoiceSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    items, _ = scored(suite, lambda shown, letter: 0.1 if shown[letter] in RIGHT else 3.0, monkeypatch)
    assert [(item.answer, [o.chosen for o in item.orders]) for item in items] == [
        ("B", ["B", "B"]),
        ("C", ["C", "C"]),
        ("B", ["B", "B"]),
    ]
    assert all(item.orders[0].order == ["A", "B", "C", "D"] != item.orders[1].order for item in items)
    assert items[1].orders[1].nats == [3.0, 3.0, 0.1, 3.0], "kept by original letter"
    assert all(o.nats[item.letters.index(item.answer)] == 0.1 for item in items for o in item.orders)
    moved = METRICS["choice"]["order_matters"]
    assert not any(moved.true(item) for item in items)  # type: ignore[union-attr]


def test_one_that_likes_a_letter_is_found_out(suite: ChoiceSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    items, _ = scored(suite, lambda shown, letter: 0.1 if letter == "B" else 3.0, monkeypatch)
    assert [item.orders[0].chosen for item in items] == ["B", "B", "B"]
    assert [item.orders[1].chosen for item in items] == [item.orders[1].order[1] for item in items]


def test_braces_in_a_question_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text(EXAM.replace("血压的单位是", "{options}{stem}的单位是{x}"), encoding="utf-8")
    suite = ChoiceSuite(name="exam", data=[str(tmp_path / "a.csv")], shots=0)
    _, contexts = scored(suite, lambda shown, letter: 1.0, monkeypatch)
    assert any("{options}{stem}的单位是{x}\nA. 毫升" in context for context in contexts)


class Writer:
    """Answers with the letter B in words; has nothing to say of vitamins."""

    name = "writer"

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Generation]:
        yield ""

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        said = ["让我想想，" if "维生素" in c[0].content else "答案是：B" for c in conversations]
        return [
            Generation(text=text, tokens=3, finish="stop" if "B" in text else "length", seconds=0.1) for text in said
        ]


def test_what_is_written_is_read_or_counted_as_unread(suite: ChoiceSuite) -> None:
    _, questions = choice.exam_of(suite)
    batches = choice.by_generation(Answering(Writer()), suite, questions, Sampling(max_new_tokens=8), 2)
    items = {place: item for batch in batches for place, item in batch}
    assert [(items[i].read, items[i].finish) for i in range(3)] == [("B", "stop"), ("", "length"), ("B", "stop")]


def test_a_limit_is_of_each_subject(suite: ChoiceSuite, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(EXAM, encoding="utf-8")
    both = ChoiceSuite(name="exam", data=[*suite.data, str(tmp_path / "b.csv")], shots=1, limit=2)
    assert [q.subject for q in choice.exam_of(both)[1]] == ["physiology", "physiology", "b", "b"]
