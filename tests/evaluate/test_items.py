"""items.jsonl: what is written is read, and what is broken is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from doctorglm.errors import DataError
from doctorglm.evaluate.items import DialogueItem, Item, LikelihoodItem, read_evaluation, write_items
from doctorglm.runs import write_json

NATS: dict[str, Any] = {"id": "a", "suite": "likelihood", "nats": 1.5, "tokens": 3}
SAID: dict[str, Any] = {
    "id": "a",
    "suite": "dialogue",
    "answer": "多喝水",
    "tokens": 4,
    "finish": "stop",
    "seconds": 0.1,
    "repetition": 0.0,
    "loop": 0,
    "ends": True,
}


def put(directory: Path, *records: Any, **run: Any) -> Path:
    lines = [record if isinstance(record, str) else json.dumps(record, ensure_ascii=False) for record in records]
    (directory / "items.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_json(directory / "run.json", {"status": "finished", "inputs": {"base": "b"}, **run})
    return directory


def test_what_is_written_is_read(tmp_path: Path) -> None:
    items: list[Item] = [
        LikelihoodItem(id="二", nats=2.5, tokens=2),
        LikelihoodItem(id="一", nats=0.0, tokens=1),
        # U+2028 and U+0085 stand in answers and end no line of JSON
        DialogueItem(
            id="一", answer="多\u2028喝\x85水", tokens=0, finish="loop", seconds=1, repetition=1, loop=30, ends=False
        ),
    ]
    put(tmp_path)
    write_items(tmp_path / "items.jsonl", items)
    found = read_evaluation(tmp_path)
    assert [*found.likelihood.values(), *found.dialogue.values()] == items
    assert list(found.likelihood) == ["二", "一"]
    assert (tmp_path / "items.jsonl").stat().st_mode & 0o777 == 0o600


def test_later_fields_and_kinds_are_passed_over(tmp_path: Path) -> None:
    later = {"id": "a", "suite": "poems", "kind": "verse", "feet": 5}
    found = read_evaluation(put(tmp_path, {**SAID, "metre": "内科"}, "", later))
    assert list(found.dialogue) == ["a"]
    assert not found.likelihood
    assert set(found.suites) == {"dialogue"}


def test_the_run_names_models_and_data(tmp_path: Path) -> None:
    bare = read_evaluation(put(tmp_path, NATS))
    assert (bare.base, bare.model, bare.adapter, bare.test_hashes) == ("b", "b", None, {})
    inputs = {"base": "b", "adapter": "a", "data": "d", "suites": "s"}
    tuned = read_evaluation(put(tmp_path, NATS, inputs=inputs, settings={"adapter": "runs/one/adapter"}))
    assert (tuned.base, tuned.model, tuned.adapter) == ("b", "a", Path("runs/one/adapter"))
    assert tuned.test_hashes == {"data": "d", "suites": "s"}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({**NATS, "nats": float("nan")}, r"items.jsonl:2: item 'a': `nats`=nan"),
        ({**NATS, "nats": float("inf")}, r"`nats`=inf"),
        ({**NATS, "nats": -0.1}, r"`nats`=-0.1"),
        ({**NATS, "nats": "1.5"}, r"`nats`='1.5'"),
        ({**NATS, "tokens": 0}, r"`tokens`=0"),
        ({**NATS, "tokens": 2.5}, r"`tokens`=2.5"),
        ({**SAID, "finish": "timeout"}, r"`finish`='timeout'"),
        ({**SAID, "repetition": 1.2}, r"`repetition`=1.2"),
        ({**SAID, "ends": "yes"}, r"`ends`='yes'"),
        ({k: v for k, v in SAID.items() if k != "answer"}, r"`answer`: "),
        ('{"id": "a", "suite": "likelih', r"items.jsonl:2: not an item"),
        ("[1, 2]", "not an item"),
        ('{"id": "a"}', "not an item"),
        (SAID, r"items.jsonl:2: item 'a' of suite dialogue is there twice"),
    ],
)
def test_a_broken_item_is_named(tmp_path: Path, record: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_evaluation(put(tmp_path, SAID, record))


def test_an_evaluation_that_is_not_there_or_not_finished(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"items.jsonl: no such file. `doctorglm evaluate"):
        read_evaluation(tmp_path)
    put(tmp_path, NATS, status="running")
    with pytest.raises(DataError, match="not finished"):
        read_evaluation(tmp_path)
    put(tmp_path, NATS, inputs={})
    with pytest.raises(DataError, match="base model's sha256"):
        read_evaluation(tmp_path)
    put(tmp_path, NATS)
    (tmp_path / "run.json").unlink()
    with pytest.raises(DataError, match=r"run.json: no such file"):
        read_evaluation(tmp_path)
    put(tmp_path)
    with pytest.raises(DataError, match="no items of a known kind"):
        read_evaluation(tmp_path)
    (tmp_path / "items.jsonl").write_bytes(b'{"id": "\xff"}')
    with pytest.raises(DataError, match="not UTF-8 at byte 8"):
        read_evaluation(tmp_path)
