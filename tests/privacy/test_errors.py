"""What is wrong is told without what is in it: damaged files, wrong settings, faults of ours."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from .patients import Writer, table, write_lines, write_workbook
from .scene import EN, ZH, Scene


def test_damaged_files_are_named_without_what_is_in_them(scene: Scene, world: Path) -> None:
    good = write_lines(world / "damaged" / "good.jsonl", [Writer("zh", ZH, 6).instruction() for _ in range(8)])
    out = scene.written / "with damage"
    assert scene.run("curate", good.parent, "--out", out) == 2
    assert sum(bool(file["damaged"]) for file in json.loads((out / "run.json").read_text("utf-8"))["files"]) >= 8
    for path in sorted(good.parent.iterdir()):
        for options in ((), ("--debug",), ("--json", "--lang", "zh")):
            scene.run("curate", path, "--out", scene.written / f"only {path.name}", *options)
    assert scene.leaks() == {}


def test_a_library_that_warns_of_a_cell_quotes_nobody(scene: Scene, world: Path, recwarn: Any) -> None:
    path = write_workbook(world / "days.xlsx", Writer("zh", ZH, 8))
    with pytest.warns(UserWarning, match="1[0-9]{10}"):
        list(openpyxl.load_workbook(path, read_only=True).active.values)
    recwarn.clear()
    assert scene.run("curate", path, "--out", scene.written / "days") == 0
    assert not recwarn.list
    assert scene.leaks() == {}


def test_errors_quote_nobody(scene: Scene, world: Path) -> None:
    writer, wrong = Writer("zh", ZH, 7), world / "wrong"
    address = next(one for one in EN if one.type == "email")
    named, base = ZH[0].literal, ("--base", "embedded")
    text = {
        "headless.csv": table([writer.row() for _ in range(3)], ()),
        "keys.json": json.dumps([{ZH[0].literal: writer.question(), writer.next().literal: writer.answer()}]),
        "name.json": json.dumps([{named: "x"}]),
        "patients.yaml": "".join(f"{key}: {one.sentence}\n" for key, one in zip(("question", named), ZH, strict=False)),
        "tag.yaml": f"question: !{named} x\n",
        "broken.yaml": f"question: x: {address.literal}\n",
        "named.yaml": f"{named}: {address.sentence}\n",
        "list.yaml": json.dumps([writer.sentence()]),
    }
    lines = {
        "role.jsonl": {"messages": [{"role": named, "content": "x"}]},
        "no-messages.jsonl": {named: writer.question(), writer.sentence(): 1},
        "content.jsonl": {"id": named, "messages": [{"role": "user", "content": {writer.sentence(): 1}}]},
        "meta.jsonl": {"messages": [{"role": "user", "content": "x"}], "meta": writer.sentence()},
        "number.jsonl": {"text": 16412345678, named: 1},
        "list.jsonl": [writer.sentence()],
        "unanswered.jsonl": {"id": named, "messages": [{"role": "user", "content": writer.sentence()}]},
    }
    wrong.mkdir()
    for name, said in text.items():
        (wrong / name).write_text(said, "utf-8")
        scene.run("run", wrong / name, "--out", scene.written / "wrong")
        scene.run("curate", scene.sources / "gb18030.csv", "--out", scene.written / "wrong", f"mapping={wrong / name}")
        scene.run("curate", wrong / name, "--out", scene.written / "wrong")
    for name, record in lines.items():
        data = write_lines(wrong / name / "train.jsonl", [record]).parent
        (data / "broken.jsonl").write_text(
            json.dumps(record, ensure_ascii=False)[:-1] + f" {writer.sentence()}", "utf-8"
        )
        for option in ("--debug", "--json"):
            scene.run("tune", *base, "--data", data, "--out", scene.written / "wrong", option)
            for file in ("train.jsonl", "broken.jsonl"):
                scene.run(
                    "evaluate", "--model", "embedded", "--suite", data / file, "--out", scene.written / "w", option
                )
                scene.run("inspect", "deid", data / file, option, shown=True)
    assert sum("error: " in said for said in scene.said) > 50
    assert not [said for said in scene.said if "fault of DoctorGLM" in said]
    assert scene.leaks() == {}


def test_a_fault_of_ours_quotes_nobody(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(error: Exception) -> Callable[..., None]:
        def rejects(*_: Any, **__: Any) -> None:
            try:
                raise KeyError(ZH[1].literal)
            except KeyError:
                raise error from None if isinstance(error, ValueError) else KeyError(ZH[2].sentence)

        return rejects

    for one in (*ZH[:15], *EN[:15]):
        for error in (
            ValueError(f"could not convert {one.literal!r}"),
            LookupError(one.sentence),
            KeyError(one.literal),
        ):
            error.add_note(one.sentence)
            monkeypatch.setattr("doctorglm.curate.curate", fails(error))
            for option in ("--json", "--debug"):
                assert scene.run("curate", scene.sources, "--out", scene.written / "never", option) == 1
    assert all(f"{kind}" in "".join(scene.said) for kind in ("ValueError", "LookupError", "KeyError", "in rejects"))
    assert scene.leaks() == {}
