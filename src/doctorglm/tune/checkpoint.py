"""Where a run stands: trainable weights and optimizers, written whole or not at all.

No random state is kept: every step sets its own seed, see `loop`.
"""

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from doctorglm.errors import ModelError
from doctorglm.runs import atomic_file

_DAMAGED = (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, pickle.UnpicklingError)


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
    """Copies saved parameters back; raises ModelError when names or shapes differ, and then changes nothing."""
    own = trainable(model)
    different = sorted(own.keys() ^ values.keys())
    different += [name for name in own.keys() & values.keys() if own[name].shape != values[name].shape]
    if different:
        raise ModelError(
            en=f"the checkpoint is of another model: {different[:3]}. Remove the checkpoints folder to start again.",
            zh=f"检查点属于另一个模型：{different[:3]}。删除 checkpoints 文件夹即可重新开始。",
        )
    for name, parameter in own.items():
        parameter.copy_(values[name])


def save(path: Path, model: torch.nn.Module, optimizers: list[torch.optim.Optimizer], standing: Standing) -> None:
    """Writes everything that the next step depends on."""
    state = {
        "standing": vars(standing),
        "weights": trainable(model),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    with atomic_file(path, "wb") as out:
        torch.save(state, out)


def load(path: Path, model: torch.nn.Module, optimizers: list[torch.optim.Optimizer]) -> Standing:
    """Restores what `save` wrote; raises ModelError when the file is damaged or belongs to another model."""
    state = _read(path)
    try:
        restore_trainable(model, state["weights"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        return Standing(**state["standing"])
    except _DAMAGED as error:
        raise _damaged(path, error) from None


def save_best(path: Path, model: torch.nn.Module) -> None:
    """Writes the trainable weights alone."""
    with atomic_file(path, "wb") as out:
        torch.save(trainable(model), out)


def load_best(path: Path, model: torch.nn.Module) -> None:
    """Restores what `save_best` wrote; raises ModelError when the file is damaged."""
    restore_trainable(model, _read(path))


def _read(path: Path) -> dict[str, Any]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, dict):
            raise TypeError(f"it holds a {type(state).__name__}")
    except _DAMAGED as error:
        raise _damaged(path, error) from None
    return state


def _damaged(path: Path, error: Exception) -> ModelError:
    reason = str(error).strip().partition("\n")[0]
    return ModelError(
        en=f"{path}: damaged checkpoint ({reason}). Remove the folder {path.parent} to start again.",
        zh=f"{path}：检查点已损坏（{reason}）。删除文件夹 {path.parent} 即可重新开始。",
    )
