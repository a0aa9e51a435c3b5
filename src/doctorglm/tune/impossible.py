"""What cannot work, refused from the settings, config.json and the disk alone: before a weight is read."""

import shutil
from pathlib import Path

from torch import nn

from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.loading import base_folder
from doctorglm.models.weights import gguf_file
from doctorglm.plan.memory import trainable
from doctorglm.plan.shape import shape_of, without_weights
from doctorglm.tune.adapt import named_targets
from doctorglm.tune.checkpoint import GENERATIONS
from doctorglm.tune.disk import size_of
from doctorglm.tune.planned import plan_settings
from doctorglm.tune.prefix import refuse_long_prefix
from doctorglm.tune.settings import TuneSettings

_STATES = {"adamw": 8, "lion": 4, "muon": 8}
"""Bytes that an optimizer keeps of a trained weight; muon's own matrices have 4, the rest AdamW's."""


def refuse_impossible(base: str, settings: TuneSettings) -> None:
    """Raises ConfigError for a prefix that is too long, and for `lora_targets` that the base does not have."""
    refuse_long_prefix(base, settings)
    if settings.method in ("lora", "qlora") and settings.lora_targets != "all-linear":
        model = _without_weights(base)
        if model is not None:
            named_targets(model, settings.lora_targets)


def refuse_no_room(base: str, out: Path, settings: TuneSettings) -> None:
    """Raises ConfigError where the disk of `out` cannot hold the run's checkpoints and what it leaves.

    What an earlier start left there counts as room. Nothing is said of a base whose shape cannot be told.
    """
    needed = _needed(base, settings)
    place = next(folder for folder in (out, *out.resolve().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free + sum(_size(out / name) for name in ("checkpoints", "adapter", "model"))
    if needed > free:
        raise ConfigError(
            en=f"{out}: checkpoints and result of this run take up to {size_of(needed)}, and {size_of(free)} are free "
            "on this disk; nothing was loaded. Make room, choose an --out on another disk, or train fewer weights.",
            zh=f"{out}：本次训练的检查点和结果最多占用 {size_of(needed)}，而磁盘只剩 {size_of(free)}；未加载任何内容。"
            "请腾出空间、把 --out 放到别的磁盘，或减少训练的参数。",
        )


def _needed(base: str, settings: TuneSettings) -> int:
    """Bytes at the most: the checkpoints that are kept and one being written, the best weights of each, the result."""
    model = _without_weights(base)
    try:
        shape = None if model is None else shape_of(model)
    except ModelError:
        shape = None
    if shape is None:
        return 0
    trained = trainable(shape, plan_settings(settings))
    weights, states = 4 * trained, _STATES[settings.optimizer] * trained
    # a prefix is written in two formats
    result = weights * (2 if settings.method == "ptuning" else 1)
    return (GENERATIONS + 1) * (2 * weights + states) + result


def _without_weights(base: str) -> nn.Module | None:
    """The base's model without weights; None where no model can be made, which reading the base will say."""
    folder = base_folder(base)
    if not (folder / "config.json").is_file() or gguf_file(folder) is not None:
        return None
    try:
        return without_weights(folder)
    except ModelError:
        return None


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
