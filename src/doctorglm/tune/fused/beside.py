"""A frozen linear map with its LoRA adapters beside it, as one autograd function: for GPUs, and for any layer's shape.

y = x W' + b + s (x A') B'. On a GPU W stays as it is, in bfloat16: merging, as on a CPU, would round small updates away
and need a second copy of the weights. The thin products run first and the wide one is added to them in its own kernel
(`beta = 1`), so that the output is written once, read once and written once: 6 bytes an element in bfloat16. PEFT's own
forward with adapters in 32 bits takes 30 (it widens x, computes the thin products in 32 bits, scales them, adds them to
the output in 32 bits, and narrows that). For ChatGLM-6B and 8,192 tokens that is 30 x 8,192 x 36,864 bytes a layer, or
9.1 GB against 1.8, where the products of a layer are 3.3 TFLOP. The gradient of x is one product too, added to the thin
one; W gets none. What is kept for the way back is x, which other functions keep as well, and x A'.
A weight that is packed is unpacked a tile at a time, once each way, as in its own layer.
Query, key and value each make their own thin product: sharing one would save two readings of x out of three, which is
little beside three products of a width of some thousands.
Shapes: T tokens, I inputs, O outputs, R rank.
Source: LoRA, arXiv 2106.09685, section 4.1.
"""

from collections.abc import Callable
from typing import Any

import torch

from doctorglm.models.products import product
from doctorglm.models.quantized.linear import QuantizedLinear
from doctorglm.tune.fused.projection import Member


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x_TI: torch.Tensor,
        a_RI: torch.Tensor,
        b_OR: torch.Tensor,
        member: Member,
        packed: QuantizedLinear | None,
    ) -> torch.Tensor:
        a, scaled_b = a_RI.to(x_TI.dtype), (b_OR * member.scale).to(x_TI.dtype)
        thin_TR = x_TI @ a.t()
        scaled_bt = scaled_b.t()
        if packed is not None:
            y_TO = packed.times(x_TI, member.bias, thin_TR @ scaled_bt)
        elif x_TI.device.type == "cpu":
            y_TO = product(x_TI.contiguous(), member.weight, member.bias, thin_TR @ scaled_bt)
        else:
            y_TO = thin_TR @ scaled_bt if member.bias is None else torch.addmm(member.bias, thin_TR, scaled_bt)
            y_TO.addmm_(x_TI, member.weight.t())
        ctx.save_for_backward(x_TI, thin_TR, a, scaled_b)
        ctx.member, ctx.packed = member, packed
        return y_TO

    @staticmethod
    def backward(ctx: Any, dy_TO: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor, None, None]:
        x_TI, thin_TR, a, scaled_b = ctx.saved_tensors
        member: Member = ctx.member
        assert member.a is not None and member.b is not None
        dthin_TR = dy_TO @ scaled_b
        da_RI = (dthin_TR.t() @ x_TI).to(member.a.dtype)
        db_OR = (dy_TO.t() @ thin_TR).to(member.b.dtype).mul_(member.scale)
        dx_TI = None
        if ctx.needs_input_grad[0] and ctx.packed is not None:
            dx_TI = ctx.packed.back(dy_TO, dthin_TR @ a)
        elif ctx.needs_input_grad[0] and dy_TO.device.type == "cpu":
            dx_TI = product(dy_TO.contiguous(), member.weight.t(), None, dthin_TR @ a)
        elif ctx.needs_input_grad[0]:
            dx_TI = (dthin_TR @ a).addmm_(dy_TO, member.weight)
        return dx_TI, da_RI, db_OR, None, None


_apply: Any = _Function.apply


class Beside:
    """The forward of a linear layer that PEFT has adapted: one function, or PEFT's own where the adapter is off."""

    def __init__(self, module: Any, member: Member) -> None:
        self._module, self._member = module, member
        self._packed = member.packed
        self._own: Callable[..., torch.Tensor] = module.forward

    @classmethod
    def of(cls, module: Any) -> "Beside | None":
        """The forward for `module`, or None where it is not PEFT's plain LoRA around a frozen linear layer."""
        member = Member.of(module)
        return None if member is None or member.a is None else cls(module, member)

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def __call__(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """[...,O] of x [...,I]."""
        member, module = self._member, self._module
        other_type = self._packed is None and x.dtype != member.weight.dtype
        if args or kwargs or module.merged or module.disable_adapters or other_type:
            return self._own(x, *args, **kwargs)
        y_TO: torch.Tensor = _apply(x.flatten(0, -2), member.a, member.b, member, self._packed)
        out: torch.Tensor = y_TO.unflatten(0, x.shape[:-1])
        return out
