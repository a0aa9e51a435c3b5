"""How far a run has come, and the weights that it has learned so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from doctorglm.errors import ModelError
from doctorglm.tune.sharded import put, whole


@dataclass
class Standing:
    """How far a run has come."""

    step: int = 0
    """Optimizer steps done."""
    seconds: float = 0.0
    tokens: int = 0
    best_step: int = 0
    best_valid: float = float("inf")
    """The validation loss of the best weights so far, nats per token, and the step it was measured after."""
    best_forgetting: float | None = None
    """What they had forgotten: nats of a general token above the base's; None without general text."""
    history: list[tuple[int, float]] = field(default_factory=list)
    """(step, validation loss) of every validation."""
    general: list[tuple[int, float]] = field(default_factory=list)
    """(step, nats per general token) of every validation."""


def trainable(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The parameters that are learned, by name, each of them whole."""
    return {name: whole(p) for name, p in _own(model).items()}


def _own(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}


def restore_trainable(model: torch.nn.Module, values: Mapping[str, torch.Tensor]) -> None:
    """Copies saved parameters back; raises ModelError when names or shapes differ, and then changes nothing."""
    own = _own(model)
    different = sorted(own.keys() ^ values.keys())
    different += [name for name in own.keys() & values.keys() if own[name].shape != values[name].shape]
    if different:
        raise ModelError(
            en=f"the checkpoint is of another model: {different[:3]}. Remove the checkpoints folder to start again.",
            zh=f"检查点属于另一个模型：{different[:3]}。删除 checkpoints 文件夹即可重新开始。",
        )
    for name, parameter in own.items():
        put(parameter, values[name])
