"""`inspect deid` and `inspect terms`: each line with its fields, and what was found, in code points."""

import json
from pathlib import Path

import pytest

from doctorglm.clinical.inspect import detector, identifiers, inspected
from doctorglm.errors import ConfigError, DataError


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


def test_terms_have_text_norm_type_status_and_their_place(tmp_path: Path) -> None:
    path = lines(tmp_path / "x", {"id": 1, "text": "😀宝宝高烧两天，没有咳嗽", "terms": "old"})
    (result,) = inspected(path, detector("terms"))
    assert result == {
        "id": 1,
        "text": "😀宝宝高烧两天，没有咳嗽",
        "terms": [
            {"text": "高烧", "norm": "发烧", "type": "symptom", "status": "present", "start": 3, "end": 5},
            {"text": "咳嗽", "norm": "咳嗽", "type": "symptom", "status": "denied", "start": 10, "end": 12},
        ],
    }


@pytest.mark.parametrize("roles", [("user", "assistant"), ("患者", "医生"), (None, None)])
def test_terms_of_messages_take_the_answers(tmp_path: Path, roles: tuple[str | None, str | None]) -> None:
    said = [(roles[0], "头痛"), (roles[1], "发烧吗？"), (roles[0], "没有")]
    messages = [{"content": text} | ({"role": role} if role else {}) for role, text in said]
    (result,) = inspected(lines(tmp_path / "x", {"messages": messages}), detector("terms"))
    found = [(t["message"], t["norm"], t["status"]) for t in result["terms"]]
    assert found == [(0, "头痛", "present"), (1, "发烧", "denied")]


def test_a_detector_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match="deid, terms"):
        detector("nothing")
