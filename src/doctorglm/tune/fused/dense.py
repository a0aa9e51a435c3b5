"""A linear layer by the products of `models.products` forward and backward, its weight trained or frozen, on a CPU.

Shapes: T tokens, I inputs, O outputs.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from doctorglm.models.products import product


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x_TI: torch.Tensor, weight_OI: torch.Tensor, bias_O: torch.Tensor | None) -> torch.Tensor:
        x_TI = x_TI.contiguous()
        ctx.save_for_backward(x_TI if ctx.needs_input_grad[1] else None, weight_OI)
        return product(x_TI, weight_OI, bias_O)

    @staticmethod
    def backward(ctx: Any, dy_TO: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x_TI, weight_OI = ctx.saved_tensors
        dy_TO = dy_TO.contiguous()
        for_x, for_weight, for_bias = ctx.needs_input_grad
        dx_TI = product(dy_TO, weight_OI.t()) if for_x else None
        dweight_OI = product(dy_TO.t(), x_TI.t()) if for_weight else None
        return dx_TI, dweight_OI, dy_TO.sum(0) if for_bias else None


_apply: Any = _Function.apply


class Dense:
    """The forward of an `nn.Linear`."""

    def __init__(self, module: nn.Linear) -> None:
        self._module = module

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """[...,O] of x [...,I]."""
        y_TO = _apply(x.flatten(0, -2), self._module.weight, self._module.bias)
        out: torch.Tensor = y_TO.unflatten(0, x.shape[:-1])
        return out


def dense_layers(model: Any) -> list[tuple[nn.Linear, Callable[..., Any]]]:
    """Every plain linear layer that is trained, with its forward."""
    return [(m, Dense(m)) for m in model.modules() if type(m) is nn.Linear and m.weight.requires_grad]


def frozen_layers(model: Any) -> list[tuple[nn.Linear, Callable[..., Any]]]:
    """Every plain linear layer that is frozen, but the head, which has a function of its own."""
    frozen = (m for m in model.modules() if type(m) is nn.Linear and not m.weight.requires_grad)
    return [(module, Dense(module)) for module in frozen if module is not model.get_output_embeddings()]
