"""Forms besides JSON and tables of commas: delimiters, spoken lines, literals, workbooks, Parquet; and cut files."""

import io
import json
import random
import zipfile
from datetime import date
from typing import Any

import openpyxl
import pyarrow
import pytest
from pyarrow import parquet

from doctorglm.curate.readers import reader_for
from doctorglm.errors import DataError
from doctorglm.files.archives import Content
from doctorglm.files.formats import Format, Row, format_of


def form_of(data: bytes | str) -> Format:
    content = Content("x", lambda: io.BytesIO(data.encode() if isinstance(data, str) else data))
    return format_of(content, lambda columns: reader_for(columns) is not None)


def rows(data: bytes | str) -> list[Row]:
    return list(form_of(data).rows())


def utterances(data: str) -> list[list[str]]:
    return [row.fields["utterances"] for row in rows(data) if row.fields]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimiters(delimiter: str) -> None:
    table = "\r\n".join(delimiter.join(cells) for cells in (["Title", "ask", "ANSWER"], ["a", "b", "c"]))
    assert [row.fields for row in rows(table)] == [{"title": "a", "ask": "b", "answer": "c"}]


def test_an_object_around_the_records_and_records_over_several_lines() -> None:
    records = [{"question": f"问{i}", "answer": "答"} for i in range(3)]
    wrapped = json.dumps({"version": 1, "data": records}, ensure_ascii=False, indent=1)
    assert [row.fields for row in rows(wrapped)] == records
    printed = "\n".join(json.dumps(r, ensure_ascii=False, indent=2) for r in records)
    assert [(row.number, row.fields) for row in rows(printed)] == [(1, records[0]), (5, records[1]), (9, records[2])]
    one = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "id": 1}
    assert [row.fields for row in rows(json.dumps(one, indent=1))] == [one]


def test_numbers_and_records_across_the_border_of_two_reads() -> None:
    for shift in range(3):
        big = [{"a": "x" * ((1 << 20) - 12 - shift)}, 1234567, {"b": "\\u4e2d\n" * 300_000}, {"c": 1}]
        found = [(row.number, row.fields) for row in rows(json.dumps(big))]
        assert found == [(1, big[0]), (2, None), (3, big[2]), (4, big[3])]


def test_a_list_of_lists_is_spoken() -> None:
    talks = [["病人：疼", "医生：休息。"], ["病人：咳", "医生：喝水。"]]
    assert utterances(json.dumps(talks)) == talks


def test_question_and_answer_lines() -> None:
    text = "常见问题\n\n问：高血压怎么办？\n答：低盐饮食。\n多运动。\n问：糖尿病呢？\n答：控制饮食。\n"
    assert utterances(text) == [
        ["问：高血压怎么办？", "答：低盐饮食。\n多运动。"],
        ["问：糖尿病呢？", "答：控制饮食。"],
    ]
    assert [row.number for row in rows(text)] == [3, 6]


def test_patient_and_doctor_go_on_until_an_empty_line() -> None:
    text = "患者：咳嗽\n医生：多久了？\n患者：三天\n医生：喝水。\n\n患者: 头痛\n医生: 休息。\n"
    assert [len(u) for u in utterances(text)] == [4, 2]


def test_meddialogs_raw_text() -> None:
    text = (
        "id=1\nhttp://x\nDoctor faculty\n某科\n\nDescription\n疾病： 感冒\n\n"
        "Dialogue\n病人：\n咳嗽三天\n\n医生：\n多喝水。\n病人：\n谢谢\n医生：\n不客气。\n\n"
        "Diagnosis and suggestions\n病情摘要及初步印象：\n感冒\n\n"
        "id=2\n\nDialogue\n病人：\n头痛\n医生：\n休息。\n"
    )
    found = utterances(text)
    assert [[u.split("\n")[-1] for u in talk] for talk in found] == [
        ["咳嗽三天", "多喝水。", "谢谢", "不客气。"],
        ["头痛", "休息。"],
    ]


def test_python_literals_are_read_and_not_run() -> None:
    record: dict[str, Any] = {"self_repo": "咳\n", "dialog": ["咳\n", "多久?"], "goal": {"a": True}}
    assert [row.fields for row in rows(f"train@[{record!r}, {record!r}]")] == [record, record]
    for bad in (f"train@[{record!r}, {{'a':", "train@[__import__('os')]", "train@[" + "[" * 10_000):
        with pytest.raises(DataError, match="x:1: not a list of Python literals"):
            rows(bad)


def workbook(*sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for values in sheets:
        sheet = book.create_sheet()
        for line in values:
            sheet.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbooks_cells_are_what_they_mean() -> None:
    first = [["问题", "回答", "电话", "住院号", None], ["咳嗽", "喝水。", 13800001234.0, "00450812", None], [None] * 5]
    second = [["问题", "回答"], ["头痛", date(2023, 5, 12)], ["多", "出", "一格"]]
    found = rows(workbook(first, [["封面"]], second))
    assert found[0].fields == {"问题": "咳嗽", "回答": "喝水。", "电话": "13800001234", "住院号": "00450812"}
    assert found[1].fields == {"问题": "头痛", "回答": "2023-05-12"}
    assert found[2].reason == "ragged_row"
    assert form_of(workbook(first)).form == "excel"


def test_a_number_in_exponential_form_is_a_telephone_number_again() -> None:
    out = io.BytesIO()
    plain = io.BytesIO(workbook([["问题", "电话"], ["咳嗽", 13800001234]]))
    with zipfile.ZipFile(plain) as book, zipfile.ZipFile(out, "w") as changed:
        for name in book.namelist():
            changed.writestr(name, book.read(name).replace(b"<v>13800001234</v>", b"<v>1.3800001234E10</v>"))
    assert [row.fields for row in rows(out.getvalue())] == [{"问题": "咳嗽", "电话": "13800001234"}]


def test_parquet() -> None:
    table = pyarrow.table({"Question": ["问", "问二"], "answer": ["答", None], "n": [[1], [2]]})
    out = io.BytesIO()
    parquet.write_table(table, out)
    assert [row.fields for row in rows(out.getvalue())] == [
        {"question": "问", "answer": "答", "n": [1]},
        {"question": "问二", "answer": None, "n": [2]},
    ]


def _examples() -> dict[str, bytes]:
    records = [{"question": f"问题{i}，怎么办？", "answer": f"回答{i}。" * 20} for i in range(40)]
    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(records), out)
    return {
        "json": json.dumps(records, ensure_ascii=False).encode(),
        "lines": "\n".join(json.dumps(r, ensure_ascii=False) for r in records).encode(),
        "gb18030": ("question,answer\n" + "".join(f"{r['question']},{r['answer']}\n" for r in records)).encode(
            "gb18030"
        ),
        "utf-16": ("question,answer\n" + "".join(f"{r['question']},{r['answer']}\n" for r in records)).encode("utf-16"),
        "literals": f"train@{records!r}".encode(),
        "excel": workbook([["question", "answer"], *([r["question"], r["answer"]] for r in records)]),
        "parquet": out.getvalue(),
    }


@pytest.mark.parametrize("name", _examples())
def test_a_file_that_is_cut_anywhere_is_an_error_or_loses_only_its_end(name: str) -> None:
    """Never another exception, never a record that the whole file does not hold, except one that was cut at its end."""
    data = _examples()[name]
    whole = [row.fields for row in rows(data)]
    assert len(whole) == 40
    draw = random.Random(0)
    for _ in range(60):
        try:
            found = [row.fields for row in rows(data[: draw.randrange(1, len(data) - 1)])]
        except DataError as error:
            assert str(error).startswith("x")
            continue
        assert name in ("lines", "gb18030", "utf-16")
        assert found[:-1] == whole[: max(0, len(found) - 1)]
