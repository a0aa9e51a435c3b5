"""Records of every known shape become the right turns, each shape by one reader."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from doctorglm.curate.readers import READERS, reader_for
from doctorglm.curate.readers.cmd import question
from doctorglm.curate.readers.mapped import read_mapping
from doctorglm.errors import ConfigError

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
        (
            {"messages": [{"role": "患者", "content": "问"}, {"role": "Doctor", "content": "答"}]},
            "dialogue",
            ["问", "答"],
        ),
        ({**ALPACA, "history": [["空腹血糖多少？", 7.8]]}, "alpaca", ["空腹血糖多少？", "7.8", "翻译\n发烧", "fever"]),
        (
            {"conversations": [{"from": "human", "value": "问"}, {"from": "gpt", "value": "答"}]},
            "sharegpt",
            ["问", "答"],
        ),
        (
            {"dialogue": [{"speaker": "病人", "text": "问"}, {"speaker": "医生", "text": "答"}]},
            "sharegpt",
            ["问", "答"],
        ),
        (
            {"utterances": ["病人：问", "医生：答", "再答", "病人: 谢", "医生:不谢"]},
            "meddialog",
            ["问", "答\n再答", "谢", "不谢"],
        ),
        (
            {
                "id": "0",
                "section_header": "CC",
                "section_text": "note",
                "dialogue": "Guest_family: Hi.\nDoctor: Hello.",
            },
            "mts-dialog",
            ["Hi.", "Hello."],
        ),
        ({"questions": "问", "answers": "答"}, "huatuo-26m", ["问", "答"]),
        ({"questions": ["问", "换个说法"], "answers": ["答", "答二"]}, "huatuo-26m", ["问", "答"]),
        ({"questions": [["问", "换个说法"]], "answers": ["答"]}, "huatuo-26m", ["问", "答"]),
        ({"context": "问题：肝炎会传染吗？\n回答: ", "target": "会。"}, "med-chatglm", ["肝炎会传染吗？", "会。"]),
        (
            {"instruction": " <user>: 问一 <bot>: 答一 <user>: 问二", "output": "答二", "input": ""},
            "inline",
            ["问一", "答一", "问二", "答二"],
        ),
        (
            {"paragraph": [{"q": "问", "a": ["答", "续"]}, {"q": "二", "a": "三"}]},
            "paragraph",
            ["问", "答\n续", "二", "三"],
        ),
        (
            {"prompt": "问", "response": "答", "history": [["前问", "前答"]]},
            "prompt-response",
            ["前问", "前答", "问", "答"],
        ),
        ({"content": "类型#裙", "summary": "一条裙子。"}, "prompt-response", ["类型#裙", "一条裙子。"]),
        ({"input": "Hi", "answer_icliniq": "Hello.", "answer_chatgpt": "x"}, "icliniq", ["Hi", "Hello."]),
        ({"self_repo": "咳", "dialog": ["咳", "多久?", "三天", "休息."]}, "dxy", ["咳", "多久?", "三天", "休息."]),
        ({"问题": "问", "回答": "答", "科室": "内科"}, "question-answer", ["问", "答"]),
    ],
)
def test_turns(record: Mapping[str, Any], name: str, turns: list[str]) -> None:
    reader = reader_for(record)
    assert reader is not None
    assert name == reader.NAME
    messages = reader.messages(record)
    assert [m.content for m in messages] == turns
    assert [m.role for m in messages] == ["user", "assistant"] * (len(turns) // 2)


def test_every_reader_has_a_record_here() -> None:
    names = {mark.args[1][i][1] for mark in test_turns.pytestmark for i in range(len(mark.args[1]))}
    assert names == {reader.NAME for reader in READERS}


def test_a_mapping_names_the_columns_of_any_other_table(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text("question: [主诉, 现病史]\nanswer: 医嘱\ndepartment: 就诊科室\n", encoding="utf-8")
    mapped = read_mapping(path)
    record = {"主诉": "咳嗽", "现病史": "三天", "医嘱": "多喝水。", "就诊科室": "呼吸科", "其他": ""}
    assert reader_for(record) is None
    assert reader_for(record, [mapped, *READERS]) is mapped
    assert [m.content for m in mapped.messages(record)] == ["咳嗽\n三天", "多喝水。"]
    assert mapped.department(record) == "呼吸科"


@pytest.mark.parametrize(
    "text", ["", "- a", "question: a", "question: a\nanswer: b\nfoo: c", "question: []\nanswer: b", "{", "a: [1"]
)
def test_a_mapping_that_says_too_little_or_too_much_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mapping=.*Write `question: COLUMN`"):
        read_mapping(path)


def test_a_system_message_comes_first() -> None:
    reader = reader_for(ALPACA)
    assert reader is not None
    assert [m.role for m in reader.messages({**ALPACA, "system": "你是医生"})] == ["system", "user", "assistant"]


@pytest.mark.parametrize("record", [{}, {"text": "x"}, {"question": "a"}, {"messages": "text"}])
def test_unknown_records_have_no_reader(record: Mapping[str, Any]) -> None:
    assert reader_for(record) is None


def test_departments() -> None:
    found = [(reader_for(r) or READERS[0]).department(r) for r in (CMD, CMTMEDQA, {**CMTMEDQA, "cate1": "外科"}, LATE)]
    assert found == ["内科", "", "外科", ""]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({**CMD, "answer": {}}, "not_text"),
        ({**CMD, "answer": True}, "not_text"),
        ({**ALPACA, "output": ["a"]}, "not_text"),
        ({**ALPACA, "history": "text"}, "bad_history"),
        ({**ALPACA, "history": [["a"]]}, "bad_history"),
        ({**ALPACA, "history": [["a", {}]]}, "bad_history"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "unknown_role"),
        ({"messages": [{"role": 1, "content": "a"}]}, "unknown_role"),
        ({"conversations": [{"from": "human", "value": "a"}, {"from": "narrator", "value": "b"}]}, "unknown_role"),
        ({"conversations": [{"from": "human", "value": ["a"]}]}, "not_text"),
        ({"utterances": ["病人：疼", 5]}, "not_text"),
        ({"section_header": "GENHX", "dialogue": "no speaker here"}, "unknown_role"),
        ({"questions": [{}], "answers": ["a"]}, "not_text"),
        ({"paragraph": [{"q": "a", "a": "b"}, "c"]}, "not_text"),
        ({"self_repo": "a", "dialog": ["a", {}]}, "not_text"),
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
