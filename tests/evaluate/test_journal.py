"""Finished items outlive a kill, and only what is finished is kept."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from doctorglm.evaluate.items import DialogueItem
from doctorglm.evaluate.journal import Batch, Journal

SAID = DialogueItem(id="a", answer="多喝水", tokens=1, finish="stop", seconds=0.1, repetition=0.0, loop=0, ends=True)


class Work:
    """Two items at a time, the last first; stops after `batches`."""

    def __init__(self, batches: int = 99, **changed: Any) -> None:
        self.batches, self.changed, self.asked = batches, changed, [""] * 0

    def __call__(self, waiting: Sequence[str]) -> Iterator[Batch]:
        places = list(reversed(range(len(waiting))))
        for start in range(0, len(places), 2):
            if self.batches == 0:
                raise KeyboardInterrupt
            self.batches -= 1
            chosen = places[start : start + 2]
            self.asked += [waiting[i] for i in chosen]
            yield [(i, replace(SAID, id=waiting[i], **self.changed)) for i in chosen]


def complete(path: Path, work: Work, names: str = "abcde", **identity: str) -> list[str]:
    journal = Journal(path, identity)
    told: list[float] = []
    found = journal.completed([(journal.key(n), n) for n in names], work, lambda r: DialogueItem(**r), told.append)
    assert told == sorted(told) and (not told or told[-1] == 1.0)
    return [item.id for item in found]


def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "finished.jsonl"
    with pytest.raises(KeyboardInterrupt):
        complete(path, Work(batches=1))
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("a") as out:
        out.write('{"key": "half a li')
    rest = Work()
    assert complete(path, rest) == [*"abcde"]
    assert sorted(rest.asked) == ["a", "b", "c"]
    again = Work()
    assert complete(path, again) == [*"abcde"] and again.asked == []


def test_another_model_is_asked_anew(tmp_path: Path) -> None:
    complete(tmp_path / "f", Work(), base="one")
    other = Work()
    complete(tmp_path / "f", other, base="two")
    assert sorted(other.asked) == [*"abcde"]


@pytest.mark.parametrize("changed", [{"error": "no answer"}, {"answer": ""}])
def test_what_failed_or_is_empty_is_tried_again(tmp_path: Path, changed: dict[str, str]) -> None:
    assert complete(tmp_path / "f", Work(**changed)) == [*"abcde"]
    again = Work()
    complete(tmp_path / "f", again)
    assert sorted(again.asked) == [*"abcde"]


def test_items_are_read_back_as_they_were(tmp_path: Path) -> None:
    item = replace(SAID, question=[{"role": "user", "content": "头疼\u2028"}], figures={"echo": 0.5, "terms": None})
    journal = Journal(tmp_path / "f", {})
    journal.completed([("k", "a")], lambda w: [[(0, item)]], lambda r: DialogueItem(**r), lambda _: None)
    read = Journal(tmp_path / "f", {}).completed([("k", "a")], Work(), lambda r: DialogueItem(**r), lambda _: None)
    assert read == [item]
    journal.remove()
    assert not (tmp_path / "f").exists()
