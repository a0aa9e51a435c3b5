"""Records of every known shape become the right turns, each shape by one reader."""

from collections.abc import Mapping
from typing import Any

import pytest

from doctorglm.curate.readers import READERS, reader_for
from doctorglm.curate.readers.cmd import question

CMD = {"department": " 内科", "title": "高血压？", "ask": "我有高血压，怎么办？", "answer": "低盐。"}
CMTMEDQA = {
    "id": "j1",
    "cate1": "nan",
    "cate2": "骨科",
    "instruction": "谢谢。",
    "input": "",
    "output": "不客气。",
    "history": [["腿疼", "多久了？"], ["三天", "先休息。"]],
}
LATE = {"instruct": " 发烧要驱魔吗？", "output": " 不要。"}
ALPACA = {"instruction": "翻译", "input": "发烧", "output": "fever"}
OPENAI = {"messages": [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]}


@pytest.mark.parametrize(
    ("record", "name", "turns"),
    [
        (CMD, "cmd", ["我有高血压，怎么办？", "低盐。"]),
        (CMTMEDQA, "cmtmedqa", ["腿疼", "多久了？", "三天", "先休息。", "谢谢。", "不客气。"]),
        (LATE, "cmtmedqa", [" 发烧要驱魔吗？", " 不要。"]),
        (ALPACA, "alpaca", ["翻译\n发烧", "fever"]),
        ({**ALPACA, "input": "", "history": [["a", "b"]]}, "alpaca", ["a", "b", "翻译", "fever"]),
        ({**ALPACA, "instruction": ""}, "alpaca", ["发烧", "fever"]),
        (OPENAI, "dialogue", ["问", "答"]),
    ],
)
def test_turns(record: Mapping[str, Any], name: str, turns: list[str]) -> None:
    reader = reader_for(record)
    assert reader is not None
    assert name == reader.NAME
    messages = reader.messages(record)
    assert [m.content for m in messages] == turns
    assert [m.role for m in messages] == ["user", "assistant"] * (len(turns) // 2)


def test_a_system_message_comes_first() -> None:
    reader = reader_for(ALPACA)
    assert reader is not None
    assert [m.role for m in reader.messages({**ALPACA, "system": "你是医生"})] == ["system", "user", "assistant"]


@pytest.mark.parametrize("record", [{}, {"text": "x"}, {"question": "a", "answer": "b"}, {"messages": "text"}])
def test_unknown_records_have_no_reader(record: Mapping[str, Any]) -> None:
    assert reader_for(record) is None


def test_departments() -> None:
    found = [(reader_for(r) or READERS[0]).department(r) for r in (CMD, CMTMEDQA, {**CMTMEDQA, "cate1": "外科"}, LATE)]
    assert found == ["内科", "", "外科", ""]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**CMD, "answer": 5}, "not_text"),
        ({**ALPACA, "output": ["a"]}, "not_text"),
        ({**ALPACA, "history": "text"}, "bad_history"),
        ({**ALPACA, "history": [["a"]]}, "bad_history"),
        ({**ALPACA, "history": [["a", None]]}, "bad_history"),
        ({"messages": [{"role": "doctor", "content": "a"}]}, "unknown_role"),
        ({"messages": ["a"]}, "unknown_role"),
        ({"messages": [{"role": "user", "content": ["a"]}]}, "not_text"),
    ],
)
def test_a_value_of_another_type_is_a_reason(record: Mapping[str, Any], reason: str) -> None:
    reader = reader_for(record)
    assert reader is not None
    with pytest.raises(ValueError, match=f"^{reason}$"):
        reader.messages(record)


@pytest.mark.parametrize(
    ("title", "ask", "merged"),
    [
        ("高血压怎么治", "无", "高血压怎么治"),
        ("高血压怎么治", " ", "高血压怎么治"),
        ("高血压怎么治？", "我头晕，高血压怎么治", "我头晕，高血压怎么治"),
        ("高血压怎么治？", "怎么治", "高血压怎么治？"),
        ("高血压", "头晕三天了。", "高血压\n头晕三天了。"),
        ("无", "头晕", "无\n头晕"),
    ],
)
def test_title_and_ask_become_one_question(title: str, ask: str, merged: str) -> None:
    assert question(title, ask) == merged
