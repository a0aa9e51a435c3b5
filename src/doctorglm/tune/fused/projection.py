"""A frozen linear map with its LoRA adapters, as one matrix product forward and one backward.

y = x W' + b with W' = W + s B A, merged into a buffer once per step, so that adapters cost nothing forward; backward the
input's gradient is one product with W', and the adapters' gradients come from four thin ones. W itself gets none.
Linear maps that read the same input (query, key and value; gate and up) stand in one buffer, and whatever else is fixed
is folded in: the order of the rows, and the weight of the norm before them.
Shapes: T tokens, I inputs, O outputs of one member, R the ranks of all members together.
Source: LoRA, arXiv 2106.09685, section 4.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

Grads = list[torch.Tensor | None]


@dataclass(frozen=True)
class Member:
    """One linear layer, with or without adapters."""

    weight_OI: torch.Tensor
    bias_O: torch.Tensor | None
    a_RI: nn.Parameter | None = None
    b_OR: nn.Parameter | None = None
    scale: float = 0.0

    @classmethod
    def of(cls, module: nn.Module) -> "Member | None":
        """The member that a module is: `nn.Linear`, or PEFT's plain LoRA around one; None for anything else."""
        if type(module) is nn.Linear:
            return cls(module.weight, module.bias) if not module.weight.requires_grad else None
        base: Any = getattr(module, "base_layer", None)
        adapters: Any = getattr(module, "active_adapters", ())
        if type(base) is not nn.Linear or len(adapters) != 1 or base.weight.requires_grad:
            return None
        (name,), layer = adapters, _any(module)
        plain = name in layer.lora_A and not layer.lora_variant and not layer.merged and not layer.disable_adapters
        if not plain or not isinstance(layer.lora_dropout[name], nn.Identity) or layer.lora_B[name].bias is not None:
            return None
        a, b = layer.lora_A[name].weight, layer.lora_B[name].weight
        return cls(base.weight, base.bias, a, b, float(layer.scaling[name])) if a.dtype == base.weight.dtype else None

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""
        return [] if self.a_RI is None or self.b_OR is None else [self.a_RI, self.b_OR]


def _any(module: nn.Module) -> Any:
    return module


class Projection:
    """Members that read one input, merged. `rows[i]` orders member i's outputs; `norm_I` multiplies the input."""

    def __init__(
        self,
        members: Sequence[Member],
        rows: Sequence[torch.Tensor | None] | None = None,
        norm_I: torch.Tensor | None = None,
    ) -> None:
        self.members = list(members)
        self._rows = list(rows) if rows is not None else [None] * len(members)
        self._norm_I = norm_I
        self._versions: list[int] | None = None
        self.parameters = [p for m in self.members for p in m.parameters]
        ends = torch.tensor([m.weight_OI.shape[0] for m in self.members]).cumsum(0).tolist()
        self._spans = list(zip([0, *ends], ends, strict=False))
        biases = [m.bias_O for m in self.members]
        self.bias: torch.Tensor | None = None
        if any(b is not None for b in biases):
            ordered = [
                (torch.zeros_like(m.weight_OI[:, 0]) if b is None else b.detach())[slice(None) if r is None else r]
                for m, b, r in zip(self.members, biases, self._rows, strict=True)
            ]
            self.bias = torch.cat(ordered)
        first = self.members[0].weight_OI
        self.weight = torch.empty(ends[-1], first.shape[1], dtype=first.dtype, device=first.device)
        self._a_RI = first.new_empty(0)
        self._b_RO: list[torch.Tensor] = []

    def refresh(self) -> None:
        """Merges again where an adapter has changed since the last time."""
        versions = [p._version for p in self.parameters]
        if versions == self._versions:
            return
        with torch.no_grad():
            self._b_RO = []
            for member, rows, (start, end) in zip(self.members, self._rows, self._spans, strict=True):
                self._merge(member, rows, self.weight[start:end])
            a = [m.a_RI for m in self.members if m.a_RI is not None]
            if a:
                stacked = torch.cat([p.detach() for p in a])
                self._a_RI = stacked if self._norm_I is None else stacked * self._norm_I
        self._versions = versions

    def _merge(self, member: Member, rows: torch.Tensor | None, out: torch.Tensor) -> None:
        weight = member.weight_OI if rows is None else member.weight_OI[rows]
        if member.a_RI is None or member.b_OR is None:
            out.copy_(weight)
        else:
            b_OR = member.b_OR if rows is None else member.b_OR[rows]
            self._b_RO.append((b_OR.detach() * member.scale).t().contiguous())
            torch.addmm(weight, b_OR, member.a_RI, alpha=member.scale, out=out)
        if self._norm_I is not None:
            out.mul_(self._norm_I)

    def forward(self, x_TI: torch.Tensor) -> torch.Tensor:
        """[T, O of all members]."""
        if self.bias is None:
            return x_TI @ self.weight.t()
        return torch.addmm(self.bias, x_TI, self.weight.t())

    def add_to(self, residual_TO: torch.Tensor, x_TI: torch.Tensor, beta: float = 1.0) -> torch.Tensor:
        """beta * residual + the map of x, [T,O]."""
        out = torch.addmm(residual_TO, x_TI, self.weight.t(), beta=beta)
        return out if self.bias is None else out.add_(self.bias)

    def gradients(self, x_TI: torch.Tensor, dy_TO: torch.Tensor) -> Grads:
        """Those of `parameters`, in their order; `x_TI` is what `forward` was given."""
        if not self.parameters:
            return []
        xa_TR = x_TI @ self._a_RI.t()
        dyb, gradients, place = [], [], 0
        adapted = [i for i, m in enumerate(self.members) if m.a_RI is not None]
        for b_RO, i in zip(self._b_RO, adapted, strict=True):
            start, end = self._spans[i]
            dy, rank = dy_TO[:, start:end], b_RO.shape[0]
            dyb.append(dy @ b_RO.t())
            # thin times wide: the other way round this product is more than twice as slow
            db_RO = xa_TR[:, place : place + rank].t() @ dy
            gradients.append(self._ordered(db_RO.t() * self.members[i].scale, self._rows[i]))
            place += rank
        da_RI = (torch.cat(dyb, -1) if len(dyb) > 1 else dyb[0]).t() @ x_TI
        if self._norm_I is not None:
            da_RI *= self._norm_I
        das = da_RI.split([b.shape[0] for b in self._b_RO])
        return [g for pair in zip(das, gradients, strict=True) for g in pair]

    @staticmethod
    def _ordered(db_OR: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
        """The rows back in the member's own order."""
        if rows is None:
            return db_OR
        out = torch.empty_like(db_OR)
        out[rows] = db_OR
        return out
