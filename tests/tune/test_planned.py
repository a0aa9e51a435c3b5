"""A run plans itself: what is recomputed, what is said when memory ends, and planned beside measured."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm import models
from doctorglm.errors import ModelError
from doctorglm.language import Text, choose
from doctorglm.plan import measured
from doctorglm.plan.devices import Device
from doctorglm.plan.measured import Held, held_now, resident_gb
from doctorglm.plan.shape import shape_of
from doctorglm.render import Sample
from doctorglm.tune import planned as module
from doctorglm.tune import stage
from doctorglm.tune.adapt import adapt
from doctorglm.tune.forecast import planned_beside_measured
from doctorglm.tune.memory import told_when_out
from doctorglm.tune.planned import planned, remedy_of, saving_of
from doctorglm.tune.settings import TuneSettings

SAMPLES = [Sample(str(i), 0, [5] * 100, [-100] * 40 + [5] * 60) for i in range(40)]


def plan_with(free: float, base: Path, monkeypatch: Any, **settings: Any) -> Any:
    device = Device(name="cpu", memory=free, half=False, flops=None, usd_per_hour=None, price="")
    monkeypatch.setattr(module, "this_device", lambda *_, **__: device)
    model, _ = models.load(base)
    of = TuneSettings(**settings)
    # with two layers, recomputing both keeps no less than recomputing one
    monkeypatch.setattr(module, "shape_of", lambda of_model: replace(shape_of(of_model), layers=8))
    return planned(adapt(model, of), SAMPLES, [], of, packing=True, fused=2)


def test_memory_decides_what_is_recomputed(base: Path, monkeypatch: Any, capsys: Any) -> None:
    plenty = plan_with(1e12, base, monkeypatch)
    assert (plenty.saving, plenty.chosen.fits) == ("none", True)
    forced = plan_with(1e12, base, monkeypatch, recompute="selective")
    assert forced.saving == "selective"
    need = {s: plan_with(1e12, base, monkeypatch, recompute=s).chosen.memory for s in ("none", "selective", "full")}
    # what the weights hold is free no longer
    room = {s: parts.total / 0.95 - parts.weights for s, parts in need.items()}
    assert room["none"] > room["selective"] > room["full"]
    for saving in ("none", "selective", "full"):
        assert plan_with(room[saving] * 1.002, base, monkeypatch).saving == saving
    assert capsys.readouterr().err == ""
    short = plan_with(room["full"] * 0.5, base, monkeypatch)
    assert (short.saving, short.chosen.fits) == ("full", False)
    assert "This run may not fit" in capsys.readouterr().err


def test_a_remedy_says_by_how_much(base: Path, monkeypatch: Any) -> None:
    of = plan_with(1e12, base, monkeypatch, recompute="none")
    said = of.remedy()
    full = plan_with(1e12, base, monkeypatch, recompute="full").chosen.memory.total
    assert f"recompute=full (-{(of.chosen.memory.total - full) / 1e9:.2f} GB)" in said.en
    assert "batch_tokens=1024 (-" in said.en and "batch_tokens=1024" in said.zh
    assert "recompute=" not in plan_with(1e12, base, monkeypatch, recompute="full").remedy().en


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_memory_that_ends_is_told_with_the_remedy(error: RuntimeError) -> None:
    remedy = Text(en="Change batch_tokens=1024 (-1.00 GB).", zh="请改 batch_tokens=1024（-1.00 GB）。")
    told = r"out of memory .*batch_tokens=1024 \(-1\.00 GB\)"
    with pytest.raises(ModelError, match=told) as caught, told_when_out(lambda: remedy):
        raise error
    choose("zh")
    assert "内存不足" in str(caught.value) and "请改" in str(caught.value)


def test_another_error_is_not_taken_for_it() -> None:
    with pytest.raises(RuntimeError, match="shapes"), told_when_out(lambda: Text(en="", zh="")):
        raise RuntimeError("shapes do not match")


def test_out_of_memory_in_a_run_names_the_settings(
    qwen_base: Path, data: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    def ends(*_: Any) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(stage, "train", ends)
    with pytest.raises(ModelError, match=r"recompute=\w+ \(-.*batch_tokens="):
        stage.tune(str(qwen_base), data, tmp_path / "out", TuneSettings(max_steps=1))


def test_run_json_has_planned_beside_measured(qwen_base: Path, data: Path, tmp_path: Path, monkeypatch: Any) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(stage, "_write_page", lambda *args: shown.append(args[-1]) or "")  # type: ignore[func-returns-value]
    settings = TuneSettings(max_steps=2, epochs=1, batch_tokens=200, recompute="full")
    stage.tune(str(qwen_base), data, tmp_path / "out", settings)
    record = json.loads((tmp_path / "out" / "run.json").read_text("utf-8"))
    assert record["recomputed_layers"] == 2
    assert record["planned"]["memory_gb"]["total"] > 0 and record["planned"]["seconds"] > 0
    assert record["measured"]["seconds"] == record["training_s"]
    assert shown[0]["planned"] == record["planned"]


def test_a_model_that_cannot_be_planned_is_tuned_all_the_same(base: Path, monkeypatch: Any) -> None:
    def refuse(_: Any) -> None:
        raise ModelError(en="experts", zh="专家")

    monkeypatch.setattr(module, "shape_of", refuse)
    model, _ = models.load(base)
    of = TuneSettings()
    assert planned(adapt(model, of), SAMPLES, [], of, packing=True, fused=0) is None
    assert saving_of(None, of) == "none" and saving_of(None, replace(of, recompute="full")) == "full"
    assert "recompute=full" in remedy_of(None)().en


def test_the_peak_is_that_beyond_what_was_held(monkeypatch: Any) -> None:
    monkeypatch.setattr(measured, "peak_memory_mb", lambda: 1500.0)
    cpu = torch.device("cpu")
    assert Held(0.4, 0.5).peak_gb(cpu) == pytest.approx(1.1)
    # an earlier stage of the process was higher: nobody can tell
    assert Held(0.4, 1.5).peak_gb(cpu) is None
    monkeypatch.undo()
    found = held_now()
    assert 0 < found.resident <= found.peak * 1.01


def test_what_is_resident_is_read_from_the_system(tmp_path: Path) -> None:
    (tmp_path / "statm").write_text("900 500 100 1 0 300 0\n", "ascii")
    assert resident_gb(tmp_path / "statm") == pytest.approx(500 * 4096 / 1e9)


def test_the_page_shows_both_and_by_how_much_they_differ() -> None:
    results = {"planned": {"memory_gb": {"total": 1.5}, "seconds": 90}, "measured": {"memory_gb": 2.0, "seconds": 100}}
    (table,) = planned_beside_measured(results)
    assert [[str(cell) for cell in row[1:]] for row in table.rows] == [
        ["1.50", "2.00", "−25\u202f%"],
        ["90.0", "100.0", "−10\u202f%"],
    ]
    unknown = {**results, "measured": {"memory_gb": None, "seconds": 100}}
    assert str(planned_beside_measured(unknown)[0].rows[0][2]) == "–"
    assert planned_beside_measured({}) == []
