"""Odd files that people really have: each is read as what it means, or refused with the place and the remedy."""

import io
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pytest
from pyarrow import parquet

from doctorglm.curate.readers import Reader
from doctorglm.curate.readers.mapped import read_mapping
from doctorglm.curate.sources import Entry, read
from doctorglm.errors import DataError
from doctorglm.files.found import SourceFile

Q, A = "我有高血压，请问怎么治疗？", "您好，建议低盐饮食，按时吃药。"


def entries(path: Path, data: bytes | str, mapping: Reader | None = None) -> list[Entry]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return [entry for source in read(SourceFile(path, path.name, True), mapping) for entry in source.entries]


def turns(path: Path, data: bytes | str, mapping: Reader | None = None) -> list[Any]:
    """What was said in each record, or the reason why it is rejected."""
    return [
        [m.content for m in entry.conversation.messages] if entry.conversation else entry.reason
        for entry in entries(path, data, mapping)
    ]


def dumped(value: Any, **how: Any) -> str:
    return json.dumps(value, ensure_ascii=False, **how)


def workbook(*sheets: list[list[Any]]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.active)
    for values in sheets:
        sheet = book.create_sheet()
        for line in values:
            sheet.append(line)
    book.save(out)
    return out.getvalue()


def columns(**values: Any) -> bytes:
    out = io.BytesIO()
    parquet.write_table(pyarrow.table(values), out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("patient", "doctor"),
    [
        ("患者", "大夫"),
        ("咨询者", "assistant_name"),
        ("来访者", "心理咨询师"),
        ("家长", "儿科主治医生"),
        ("病患", "張醫師"),
        ("网友", "医生回复"),
        ("Client", "AI"),
        ("<human>", "【助手】"),
    ],
)
def test_names_of_speakers(tmp_path: Path, patient: str, doctor: str) -> None:
    talk = {"conversations": [{"from": patient, "value": Q}, {"from": doctor, "value": A}]}
    (entry,) = entries(tmp_path / "x", dumped(talk))
    assert entry.conversation
    assert [(m.role, m.content) for m in entry.conversation.messages] == [("user", Q), ("assistant", A)]


@pytest.mark.parametrize("who", ["甲", "Speaker 1", "患者的朋友", ""])
def test_a_speaker_of_whom_nobody_knows_is_rejected_and_never_guessed(tmp_path: Path, who: str) -> None:
    talk = {"conversations": [{"from": who, "value": Q}, {"from": "医生", "value": A}]}
    assert turns(tmp_path / "x", dumped(talk)) == ["unknown_role"]


TWO = [{"question": Q, "answer": A}, {"question": "二", "answer": A}]
SAID = [{"role": "user", "content": Q}, {"role": "assistant", "content": A}]


@pytest.mark.parametrize(
    "data",
    [
        dumped({"code": 0, "data": TWO}),
        dumped({"code": 0, "data": TWO}, indent=2),
        dumped([{key.title(): value for key, value in record.items()} for record in TWO]),
        dumped([{f" {key} ": value for key, value in record.items()} for record in TWO]),
        "\n".join(map(dumped, TWO)),
        "\r\n\r\n".join(map(dumped, TWO)) + "\r\n",
        "\ufeff" + dumped(TWO[0]) + "\n\ufeff" + dumped(TWO[1]) + "\n",
        f"\ufeff Question ; ANSWER \n{Q};{A}\n二;{A}\n",
        f"sep=;\nquestion;answer\n{Q};{A}\n二;{A}\n",
        f"2023年的问诊,,\n科室,问题,回答\n内科,{Q},{A}\n,二,{A}\n",
        f"\n\n问题,回答\n{Q},{A}\n二,{A}\n",
        f"问题,回答,,\n{Q},{A},,\n二,{A}\n",
        f"question\tanswer\r{Q}\t{A}\r二\t{A}\r",
        f"【患者】{Q}\n【医生】{A}\n\n【患者】：二\n【医生】：{A}\n",
        f"\ufeff患者：{Q}\n医生：{A}\n\n\ufeff患者：二\n医生：{A}\n",
        dumped([SAID, [{"from": "病人", "value": "二"}, {"from": "医生", "value": A}]]),
        f"question,answer\n{Q},{A}\n二,{A}\n".encode("utf-16-be"),
    ],
)
def test_two_records_in_every_dress(tmp_path: Path, data: bytes | str) -> None:
    assert turns(tmp_path / "x.txt", data) == [[Q, A], ["二", A]]


def test_a_header_that_joined_files_repeat_is_rejected_and_no_record(tmp_path: Path) -> None:
    one = f"question,answer\r\n{Q},{A}\r\n".encode("utf-8-sig")
    assert turns(tmp_path / "x", one + one.replace(Q.encode(), "二".encode())) == [[Q, A], "repeated_header", ["二", A]]


def test_keys_that_differ_in_case_alone_are_kept_apart(tmp_path: Path) -> None:
    assert turns(tmp_path / "x", dumped({"question": Q, "answer": A, "Answer": "另一个"})) == [[Q, A]]


def test_a_cell_too_many_is_a_ragged_row_unless_it_is_empty(tmp_path: Path) -> None:
    assert turns(tmp_path / "x", f"question,answer\n{Q},{A},三\n{Q},{A},\n") == ["ragged_row", [Q, A]]


def test_a_heading_in_brackets_is_no_speaker(tmp_path: Path) -> None:
    assert turns(tmp_path / "x", f"患者：{Q}\n医生：{A}\n【问题】盐吃得多\n[a] 指南\n") == [
        [Q, f"{A}\n【问题】盐吃得多\n[a] 指南"]
    ]


def test_what_a_record_lists_beside_its_answer_is_not_what_the_file_wraps(tmp_path: Path) -> None:
    for how in ({}, {"indent": 1}):
        assert turns(tmp_path / "x", dumped({**TWO[0], "sources": [{"title": "指南"}]}, **how)) == [[Q, A]]


def test_traditional_names_in_big5(tmp_path: Path) -> None:
    asked, answered = "您好，高血壓應該怎麼治療？", "請到醫院檢查，按時吃藥。"
    assert turns(tmp_path / "x", f"問題,回覆\n{asked},{answered}\n".encode("big5")) == [[asked, answered]]
    assert turns(tmp_path / "x", f"病患：{asked}\n醫師：{answered}\n".encode("big5")) == [[asked, answered]]


def test_commas_in_a_table_of_semicolons_and_line_breaks_in_quotes(tmp_path: Path) -> None:
    data = f'question;answer\r\n体温38,5，怎么办？;{A}\r\n"体温38,5\r\n怎么办；";{A}\r\n'
    assert turns(tmp_path / "x", data) == [["体温38,5，怎么办？", A], ["体温38,5\r\n怎么办；", A]]


@pytest.mark.parametrize(
    ("history", "before"),
    [
        ([["一", "答一"]], ["一", "答一"]),
        ([{"role": "user", "content": "一"}, {"role": "assistant", "content": "答一"}], ["一", "答一"]),
        (None, []),
        ([], []),
    ],
)
def test_histories(tmp_path: Path, history: Any, before: list[str]) -> None:
    data = dumped({"instruction": Q, "output": A, "history": history})
    assert turns(tmp_path / "x", data) == [[*before, Q, A]]


@pytest.mark.parametrize("history", ["一", ["一", "二"], [["一", "二", "三"]], [{"role": "谁", "content": "一"}], 7])
def test_a_history_of_another_make_up_is_rejected(tmp_path: Path, history: Any) -> None:
    assert turns(tmp_path / "x", dumped({"instruction": Q, "output": A, "history": history})) == ["bad_history"]


def test_parts_of_a_message(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "一"}, {"type": "text", "text": "二"}]
    assert turns(tmp_path / "x", dumped({"messages": [{"role": "user", "content": parts}, SAID[1]]})) == [["一\n二", A]]
    parts.append({"type": "image_url", "text": "三"})
    assert turns(tmp_path / "x", dumped({"messages": [{"role": "user", "content": parts}]})) == ["not_text"]


def test_nuls_tabs_and_missing_numbers_cost_no_file(tmp_path: Path) -> None:
    data = '[{"question":"头\0痛\t","answer":"休息。"},{"question":"头痛","answer":NaN},{"question":true,"answer":1}]'
    assert turns(tmp_path / "x", data) == [["头\0痛\t", "休息。"], ["头痛", ""], "not_text"]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ('[\n// 注释\n{"question":"问","answer":"答。"}\n]', r"x:2:1: not JSON"),
        ('{"question":"问","answer":"答。"} // 注释\n', r"x:1:\d+: not JSON lines: more text behind the record"),
        (dumped(TWO[0]) + ",\n" + dumped(TWO[1]) + ",\n", r"x:1:\d+: not JSON lines: a comma .* lines' ends"),
        (dumped(TWO[0]) + dumped(TWO[1]), r"x:1:\d+: .*Put each record on a line of its own"),
        (dumped(TWO) + "\n" + dumped(TWO), r"x:2:1: not JSON \(more text behind the closing bracket"),
        ("[{'question': '问', 'answer': '答。'}]", r"x:1:3: not JSON .*double quotes"),
        (dumped({"question": Q}).encode("utf-32"), "x: UTF-32"),
        (f"question,answer\n{Q},{A * 9}".encode()[:-1], r"x: UTF-8 that ends inside a character, at byte \d+"),
    ],
)
def test_what_is_refused_is_named_with_the_remedy(tmp_path: Path, data: bytes | str, error: str) -> None:
    with pytest.raises(DataError, match=error):
        entries(tmp_path / "x", data)


def test_a_workbook_as_people_keep_it(tmp_path: Path) -> None:
    """A title, merged cells, empty first lines, a cover, columns of one name, days, formulas that came to nothing."""
    first = [["2023年问诊记录"], [], ["科室", "问题", "回答", "回答"], ["内科", Q, A, "另一个"], [None, "二", A]]
    second = [["封面"]]
    third = [[None, None, "问题", "回答"], [None, None, "复诊是哪天？", date(2023, 5, 12)], [None, None, "#N/A", A]]
    fourth = [["问题", "回答"], ["几点？", datetime(2023, 5, 12, 8, 30)], ["体温", 38.5], ["剂量", 0.00005]]
    assert turns(tmp_path / "x.xlsx", workbook(first, second, third, fourth)) == [
        [Q, A],
        ["二", A],
        ["复诊是哪天？", "2023-05-12"],
        ["", A],
        ["几点？", "2023-05-12 08:30:00"],
        ["体温", "38.5"],
        ["剂量", "0.00005"],
    ]


def test_a_cell_beyond_the_table_is_not_dropped(tmp_path: Path) -> None:
    assert turns(tmp_path / "x.xlsx", workbook([["问题", "回答"], [Q, A, "还有"], [Q, A]])) == ["ragged_row", [Q, A]]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (columns(messages=[SAID]), [[Q, A]]),
        (columns(question=pyarrow.array([Q, Q]).dictionary_encode(), answer=[A, "二"]), [[Q, A], [Q, "二"]]),
        (columns(question=pyarrow.array([Q.encode()]), answer=pyarrow.array([A], pyarrow.large_string())), [[Q, A]]),
        (columns(question=[Q], answer=[A], when=[datetime(2023, 5, 1)], tags=[{"a": date(2023, 5, 1)}]), [[Q, A]]),
        (
            columns(question=["电话？", "体温？"], answer=[13800001234.0, None]),
            [["电话？", "13800001234"], ["体温？", ""]],
        ),
        (columns(question=["几度？", "几度？"], answer=[38.5, float("nan")]), [["几度？", "38.5"], ["几度？", ""]]),
        (columns(question=pyarrow.array([b"\xff\xfe\xd8"]), answer=[A]), [["\ufffd", A]]),
        (columns(instruction=["二"], output=["三"], history=[[[Q, A]]]), [[Q, A, "二", "三"]]),
        (columns(Question=[Q], Answer=[A]), [[Q, A]]),
    ],
)
def test_parquet_as_data_frames_write_it(tmp_path: Path, data: bytes, expected: list[Any]) -> None:
    assert turns(tmp_path / "x.parquet", data) == expected


@pytest.mark.parametrize(
    "data",
    [
        "主诉,现病史,医嘱,用药\n咳,三天,喝水。,\n",
        dumped([{"主诉 ": "咳", "现病史": "三天", "医嘱": "喝水。", "用药": None}]),
        dumped({"主诉": ["咳", "又说"], "现病史": "三天", "医嘱": "喝水。", "用药": ""}),
    ],
)
def test_a_mapping_serves_tables_and_json_alike(tmp_path: Path, data: str) -> None:
    (tmp_path / "m.yaml").write_text("question: [主诉, 现病史]\nanswer: [医嘱, 用药]\n", "utf-8")
    assert turns(tmp_path / "x", data, read_mapping(tmp_path / "m.yaml")) == [["咳\n三天", "喝水。"]]


def test_a_mapping_finds_keys_with_capitals_and_spaces(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text("question: Chief Complaint\nanswer: Advice\n", "utf-8")
    mapping = read_mapping(tmp_path / "m.yaml")
    assert turns(tmp_path / "x", dumped([{"Chief Complaint": "Cough", "Advice": "Rest."}]), mapping) == [
        ["Cough", "Rest."]
    ]


@pytest.mark.parametrize(
    "written",
    [
        dumped({"question": [Q, Q + "急"], "answer": [A, A + "多休息。"]}),
        dumped({"question": {"0": Q, "1": Q + "急"}, "answer": {"0": A, "1": A + "多休息。"}}, indent=1),
    ],
)
def test_a_table_by_columns_is_read_row_by_row(tmp_path: Path, written: str) -> None:
    assert turns(tmp_path / "x.json", written) == [[Q, A], [Q + "急", A + "多休息。"]]


def test_a_table_in_a_folder_is_a_corpus_also_when_its_first_thousand_rows_are_ragged(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("question,answer\n" + f"{Q},{A},三\n" * 1001 + f"{Q},{A}\n", "utf-8")
    found = [e for source in read(SourceFile(tmp_path / "x.csv", "x.csv", False)) for e in source.entries]
    assert [entry.reason for entry in found] == ["ragged_row"] * 1001 + [""]
