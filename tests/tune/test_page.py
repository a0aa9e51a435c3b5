"""The run's page: what it says of the run, the command that repeats it, and that the model must not advise anyone."""

import json
import shlex
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from doctorglm.report.blocks import Commands, Figure, Page, Prose, Table, Verdict
from doctorglm.report.page import render
from doctorglm.settings import build, parse_overrides
from doctorglm.tune import page as tune_page
from doctorglm.tune.page import MUST_NOT_ADVISE, command_of, run_page, write_page
from doctorglm.tune.settings import TuneSettings

RESULTS: dict[str, Any] = {
    "counts": {
        "conversations": 31,
        "samples": 40,
        "supervised_tokens": 1234,
        "rejected": {"longer than 512 tokens": 2, "empty answer": 3, "refused by the chat template": 4},
        "valid": {"conversations": 7, "samples": 7, "supervised_tokens": 100, "rejected": {}},
    },
    "steps": 40,
    "tokens": 9000,
    "training_s": 125.4,
    "tokens_per_s": 71.8,
    "best": {"step": 30, "valid_loss": 2.3456},
    "parameters": {"trainable": 500, "all": 40_000},
}


def rows(valid: bool = True) -> list[dict[str, Any]]:
    """A loss that falls from 4.9; the validation loss is lowest at step 30."""
    made: list[dict[str, Any]] = []
    for step in range(1, 41):
        made.append({"step": step, "loss": 5 - step * 0.05, "learning_rate": 1e-3, "grad_norm": 1.0, "tokens": 225})
        if valid and step % 10 == 0:
            made[-1]["valid_loss"] = 2.3456 + 0.01 * abs(step - 30)
    return made


def page(**values: Any) -> Page:
    given = {"rows": rows(), "settings": TuneSettings(), "results": RESULTS, "command": "doctorglm tune", **values}
    return run_page(**given, subtitle="tune")


@pytest.fixture(scope="module")
def usual() -> Page:
    """Drawn once for those tests that look at different blocks of it."""
    return page()


@pytest.fixture
def drawn(usual: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take half a second; tests that look elsewhere are given one that is drawn already."""
    monkeypatch.setattr(tune_page, "curve", lambda *_, **__: block(usual, Figure).chart)


def block(of: Page, kind: type, number: int = 0) -> Any:
    return [b for b in of.blocks if isinstance(b, kind)][number]


def cells(table: Table, language: str = "en") -> list[list[str]]:
    return [[str(getattr(cell, language, cell)) for cell in row] for row in table.rows]


def test_the_first_sentence_says_what_was_kept(usual: Page) -> None:
    verdict = block(usual, Verdict)
    assert verdict.passed is None
    assert verdict.sentence.en == (
        "The validation loss is lowest after step 30 of 40, at 2.35 nats per token; the weights of that step were kept."
    )
    assert "第 30 步（共 40 步）最低，为 2.35" in verdict.sentence.zh
    assert [n.value for n in verdict.numbers] == ["2.35", "72", "2:05"]


@pytest.mark.usefixtures("drawn")
def test_without_validation_data_it_says_so() -> None:
    shown = page(rows=rows(valid=False), results={**RESULTS, "best": None})
    sentence = block(shown, Verdict).sentence.en
    assert sentence == "The training loss went from 4.95 to 3.00 nats per token in 40 steps; no data to validate on."
    assert block(shown, Figure).title.en == "The training loss over 40 steps"


def test_it_says_before_anything_else_that_the_model_must_not_advise(usual: Page) -> None:
    assert usual.blocks[1] is MUST_NOT_ADVISE
    prose = block(usual, Prose)
    assert "must not advise anyone" in prose.title.en and "不得用于为任何人提供建议" in prose.title.zh
    assert "passed no gate" in prose.text.en and "没有通过放行检查" in prose.text.zh


def test_the_curve_has_both_losses_and_the_best_step(usual: Page) -> None:
    figure = block(usual, Figure)
    assert figure.title.en == "The validation loss falls until step 30"
    assert figure.n.en == "n = 31 conversations to train on, 7 to validate on"
    for drawing in (figure.chart.wide.en, figure.chart.narrow.en):
        assert "Training" in drawing and "Validation" in drawing and "best: step 30, 2.35" in drawing
    assert "最佳：第 30 步，2.35" in figure.chart.wide.zh
    assert cells(figure.chart.table)[2][::2] == ["30", "2.346"]


@pytest.mark.usefixtures("drawn")
def test_a_curve_that_falls_to_the_end_says_so() -> None:
    shown = page(results={**RESULTS, "best": {"step": 40, "valid_loss": 2.4456}})
    assert block(shown, Figure).title.en == "The validation loss falls to the end"


def test_the_data_and_what_was_rejected(usual: Page) -> None:
    assert cells(block(usual, Table)) == [
        ["conversations", "31"],
        ["training sequences", "40"],
        ["tokens learned in one pass", "1,234"],
        ["answers rejected: longer than 512 tokens", "2"],
        ["answers rejected: empty answer", "3"],
        ["answers rejected: refused by the chat template", "4"],
        ["weights trained", "500"],
        ["share of all weights", "1.2\u202f%"],
    ]
    zh = [row[0] for row in cells(block(usual, Table), "zh")]
    assert zh[3:6] == ["剔除的回答：超过 512 个 token", "剔除的回答：回答为空", "剔除的回答：对话模板不接受"]


@pytest.mark.usefixtures("drawn")
def test_every_setting_is_shown_with_what_became_of_it() -> None:
    settings = TuneSettings(rslora=True, learning_rate=2e-5, schedule="constant")
    table = {row[0]: row[1:] for row in cells(block(page(settings=settings), Table, 1))}
    assert list(table) == [f.name for f in fields(TuneSettings)]
    assert table["rslora"] == ["true", "changed; default false"]
    assert table["learning_rate"] == ["2e-05", "changed; default 0.001"]
    assert table["muon_learning_rate"] == ["0.02", "not used in this run"]
    assert table["final_learning_rate"] == ["0.1", "not used in this run"]
    assert table["epochs"] == ["3", "default"]


@pytest.mark.parametrize(
    "settings",
    [
        TuneSettings(),
        TuneSettings(method="full", optimizer="muon", learning_rate=1e-5, max_steps=7, warmup=0),
        TuneSettings(rslora=True, lora_targets="q_proj, v_proj", seed=-3, checkpoint_every_s=1.5),
    ],
)
def test_the_command_makes_the_same_run(settings: TuneSettings) -> None:
    """Read back as the command line reads it, names with blanks and quotes and all."""
    command = command_of("my base", Path("数据/it's"), Path("runs/out"), settings)
    words = shlex.split(command)
    assert words[:8] == ["doctorglm", "tune", "--base", "my base", "--data", "数据/it's", "--out", "runs/out"]
    rest = words[8:]
    assert ("--method" in rest) == (settings.method != "lora")
    values = {"method": rest[1]} if rest[:1] == ["--method"] else {}
    values |= parse_overrides(rest[2:] if values else rest)
    assert build(TuneSettings, values, "tune") == settings
    assert len(values) == sum(getattr(settings, f.name) != getattr(TuneSettings(), f.name) for f in fields(settings))


@pytest.mark.usefixtures("drawn")
def test_the_page_is_written_in_both_languages(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
    path = write_page(tmp_path, "embedded", Path("data"), TuneSettings(epochs=2), RESULTS)
    html = path.read_text(encoding="utf-8")
    assert path == tmp_path / "report.html" and path.stat().st_mode & 0o777 == 0o600
    assert "Tuning run (lora)" in html and "微调记录（lora）" in html
    assert f"doctorglm tune --base embedded --data data --out {tmp_path} epochs=2" in html
    assert html.count("not advise anyone") >= 1


@pytest.mark.parametrize("steps", [1, 2])
def test_the_shortest_runs_have_a_page(steps: int) -> None:
    shown = page(rows=rows()[:steps], results={**RESULTS, "steps": steps, "best": None})
    assert "<svg" in render(shown)
    assert block(shown, Commands).lines == ["doctorglm tune"]


def test_what_a_run_leaves_is_what_the_page_takes(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Callable[..., TuneSettings]
) -> None:
    from doctorglm.tune import tune

    record = tune(str(qwen_base), data, tmp_path / "out", changed(quick, max_steps=3)).record
    html = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert f"{record['counts']['supervised_tokens']:,}" in html
    assert f"the lowest, at {record['best']['valid_loss']:.2f} nats per token" in html
    assert "General text" in html and "通用文本" in html
    assert "max_steps=3" in html


FORGOT: dict[str, Any] = {
    "counts": {
        **RESULTS["counts"],
        "general": {"conversations": 48, "samples": 49, "supervised_tokens": 900, "rejected": {}},
        "replay": {"conversations": 150, "samples": 150, "supervised_tokens": 300, "share": 0.196, "passes": 1.0,
                   "rejected": {"own answer: length": 50}},
    },
    "before": {"valid_loss": 3.9, "general_nll": 2.5},
    "best": {"step": 20, "valid_loss": 2.4456, "general_nll": 2.53, "forgetting": 0.03, "within_bound": True},
    "forgetting": {"kept": 0.03, "last": 0.12, "highest": 0.12},
    "stopped": {"reason": "patience", "step": 40, "of": 90, "en": "Stopped early.", "zh": "提前停止。"},
}  # fmt: skip


def test_the_page_tells_what_was_forgotten_and_why_the_run_stopped() -> None:
    """General and medical loss in one frame with the base's level, then the meter with its bound; kept step marked."""
    measured = rows()
    for row in measured[9::10]:
        forgetting = row["step"] * 0.003 if row["step"] > 20 else 0.03
        row |= {"forgetting": forgetting, "general_nll": 2.5 + forgetting}
    shown = page(rows=measured, results={**RESULTS, **FORGOT})
    verdict = block(shown, Verdict)
    assert (verdict.sentence.en, verdict.sentence.zh) == ("Stopped early.", "提前停止。")
    assert [n.value for n in verdict.numbers] == ["2.45", "+0.030", "72", "2:05"]
    losses, meter = block(shown, Figure), block(shown, Figure, 1)
    for text in ("Training", "Validation", "General text", "Base, general", "best: step 20, 2.45"):
        assert text in losses.chart.wide.en, text
    assert "48 of general text" in losses.n.en and "48 段通用对话" in losses.n.zh
    assert cells(losses.chart.table)[0][0] == "0" and "3.900" in cells(losses.chart.table)[0]
    assert meter.title.en == "What is kept foresees general text 0.030 nats per token worse"
    assert meter.title.zh == "保留的权重对通用文本的预测差了 0.030 nat / token"
    for text in ("Forgotten", "Bound", "0.050", "best: step 20, 0.030"):
        assert text in meter.chart.wide.en, text
    assert [row[1] for row in cells(meter.chart.table)] == ["0.0000", "0.0300", "0.0300", "0.0900", "0.1200"]
    table = cells(block(shown, Table))
    assert ["general conversations replayed", "150"] in table and [
        "their share of the tokens learned",
        "19.6\u202f%",
    ] in table
    assert ["剔除的回答：基座作答未正常结束（length）", "50"] in cells(block(shown, Table), "zh")
