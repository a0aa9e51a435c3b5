"""What a run needs of the disk, held to what runs leave there."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from doctorglm.errors import ConfigError
from doctorglm.tune import TuneSettings, impossible, stage, tune
from doctorglm.tune.impossible import refuse_no_room

Change = Callable[..., TuneSettings]


@pytest.fixture(autouse=True)
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_write_page", lambda *_: "report.html")


def asked(base: Path, out: Path, settings: TuneSettings, free: int, monkeypatch: Any) -> bool:
    """Whether so many free bytes are enough."""
    usage = shutil.disk_usage(base)
    with monkeypatch.context() as patch:
        patch.setattr(impossible.shutil, "disk_usage", lambda _: usage._replace(free=free))
        try:
            refuse_no_room(str(base), out, settings)
        except ConfigError:
            return False
    return True


def enough(base: Path, out: Path, settings: TuneSettings, monkeypatch: Any) -> int:
    """The fewest free bytes that are enough, by halving."""
    low, high = 0, 10**9
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if asked(base, out, settings, middle, monkeypatch) else (middle + 1, high)
    return low


def held(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize(
    "how",
    [
        {"lora_rank": 256},
        {"lora_rank": 256, "optimizer": "lion"},
        {"method": "ptuning", "prefix_tokens": 400, "prefix_init": "random"},
        {"method": "full", "learning_rate": 1e-3},
    ],
    ids=["lora", "lion", "ptuning", "full"],
)
def test_a_run_leaves_what_was_asked_for_and_one_checkpoint_less(
    qwen_base: Path, data: Path, tmp_path: Path, quick: TuneSettings, changed: Change, monkeypatch: Any, how: Any
) -> None:
    """A checkpoint after every step: at the end the two that are kept, their best weights, and the result."""
    settings = changed(quick, max_steps=6, validate_every=1, **{"learning_rate": 0.01, **how})
    needed = enough(qwen_base, tmp_path / "out", settings, monkeypatch)
    tune(str(qwen_base), data, tmp_path / "out", settings)
    left = tmp_path / "out"
    checkpoints = sorted((left / "checkpoints").glob("step-*.pt"))
    assert len(checkpoints) == 2
    newest, best = (held_file(left, kind) for kind in ("step", "best"))
    result = held(left / "model") if settings.method == "full" else held(left / "adapter")
    if settings.method == "full":
        result -= held(qwen_base) - (qwen_base / "model.safetensors").stat().st_size
    # names, hashes and the random state of six files
    assert 3 * newest + 3 * best + result == pytest.approx(needed, abs=200_000)
    assert needed > 1_000_000
    # what a killed run left there is room for the same run
    assert enough(qwen_base, left, settings, monkeypatch) == max(
        0, needed - sum(held(left / name) for name in ("checkpoints", "adapter", "model"))
    )


def held_file(out: Path, kind: str) -> int:
    return max(file.stat().st_size for file in (out / "checkpoints").glob(f"{kind}-*.pt"))


def test_a_base_that_cannot_be_shaped_is_not_spoken_of(tmp_path: Path, monkeypatch: Any) -> None:
    assert asked(tmp_path, tmp_path, TuneSettings(), 0, monkeypatch)
