"""The converted student: made once, whole or not at all, and again when the weights are others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doctorglm.errors import ModelError
from doctorglm.translate.student import convert
from doctorglm.translate.student.convert import converted
from doctorglm.translate.student.folder import student_folder


@pytest.fixture
def conversions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The precision of each conversion that was really made."""
    made: list[str] = []
    real: Callable[..., Any] = convert._convert

    def watched(folder: Any, target: Path, precision: Any) -> None:
        made.append(precision)
        real(folder, target, precision)

    monkeypatch.setattr(convert, "_convert", watched)
    return made


def test_it_is_made_once_a_precision_and_again_for_other_weights(student: Path, conversions: list[str]) -> None:
    first = converted(student_folder(student))
    assert first == student / "ct2-int8" and (first / "model.bin").is_file()
    converted(student_folder(student))
    assert conversions == ["int8"]
    assert converted(student_folder(student), "float32") == student / "ct2-float32"
    assert (student / "ct2-float32/model.bin").stat().st_size > 2 * (first / "model.bin").stat().st_size
    (student / "student.json").write_text("{}", "utf-8")
    before = json.loads((first / "made.json").read_text("utf-8"))["model"]
    converted(student_folder(student))
    assert conversions == ["int8", "float32", "int8"]
    assert json.loads((first / "made.json").read_text("utf-8"))["model"] != before


def test_one_that_was_broken_off_leaves_nothing_and_disturbs_nothing(
    student: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(folder: Any, target: Path, precision: Any) -> None:
        target.mkdir()
        (target / "model.bin").write_bytes(b"half")
        raise KeyboardInterrupt

    dead = student / ".ct2-int8.999999999.tmp"
    dead.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(convert, "_convert", half)
        with pytest.raises(KeyboardInterrupt):
            converted(student_folder(student))
    assert not list(student.glob("ct2*")) and not list(student.glob(".ct2*"))
    assert (converted(student_folder(student)) / "model.bin").stat().st_size > 1000


def test_a_folder_without_its_record_is_made_again(student: Path, conversions: list[str]) -> None:
    (student / "ct2-int8").mkdir()
    converted(student_folder(student))
    assert conversions == ["int8"]


def test_weights_that_are_none_are_told(student: Path) -> None:
    (student / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    with pytest.raises(ModelError, match="cannot be converted"):
        converted(student_folder(student))
    assert not list(student.glob("*ct2*"))
