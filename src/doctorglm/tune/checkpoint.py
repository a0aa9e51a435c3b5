"""Where a run stands: trainable weights, optimizers and random state, written whole or not at all."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from doctorglm.errors import ModelError
from doctorglm.runs import atomic_file


@dataclass
class Standing:
    """How far a run has come."""

    step: int = 0
    """Optimizer steps done."""
    seconds: float = 0.0
    tokens: int = 0
    best_step: int = 0
    best_valid: float = float("inf")
    """Lowest validation loss so far, nats per token, and the step it was measured after."""
    history: list[tuple[int, float]] = field(default_factory=list)
    """(step, validation loss) of every validation."""


def trainable(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The parameters that are learned, by name."""
    return {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}


def restore_trainable(model: torch.nn.Module, values: dict[str, torch.Tensor]) -> None:
    """Copies saved parameters back; raises ModelError when the names differ."""
    own = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if own.keys() != values.keys():
        different = sorted(own.keys() ^ values.keys())[:3]
        raise ModelError(
            en=f"the checkpoint is of another model: {different}. Remove the checkpoints folder to start again.",
            zh=f"检查点属于另一个模型：{different}。删除 checkpoints 文件夹即可重新开始。",
        )
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(values[name])


def save(path: Path, model: torch.nn.Module, optimizers: list[torch.optim.Optimizer], standing: Standing) -> None:
    """Writes everything that the next step depends on."""
    state = {
        "standing": vars(standing),
        "weights": trainable(model),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "random": torch.get_rng_state(),
    }
    with atomic_file(path, "wb") as out:
        torch.save(state, out)


def load(path: Path, model: torch.nn.Module, optimizers: list[torch.optim.Optimizer]) -> Standing:
    """Restores what `save` wrote; raises ModelError when the file is damaged."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise ModelError(
            en=f"{path}: damaged checkpoint ({error}). Remove it to start again.",
            zh=f"{path}：检查点已损坏（{error}）。删除它即可重新开始。",
        ) from None
    restore_trainable(model, state["weights"])
    for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    torch.set_rng_state(state["random"])
    return Standing(**state["standing"])


def save_best(path: Path, model: torch.nn.Module) -> None:
    """Writes the trainable weights alone."""
    with atomic_file(path, "wb") as out:
        torch.save(trainable(model), out)


def load_best(path: Path, model: torch.nn.Module) -> None:
    """Restores what `save_best` wrote."""
    restore_trainable(model, torch.load(path, map_location="cpu", weights_only=True))
