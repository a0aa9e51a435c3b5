"""A container is recognised by content; nothing in it is lost."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.errors import DataError
from doctorglm.files.archives import Content
from doctorglm.files.formats import Row, format_of


def rows(text: str, name: str) -> list[Row]:
    return list(format_of(Content(name, lambda: io.BytesIO(text.encode())), lambda _: False).rows())


RECORDS = [{"instruction": f"问题{i}", "output": f"回答{i}。"} for i in range(3)]
ARRAY = json.dumps(RECORDS, ensure_ascii=False, indent=1)
LINES = "\n".join(json.dumps(r, ensure_ascii=False) for r in RECORDS)


@pytest.mark.parametrize("text", [ARRAY, LINES, LINES + "\n\n", LINES.replace("\n", "\r\n"), "\n " + ARRAY])
def test_array_and_lines_hold_the_same_records(text: str) -> None:
    assert [row.fields for row in rows(text, "x")] == RECORDS


def test_one_record_over_several_lines() -> None:
    assert [row.fields for row in rows(json.dumps(RECORDS[0], indent=2), "x")] == RECORDS[:1]


def test_line_separators_inside_a_string_do_not_break_json_lines() -> None:
    record = {"instruction": "一\u2028二\u0085三", "output": "四"}
    text = json.dumps(record, ensure_ascii=False) + "\n" + LINES
    assert [row.fields for row in rows(text, "x")] == [record, *RECORDS]


def test_a_trailing_comma_is_named_with_line_column_and_repair() -> None:
    with pytest.raises(DataError, match=r"^问答\.json:5:\d+: .*comma.*Remove that comma"):
        rows("[\n" + ",\n".join(json.dumps(r) for r in RECORDS) + ",\n]", "问答.json")


@pytest.mark.parametrize("whole", [ARRAY, LINES])
def test_a_cut_file_is_refused_wherever_it_is_cut(whole: str) -> None:
    # behind the third record's opening bracket, so that what is left is never whole
    start = whole.rindex("{") + 1
    for end in range(start, len(whole) - 1):
        with pytest.raises(DataError, match=r"x:\d+:\d+: not JSON"):
            rows(whole[:end], "x")


def test_a_cut_string_is_called_cut() -> None:
    with pytest.raises(DataError, match="cut off"):
        rows(ARRAY[:-10], "x")


def test_a_broken_line_is_named_by_number() -> None:
    with pytest.raises(DataError, match="x:2:16"):
        rows('{"a": 1}\n{"instruction" "b"}\n', "x")


@pytest.mark.parametrize("bad", ['{"a": ' + "9" * 5000 + "}", '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"])
def test_json_that_python_refuses_is_an_error_of_the_input(bad: str) -> None:
    with pytest.raises(DataError, match="x:2"):
        rows('{"a": 1}\n' + bad, "x")


def test_values_that_are_no_objects_are_rejected_by_number() -> None:
    found = rows('[{"a": 1}, 7, "text"]', "x")
    assert [(row.number, row.reason) for row in found] == [(1, ""), (2, "not_an_object"), (3, "not_an_object")]


HEADER = "department,title,ask,answer\n"


def test_a_table_keeps_quoted_commas_and_line_breaks() -> None:
    found = rows(HEADER + '内科,"a,b","一\n二",答。\n外科,c,d,e\n', "x")
    assert [row.fields["ask"] for row in found if row.fields] == ["一\n二", "d"]
    assert [row.number for row in found] == [2, 4]


def test_a_row_with_an_unquoted_comma_and_line_break_is_rejected_once() -> None:
    found = rows(HEADER + "内科,a,b,c。\n内科,t,q,第一，句, 二\n第三句。\n内科,d,e,f。\n", "x")
    assert [(row.number, row.reason) for row in found] == [(2, ""), (3, "ragged_row"), (5, "")]


def test_an_answer_broken_without_quotes_is_not_kept_in_half() -> None:
    found = rows(HEADER + "内科,a,b,第一句。\n第二句。\n内科,d,e,f。\n", "x")
    assert [(row.number, row.reason) for row in found] == [(2, "ragged_row"), (4, "")]


def test_a_quote_that_is_never_closed_costs_one_row() -> None:
    good = "".join(f"内科,t{i},q{i},a{i}。\n" for i in range(50))
    found = rows(HEADER + '内科,"t,q,a。\n' + good, "x")
    assert found[0].reason == "ragged_row"
    assert [row.fields["answer"] for row in found if row.fields] == [f"a{i}。" for i in range(50)]


def test_a_quote_that_another_row_closes_costs_only_these_two() -> None:
    text = HEADER + '内科,"t,q,a。\n内科,t1,q1,a1。\n内科,"t2",q2,a2。\n内科,t3,q3,a3。\n'
    found = rows(text, "x")
    assert [row.fields["title"] for row in found if row.fields] == ["t1", "t2", "t3"]
    assert [row.reason for row in found if row.reason] == ["ragged_row"]


def test_a_field_of_ten_million_characters() -> None:
    (row,) = rows(HEADER + f'内科,t,"{"长" * 10_000_000}",a\n', "x")
    assert row.fields and len(row.fields["ask"]) == 10_000_000


@pytest.mark.parametrize("text", ["", "   \n", "MIT License\n\nCopyright", "a,a\n1,2\n"])
def test_what_is_no_table_has_no_rows(text: str) -> None:
    assert rows(text, "x") == []


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1, max_size=30).filter(
    lambda s: s.strip() != ""
)


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=8))
def test_what_the_csv_module_writes_is_read_back(table: list[tuple[str, str, str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([("title", "ask", "answer"), *table])
    assert [tuple((row.fields or {}).values()) for row in rows(out.getvalue(), "x")] == table
