"""Which documents are held out: a quarter by the sha256 of their names, whole, and never the files' order."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from doctorglm.errors import DataError
from doctorglm.recipe.translation.held_out import hold_out

from .small import written

# sha256sum of the names: its last hexadecimal digit, of which the remainder by four is that of all of it
LAST = {"CMU_9": "0", "a": "b", "b": "d", "c": "6", "f": "1", "paper-7": "c"}


def held(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (path / "test.jsonl").read_text("utf-8").splitlines()]


@pytest.fixture
def lines(tmp_path: Path) -> Callable[[], Path]:
    def write() -> Path:
        records = [{"en": f"{name} {i}.", "zh": f"{i}。", "source": f"{name}:{i}"} for i in (1, 2) for name in LAST]
        return written(tmp_path / "pairs.jsonl", records)

    return write


def test_a_quarter_of_the_documents_whole(lines: Callable[[], Path], tmp_path: Path) -> None:
    for name, last in LAST.items():
        assert sha256(name.encode()).hexdigest()[-1] == last
    run = hold_out(lines(), tmp_path / "out", 4)

    assert [(one["document"], one["en"]) for one in held(tmp_path / "out")] == [
        ("CMU_9", "CMU_9 1."), ("paper-7", "paper-7 1."), ("CMU_9", "CMU_9 2."), ("paper-7", "paper-7 2."),
    ]  # fmt: skip
    assert run.record["counts"] == {"pairs": 4, "documents": 2, "of_documents": 6}


def test_one_in_one_is_all_of_them(lines: Callable[[], Path], tmp_path: Path) -> None:
    assert hold_out(lines(), tmp_path / "out", 1).record["counts"]["pairs"] == 12


def test_none_is_told(lines: Callable[[], Path], tmp_path: Path) -> None:
    with pytest.raises(DataError) as told:
        hold_out(lines(), tmp_path / "out", 1_000_003)

    assert "of its 6 documents none is held out with test_one_in=1000003. Lower it." in told.value.text.en
    assert "6 个文档中没有一个被留出" in told.value.text.zh
    assert not (tmp_path / "out" / "test.jsonl").exists()
