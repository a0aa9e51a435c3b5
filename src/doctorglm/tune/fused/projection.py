"""Frozen linear maps of one input with their LoRA adapters, as one matrix product each way.

y = x W' + b with W' = W + s B A, merged into a buffer once per step, so that adapters cost nothing forward; backward
the input's gradient is one product with W', and the adapters' gradients come from thin ones. W itself gets none.
What else is fixed is folded in: the order of the rows, and the weight of the norm before the maps.
Shapes: T tokens, I inputs, O outputs of one part, R rank.
Source: LoRA, arXiv 2106.09685, section 4.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from doctorglm.models.products import product
from doctorglm.models.quantized.linear import QuantizedLinear


@dataclass(frozen=True)
class Member:
    """One linear layer, with or without adapters."""

    weight: torch.Tensor
    """(O, I)."""
    bias: torch.Tensor | None
    a: nn.Parameter | None = None
    """(R, I)."""
    b: nn.Parameter | None = None
    """(O, R)."""
    scale: float = 0.0
    packed: QuantizedLinear | None = None
    """The layer itself where its weight is packed."""

    @classmethod
    def of(cls, module: Any) -> "Member | None":
        """The member that a module is: `nn.Linear`, packed or not, or PEFT's plain LoRA around one; else None."""
        if type(module) in _LINEAR:
            return None if module.weight.requires_grad else cls(module.weight, module.bias, packed=_packed(module))
        base: Any = getattr(module, "base_layer", None)
        adapters: Any = getattr(module, "active_adapters", ())
        if type(base) not in _LINEAR or len(adapters) != 1 or base.weight.requires_grad:
            return None
        (name,) = adapters
        plain = name in module.lora_A and not module.lora_variant and not module.merged and not module.disable_adapters
        if not plain or not isinstance(module.lora_dropout[name], nn.Identity) or module.lora_B[name].bias is not None:
            return None
        a, b = module.lora_A[name].weight, module.lora_B[name].weight
        return cls(base.weight, base.bias, a, b, float(module.scaling[name]), _packed(base))


_LINEAR = (nn.Linear, QuantizedLinear)


def _packed(module: nn.Module) -> QuantizedLinear | None:
    return module if isinstance(module, QuantizedLinear) else None


@dataclass
class Part:
    """Some rows of a member, and what is merged of them."""

    member: int
    rows: torch.Tensor | None
    frozen: torch.Tensor
    bias: torch.Tensor | None
    weight: torch.Tensor
    scaled_b: torch.Tensor | None = None
    """(R, O)."""


class Projection:
    """Members that read one input; `parts` are (member, its rows in order), each with an output of its own."""

    def __init__(
        self,
        members: Sequence[Member],
        parts: Sequence[tuple[int, torch.Tensor | None]] | None = None,
        norm_I: torch.Tensor | None = None,
    ) -> None:
        self.members = list(members)
        self.parameters = [p for m in members if m.a is not None and m.b is not None for p in (m.a, m.b)]
        self._norm_I = norm_I
        self._parts = [self._part(i, rows) for i, rows in parts or [(i, None) for i in range(len(members))]]
        self._adapted = [i for i, m in enumerate(members) if m.a is not None]
        self._a_RI: torch.Tensor | None = None
        self._merged: list[torch.Tensor] | None = None

    def _part(self, member: int, rows: torch.Tensor | None) -> Part:
        of = self.members[member]
        bias = None if of.bias is None else of.bias.detach()
        bias = bias if bias is None or rows is None else bias[rows]
        frozen = self._frozen(of, rows)
        merged = frozen if of.a is None or of.packed is not None else torch.empty_like(frozen)
        return Part(member, rows, frozen, bias, merged)

    def _frozen(self, member: Member, rows: torch.Tensor | None) -> torch.Tensor:
        """These rows of the weight, in their order, with the norm's weight folded in."""
        weight = member.weight.detach() if rows is None else member.weight.detach()[rows]
        return weight if self._norm_I is None else weight * self._norm_I

    def refresh(self) -> None:
        """Merges again where an adapter has changed since the last time.

        Values are compared, since optimizers that update in one kernel leave no trace in a tensor's version.
        """
        now = [p.detach() for p in self.parameters]
        if self._merged is not None and all(torch.equal(p, q) for p, q in zip(now, self._merged, strict=True)):
            return
        with torch.no_grad():
            self._merge()
        self._merged = [p.clone() for p in now]

    def _merge(self) -> None:
        scaled = {}
        for i in self._adapted:
            a = self.members[i].a
            assert a is not None
            scaled[i] = a.detach() if self._norm_I is None else a.detach() * self._norm_I
        self._a_RI = torch.cat(list(scaled.values())) if scaled else None
        for part in self._parts:
            member = self.members[part.member]
            if member.b is None:
                continue
            b_OR = member.b.detach() if part.rows is None else member.b.detach()[part.rows]
            self._merge_into(part, b_OR, scaled[part.member], member.scale)
            part.scaled_b = (b_OR * member.scale).t().contiguous()

    def _merge_into(self, part: Part, b_OR: torch.Tensor, a_RI: torch.Tensor, scale: float) -> None:
        torch.addmm(part.frozen, b_OR, a_RI, alpha=scale, out=part.weight)

    def forward(self, x_TI: torch.Tensor) -> list[torch.Tensor]:
        """[T,O] of each part."""
        return [product(x_TI, part.weight, part.bias) for part in self._parts]

    def add_to(self, residual_TO: torch.Tensor, x_TI: torch.Tensor) -> torch.Tensor:
        """residual + the map of x, where there is one part, [T,O]."""
        (part,) = self._parts
        return product(x_TI, part.weight, part.bias, residual_TO)

    def input_gradient(self, dys: Sequence[torch.Tensor], residual_TI: torch.Tensor | None = None) -> torch.Tensor:
        """[T,I], added to that of the residual; `dys` are the gradients of the parts' outputs."""
        out = residual_TI
        for part, dy_TO in zip(self._parts, dys, strict=True):
            out = product(dy_TO, part.weight.t(), None, out)
        assert out is not None
        return out

    def gradients(self, x_TI: torch.Tensor, dys: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Those of `parameters`, in their order; `x_TI` is what `forward` was given."""
        if self._a_RI is None:
            return []
        ranks = [a.shape[0] for i in self._adapted if (a := self.members[i].a) is not None]
        xa = dict(zip(self._adapted, product(x_TI, self._a_RI).split(ranks, 1), strict=True))
        xa = {i: x.contiguous() for i, x in xa.items()}
        dyb: dict[int, torch.Tensor] = {}
        db = {i: torch.empty_like(b) for i in self._adapted if (b := self.members[i].b) is not None}
        for part, dy_TO in zip(self._parts, dys, strict=True):
            i = part.member
            if part.scaled_b is None:
                continue
            dyb[i] = product(dy_TO, part.scaled_b, None, dyb.get(i))
            # thin times wide: the other way round this product is more than twice as slow
            db_OR = product(xa[i].t(), dy_TO.t()).t().mul_(self.members[i].scale)
            db[i][slice(None) if part.rows is None else part.rows] = db_OR
        da_RI = product(torch.cat([dyb[i] for i in self._adapted], 1).t(), x_TI.t())
        if self._norm_I is not None:
            da_RI *= self._norm_I
        return [g for i, da in zip(self._adapted, da_RI.split(ranks), strict=True) for g in (da, db[i])]


def refreshed(projections: Sequence[Projection]) -> list[nn.Parameter]:
    """What is trained in all of them, each merged anew where that has changed."""
    for projection in projections:
        projection.refresh()
    return [p for projection in projections for p in projection.parameters]
