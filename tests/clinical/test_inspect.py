"""`inspect deid`: each line with its fields, the spans in code points, and the text without them."""

import json
from pathlib import Path

import pytest

from doctorglm.clinical.inspect import identifiers, inspected
from doctorglm.errors import DataError


def lines(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def test_a_text_keeps_its_fields_and_results_win(tmp_path: Path) -> None:
    path = lines(tmp_path / "x", {"id": 7, "text": "😀我叫王小明", "spans": "old", "other": [1]})
    (result,) = inspected(path, identifiers)
    assert result == {
        "id": 7,
        "text": "😀我叫王小明",
        "other": [1],
        "spans": [{"start": 3, "end": 6, "type": "name", "text": "王小明"}],
        "masked": "😀我叫[name]",
    }


def test_messages_have_their_index(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "头痛"}, {"role": "assistant", "content": "住院号A00123"}]
    (result,) = inspected(lines(tmp_path / "x", {"messages": messages}), identifiers)
    assert result["spans"] == [{"message": 1, "start": 3, "end": 9, "type": "mrn", "text": "A00123"}]
    assert result["masked"] == ["头痛", "住院号[mrn]"]


@pytest.mark.parametrize("line", ["{", "[1]", '{"text": 5}', '{"messages": []}', '{"messages": ["a"]}', "{}"])
def test_a_line_without_text_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "x"
    path.write_text('{"text": "a"}\n\n' + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"x:3: "):
        list(inspected(path, identifiers))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        list(inspected(tmp_path / "none", identifiers))
