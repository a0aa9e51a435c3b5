"""`doctorglm demo` in miniature: a tenth of its dialogues, a random model, two steps."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from doctorglm import demo
from doctorglm.__main__ import main
from doctorglm.consult import LABEL
from doctorglm.language import Text
from doctorglm.recipe import Recipe, load_recipe
from doctorglm.recipe.show import streaming
from doctorglm.runs import read_json

from ..house import write_base

SMALL = {
    "tune.max_steps": 2,
    "tune.max_length": 1024,
    "evaluate.max_length": 1024,
    "evaluate.max_new_tokens": 4,
    "evaluate.dialogues": 3,
    "evaluate.gate_suites": False,
    "compare.resamples": 1000,
}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a small demo would write."""
    for name, lines in (("DATA", 45), ("HELD_OUT", 8)):
        some = getattr(demo, name).read_text("utf-8").splitlines(keepends=True)[:lines]
        (tmp_path / f"{name}.jsonl").write_text("".join(some), "utf-8")
        monkeypatch.setattr(demo, name, tmp_path / f"{name}.jsonl")
    base = write_base(tmp_path / "base", max_sequence_length=1100)
    changes = {**SMALL, "base": str(base)}

    def load(path: Path, overrides: Mapping[str, Any]) -> Recipe:
        return load_recipe(path, {**overrides, **changes})

    monkeypatch.setattr("doctorglm.tune.stage._write_page", lambda *arguments: "report.html")
    monkeypatch.setattr(demo, "load_recipe", load)
    return tmp_path / "out"


def test_the_demo_leaves_what_is_promised_and_shows_it_again(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(small), "--json"]) == 3
    printed = json.loads(capsys.readouterr().out)
    assert printed == read_json(small / "summary.json")
    assert {"base", "tuned", "gate", "seconds", "peak_memory_mb"} <= printed.keys()
    assert printed["gate"] == read_json(small / "compare" / "gate.json") and printed["gate"]["passed"] is False
    stages = {p.name for p in small.iterdir() if p.is_dir()}
    assert stages == {"curate", "library", "tune", "placebo-data", "placebo", "evaluate", "compare"}
    page = (small / "report.html").read_text("utf-8")
    assert f"doctorglm demo --out {small}" in page
    before = (small / "summary.json").read_bytes()
    assert main(["--lang", "zh", "demo", "--out", str(small)]) == 3
    shown = capsys.readouterr().out
    assert shown.count(LABEL.zh) == 3 and shown.count("患者：") == 3, "every answer stands under its label"
    assert "✕ 未通过" in shown and printed["gate"]["sentence"]["zh"] in shown
    assert f"报告：{small / 'report.html'}" in shown
    answers = read_json(small / "answers.json")
    for answer in answers:
        assert answer["question"] in shown
        assert answer["cited"].get("sources", "") in shown, "what the library answers stands with its sources"
    assert all("label" in answer["cited"] for answer in answers)
    first, second = json.loads(before), read_json(small / "summary.json")
    assert first | {"seconds_now": 0} == second | {"seconds_now": 0}


def test_the_demo_is_on_the_embedded_base_and_its_own_data() -> None:
    recipe = load_recipe(demo.RECIPE, {"sources": [str(demo.DATA)]})
    assert recipe.base == "embedded" and recipe.evaluate is not None
    for data in (demo.DATA, demo.HELD_OUT):
        assert data.is_file() and data.is_relative_to(Path(demo.__file__).parent)


def test_what_a_model_says_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    ask: Callable[[str], Any] | None = streaming(quiet=False)
    assert ask is not None and streaming(quiet=True) is None
    show = ask("头痛\x1b[2J [bold]怎么办[/bold]")
    show(Text(en="tuned", zh="微调后"), "")
    show(Text(en="tuned", zh="微调后"), "休息\x1b]0;x\x07 [red]。")
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\x07" not in shown
    assert "[bold]怎么办[/bold]" in shown and "[red]。" in shown and "tuned: 休息" in shown
    assert shown.index(LABEL.en) < shown.index("休息")
