"""What is a student's folder, and what is told of one that is none."""

import json
from pathlib import Path
from typing import Any

import pytest

from doctorglm.errors import DataError, ModelError
from doctorglm.translate.student.folder import student_folder


def _change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")


def test_a_student_with_its_name_and_what_it_was_trained_with(student: Path) -> None:
    found = student_folder(student)
    assert found.name == f"student@{found.sha256[:12]}" and len(found.sha256) == 64
    assert found.tags and found.into == "" and found.positions == 128
    (student / "student.json").write_text('{"tags": false}', "utf-8")
    changed = student_folder(student)
    assert not changed.tags and changed.sha256 != found.sha256


def test_tags_need_their_words(student: Path) -> None:
    vocabulary = json.loads((student / "vocab.json").read_text("utf-8"))
    renamed = {f"x{word}" if word == "<as>" else word: number for word, number in vocabulary.items()}
    (student / "vocab.json").write_text(json.dumps(renamed), "utf-8")
    (student / "student.json").write_text('{"tags": true}', "utf-8")
    assert not student_folder(student).tags


def test_a_model_of_several_languages_is_told_which(of_languages: Path) -> None:
    assert student_folder(of_languages).into == ">>cmn_Hans<<"


@pytest.mark.parametrize("name", ["config.json", "source.spm", "target.spm", "vocab.json", "model.safetensors"])
def test_a_file_that_is_missing_is_named(name: str, student: Path) -> None:
    (student / name).unlink()
    with pytest.raises(ModelError) as raised:
        student_folder(student)
    assert f"{name} missing" in raised.value.text.en and f"缺少 {name}" in raised.value.text.zh


def _other_kind(folder: Path) -> None:
    _change(folder / "config.json", model_type="bart")


def _pad_first(folder: Path) -> None:
    _change(folder / "config.json", pad_token_id=0)


def _smaller(folder: Path) -> None:
    _change(folder / "config.json", vocab_size=7)


def _into_french(folder: Path) -> None:
    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    renamed = {">>fra<<" if word == "<as>" else word: number for word, number in vocabulary.items()}
    (folder / "vocab.json").write_text(json.dumps(renamed), "utf-8")


@pytest.mark.parametrize(
    ("spoil", "en", "zh"),
    [
        (_other_kind, "another kind of model", "模型类型不是 marian"),
        (_pad_first, "<pad> must be the last", "<pad> 必须是词表的最后一个"),
        (_smaller, "<pad> must be the last", "<pad> 必须是词表的最后一个"),
        (_into_french, "not into Simplified Chinese", "不译成简体中文"),
        (lambda folder: (folder / "config.json").write_text("[]", "utf-8"), "no JSON object", "不是 JSON 对象"),
    ],
)
def test_another_model_is_no_student(spoil: Any, en: str, zh: str, student: Path) -> None:
    spoil(student)
    with pytest.raises(ModelError) as raised:
        student_folder(student)
    assert en in raised.value.text.en and zh in raised.value.text.zh
    assert "doctorglm distill" in raised.value.text.en and "doctorglm distill" in raised.value.text.zh


def test_a_folder_that_is_not_there_and_a_file_that_is_damaged(tmp_path: Path, student: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        student_folder(tmp_path / "none")
    (student / "vocab.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match=r"vocab\.json: not JSON"):
        student_folder(student)
