"""LoRA on a base that keeps half-precision weights, against the same base widened whole."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from doctorglm import machine
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.stage import tune


@pytest.fixture
def half_base(base: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "half"
    shutil.copytree(base, folder)
    file = folder / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in load_file(file).items()}, file, {"format": "pt"})
    return folder


@pytest.fixture
def tuned(
    half_base: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[float, TuneSettings], tuple[dict[str, Any], Path]]:
    """Tunes with so much free memory, in bytes; returns the record and its folder."""

    def run(free: float, settings: TuneSettings) -> tuple[dict[str, Any], Path]:
        monkeypatch.setattr(machine, "main_memory", lambda: machine.Memory(free, free))
        out = tmp_path / f"out-{free:g}"
        return tune(str(half_base), data, out, settings).record, out

    return run


def rows(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]


def test_steps_are_those_of_the_widened_base(tuned: Any, quick: TuneSettings) -> None:
    settings = replace(quick, fuse=False, max_steps=4)
    (whole, wide), (kept, out) = tuned(1e12, settings), tuned(1, settings)
    assert (whole["weights_in"], kept["weights_in"]) == ("float32", "float16")
    for ours, theirs in zip(rows(out), rows(wide), strict=True):
        for value in {"loss", "grad_norm", "valid_loss"} & theirs.keys():
            assert ours[value] == pytest.approx(theirs[value], rel=2e-4)
    adapters = [load_file(of / "adapter" / "adapter_model.safetensors") for of in (out, wide)]
    assert {t.dtype for t in adapters[0].values()} == {torch.float32}
    for name, tensor in adapters[1].items():
        # Adam divides by a gradient's size, so that rounding of a tiny one is a part of a step (0.01)
        torch.testing.assert_close(adapters[0][name], tensor, atol=2e-3, rtol=1e-3)


def test_it_packs_and_does_not_fuse(tuned: Any, quick: TuneSettings) -> None:
    record, _ = tuned(1, replace(quick, max_steps=1))
    assert record["packed"] is True and record["fused_layers"] == 0
    record, _ = tuned(1e12, replace(quick, max_steps=1))
    assert record["packed"] is True and record["fused_layers"] == 2


def test_full_training_widens(tuned: Any, quick: TuneSettings) -> None:
    record, out = tuned(1, replace(quick, method="full", max_steps=1))
    assert record["weights_in"] == "float32"
    assert {t.dtype for t in load_file(out / "model" / "model.safetensors").values()} == {torch.float32}
