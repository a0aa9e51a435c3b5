"""A frozen linear layer with its weight in 8 or 4 bits, that computes in the type of its input.

On a CPU a tile of rows is unpacked into one buffer that stays in the caches, and multiplied before the next one is,
forward and backward; a token's product with INT8 and INT4 is taken from the packed weight itself (`models.decoding`).
On a GPU the weight is unpacked for one product and let go, a large one in parts. Nothing unpacked is kept, neither
between calls nor for the way back.
Shapes: T rows of x, I inputs, O outputs, R rows of a tile.
Source: QLoRA, arXiv 2305.14314, section 3.
"""

# mypy: allow-subclassing-any
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from doctorglm.models.decoding.product import few_rows, wants_gradient
from doctorglm.models.products import product
from doctorglm.models.quantized.formats import Quantization, pack, row_unit, scales_of, stored_like, unpack
from doctorglm.models.tiles import buffer, height

TILE_BYTES = 2 * 2**20
"""An unpacked tile: large enough that starting a product costs little, small enough for a cache."""

GPU_TILE_BYTES = 512 * 2**20
"""The same on a GPU, in 32 bits: a whole layer of models such as ChatGLM-6B, and a fourth of its head."""


class QuantizedLinear(nn.Linear):
    """A subclass of `nn.Linear`, so that whatever looks for linear layers, such as PEFT, finds it.

    `weight` and `weight_scale` are buffers, under the names of the official checkpoints: they are saved and moved,
    never trained, and no optimizer sees them. A scale stays in float32 whatever the model is turned into.
    """

    weight: torch.Tensor
    weight_scale: torch.Tensor

    compute_dtype = torch.float32
    """PEFT asks for it by this name, and then makes adapters of this type."""

    def __init__(self, inputs: int, outputs: int, kind: Quantization, *, bias: bool = True, device: Any = None) -> None:
        super().__init__(inputs, outputs, bias=False, device="meta")
        del self.weight
        shape, dtype, scales = stored_like(kind, outputs, inputs)
        self.kind = kind
        self.register_buffer("weight", torch.zeros(shape, dtype=dtype, device=device))
        self.register_buffer("weight_scale", torch.zeros(scales, dtype=torch.float32, device=device))
        if bias:
            self.bias = nn.Parameter(torch.zeros(outputs, device=device), requires_grad=False)

    @classmethod
    def of(cls, linear: nn.Linear, kind: Quantization, name: str) -> "QuantizedLinear":
        """The layer with the weight of `linear` packed; raises ModelError with `name` for one that cannot be."""
        made = cls(linear.in_features, linear.out_features, kind, bias=False, device="meta")
        stored, scale = pack(linear.weight, kind, name)
        made.weight_scale = scale.float()
        made.register_buffer("weight", stored)
        if linear.bias is not None:
            made.bias = nn.Parameter(linear.bias.detach(), requires_grad=False)
        return made.train(linear.training)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[..., I] to [..., O] in the type of `x`; gradients go to `x`, and to a bias that is trained."""
        rows = x.flatten(0, -2)
        out: torch.Tensor | None = None
        if not wants_gradient(x, self.bias):
            out = few_rows(rows, self.weight, self.bias, self.weight_scale, self.kind)
        if out is None:
            out = _apply(rows, self.bias, self)
        return out.view(*x.shape[:-1], self.out_features)

    def times(
        self, x_TI: torch.Tensor, bias_O: torch.Tensor | None = None, add_TO: torch.Tensor | None = None
    ) -> torch.Tensor:
        """x W' + bias + add, [T,O], without a gradient."""
        x_TI = x_TI.contiguous()
        out_TO = x_TI.new_empty(len(x_TI), self.out_features)
        if not len(x_TI):  # of a fused head, whose logits nobody wants
            return out_TO
        for rows, tile_RI in self._tiles(x_TI):
            added = None if add_TO is None else add_TO[:, rows].contiguous()
            out_TO[:, rows] = product(x_TI, tile_RI, None if bias_O is None else bias_O[rows], added)
        return out_TO

    def back(self, dy_TO: torch.Tensor, add_TI: torch.Tensor | None = None) -> torch.Tensor:
        """dy W + add, [T,I]: the gradient of x."""
        dx_TI = add_TI
        for rows, tile_RI in self._tiles(dy_TO):
            # oneDNN copies slices very slowly
            dx_TI = product(dy_TO[:, rows].contiguous(), tile_RI.t(), None, dx_TI)
        assert dx_TI is not None
        return dx_TI

    def dequantized(self) -> torch.Tensor:
        """The weight as it is computed with, (O, I) float32."""
        out_OI = torch.empty(self.out_features, self.in_features, device=self.weight.device)
        return unpack(self.weight, self.weight_scale, self.kind, out_OI)

    def extra_repr(self) -> str:
        """What `nn.Linear` says, and the quantisation."""
        return f"{super().extra_repr()}, {self.kind}"

    def _tiles(self, like: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """Rows, and those rows of the weight in the type of `like`; the next ones are written over them."""
        outputs, inputs = self.out_features, self.in_features
        on_cpu = like.device.type == "cpu"
        step = height(outputs, inputs, TILE_BYTES if on_cpu else GPU_TILE_BYTES, row_unit(self.kind, inputs))
        space = buffer(step * inputs) if on_cpu else torch.empty(step * inputs, device=like.device)
        for start in range(0, outputs, step):
            rows = slice(start, min(start + step, outputs))
            out_RI = space[: (rows.stop - start) * inputs].view(-1, inputs)
            scale = scales_of(self.weight_scale, self.kind, inputs, rows)
            yield rows, unpack(self.weight[rows], scale, self.kind, out_RI).to(like.dtype)

    def tiles(self, like: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """Rows, and those rows of the weight, which may be changed in place: the next ones are written over them."""
        return self._tiles(like)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        exact = self.weight_scale
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self.weight_scale.dtype != torch.float32:
            self.weight_scale = exact.to(self.weight.device)
        return self


class _Product(torch.autograd.Function):
    """x W' + b; what waits for the way back is the layer itself."""

    @staticmethod
    def forward(ctx: Any, x_TI: torch.Tensor, bias_O: torch.Tensor | None, layer: QuantizedLinear) -> torch.Tensor:
        ctx.layer = layer
        return layer.times(x_TI, None if bias_O is None else bias_O.to(x_TI.dtype))

    @staticmethod
    def backward(ctx: Any, dy_TO: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        for_x, for_bias, _ = ctx.needs_input_grad
        return ctx.layer.back(dy_TO) if for_x else None, dy_TO.sum(0) if for_bias else None, None


_apply: Any = _Product.apply
