"""The leak test: a test item among the training data is found, and what cannot be looked at is not called clean."""

from pathlib import Path

import pytest

from doctorglm.conversation import Conversation, Message, write_conversations
from doctorglm.errors import DataError
from doctorglm.evaluate.leak import leak_of
from doctorglm.runs import sha256_file, write_json

QUESTION = "我母亲今年六十岁，最近两个月膝盖上下楼梯的时候疼，早上起床还有点僵硬，需要去拍片子吗？"
ANSWER = "上下楼梯时膝盖疼并有晨僵，多见于膝骨关节炎，建议到骨科拍膝关节正侧位片，平时少爬楼梯，注意保暖。"


def spoken(name: str, question: str, answer: str) -> Conversation:
    return Conversation(id=name, messages=(Message("user", question), Message("assistant", answer)))


TESTS = [
    spoken("t1", QUESTION, ANSWER),
    spoken("t2", "孩子半夜总是哭闹怎么办？", "先看看是不是饿了或者尿布湿了，也可能是肚子胀气，可以给他揉揉肚子。"),
]
TRAINED = [
    spoken("a", "胃胀气吃什么好？", "少吃豆类和油炸的东西，饭后走一走，一般几天就会好转。"),
    spoken("b", "糖尿病能吃西瓜吗？", "血糖控制得好的时候可以少量吃一点，每次一小块，放在两餐之间。"),
]


def tuned(folder: Path, data: Path, **record: object) -> Path:
    """The adapter of a tune stage that was given `data`."""
    (folder / "adapter").mkdir(parents=True)
    inputs = {"base": "b", "train.jsonl": sha256_file(data / "train.jsonl")}
    write_json(folder / "run.json", {"stage": "tune", "inputs": inputs, "data": str(data), **record})
    return folder / "adapter"


def test_a_clean_and_a_leaking_training_set(tmp_path: Path) -> None:
    write_conversations(tmp_path / "clean/train.jsonl", TRAINED)
    adapter = tuned(tmp_path / "one", tmp_path / "clean")
    clean = leak_of(adapter, None, TESTS)
    assert (clean["known"], clean["items"], clean["leaked"]) == (True, 2, 0)
    # as a careless pipeline would have it: another id, other blanks and widths, and the end cut off
    copied = spoken("c", QUESTION.replace("，", ","), ANSWER[:-6] + "。")
    write_conversations(tmp_path / "leaky/train.jsonl", [*TRAINED, copied])
    leaky = leak_of(tuned(tmp_path / "two", tmp_path / "leaky"), None, TESTS)
    assert (leaky["known"], leaky["leaked"], leaky["first"]) == (True, 1, {"t1": "train.jsonl c"})


def test_validation_data_counts_as_seen(tmp_path: Path) -> None:
    write_conversations(tmp_path / "train.jsonl", TRAINED)
    write_conversations(tmp_path / "valid.jsonl", [TESTS[0]])
    found = leak_of(tmp_path / "no-record", tmp_path, TESTS)
    assert (found["known"], found["first"]) == (True, {"t1": "valid.jsonl t1"})


def test_what_cannot_be_looked_at_is_not_called_clean(tmp_path: Path) -> None:
    assert leak_of(tmp_path / "adapter", None, TESTS) == {"known": False, "why": "unknown", "items": 2}
    write_conversations(tmp_path / "data/train.jsonl", TRAINED)
    adapter = tuned(tmp_path / "tune", tmp_path / "data")
    write_conversations(tmp_path / "data/train.jsonl", TRAINED[:1])
    assert leak_of(adapter, None, TESTS) == {"known": False, "why": "moved", "items": 2}
    with pytest.raises(DataError, match=r"not what .*adapter was tuned on"):
        leak_of(adapter, tmp_path / "data", TESTS)
    write_json(tmp_path / "tune/run.json", {"stage": "curate", "inputs": {}})
    assert leak_of(adapter, None, TESTS)["known"] is False
