"""Layers that keep half-precision weights and compute in 32 bits, for a CPU without the memory for both.

Products in 16 bits are slow there, and a widened model is twice as large. So a weight is widened a tile of rows at a
time, into one buffer that stays in the processor's caches, and each tile is multiplied before the next one is widened,
forward and backward; for a token's product it is widened in registers (`models.decoding`). Nothing widened outlives
its tile; values are the widened model's but for the order of sums.
Shapes: T rows of x, I inputs, O outputs, R rows of a tile.
"""

# mypy: allow-subclassing-any
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from doctorglm.models.chatglm.attention import ChatGLMAttention
from doctorglm.models.decoding.product import few_rows, wants_gradient
from doctorglm.models.products import product
from doctorglm.models.quantized.layers import quantization_of
from doctorglm.models.tiles import buffer, height

HALF = (torch.float16, torch.bfloat16)
"""Types that are kept; both are widened exactly."""

TILE_BYTES = 8 * 2**20
"""A widened tile: large enough that starting a product costs little, small enough for a cache; at least one row.

`benchmarks/full_size.py` measures other sizes beside it.
"""


class HalfLinear(nn.Linear):
    """A frozen `nn.Linear` with its weight in half precision; input, bias and output are float32.

    A subclass, so that whatever looks for linear layers, such as PEFT, finds it.
    """

    compute_dtype = torch.float32
    """PEFT asks for it by this name, and then makes adapters of this type."""

    @classmethod
    def of(cls, linear: nn.Linear) -> "HalfLinear":
        """The layer with the very weight of `linear`, which is not copied."""
        with torch.device("meta"):
            made = cls(linear.in_features, linear.out_features, bias=linear.bias is not None)
        made.weight = linear.weight.requires_grad_(False)
        if linear.bias is not None:
            made.bias = nn.Parameter(linear.bias.detach().float(), requires_grad=False)
        return made.train(linear.training)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[..., I] float32 to [..., O] float32; the gradient goes to `x` alone."""
        rows = x.flatten(0, -2)
        out: torch.Tensor | None = None if wants_gradient(x, self.bias) else few_rows(rows, self.weight, self.bias)
        if out is None:
            out = _apply(rows, self.weight, self.bias)
        return out.view(*x.shape[:-1], self.out_features)


class HalfEmbedding(nn.Embedding):
    """An `nn.Embedding` that widens the rows which were looked up, and no others."""

    @classmethod
    def of(cls, embedding: nn.Embedding) -> "HalfEmbedding":
        """The layer with the very weight of `embedding`, which is not copied."""
        with torch.device("meta"):
            made = cls(embedding.num_embeddings, embedding.embedding_dim, embedding.padding_idx)
        made.weight = embedding.weight.requires_grad_(False)
        return made.train(embedding.training)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """[...] int64 to [..., H] float32."""
        rows: torch.Tensor = F.embedding(ids, self.weight).float()
        return rows


def keep_half(model: nn.Module) -> None:
    """Makes a half-precision model compute in 32 bits, in place: what is not linear and no embedding is widened.

    The weights of linear layers and embeddings stay the same tensors, tied ones too; nothing of them is copied.
    A prefix, which is in 32 bits on any base, stays as it is. ChatGLM-6B's keys and values, 0.9 MB a token in 32 bits,
    wait in float16 where the weights are that, as they do in the published code; bfloat16 would lose too much of them.
    """
    in_float16 = any(parameter.dtype == torch.float16 for parameter in model.parameters())
    for name, module in list(model.named_modules()):
        if type(module) is nn.Linear and module.weight.dtype in HALF:
            model.set_submodule(name, HalfLinear.of(module))
        elif type(module) is nn.Embedding and module.weight.dtype in HALF:
            model.set_submodule(name, HalfEmbedding.of(module))
        else:
            for parameter in module.parameters(recurse=False):
                parameter.data = parameter.data.float()
    for held in model.buffers():
        if held.dtype in HALF:
            held.data = held.data.float()
    if in_float16:
        for module in model.modules():
            if isinstance(module, ChatGLMAttention):
                module.cache_dtype = torch.float16
    model.requires_grad_(False)


def half_of(model: nn.Module) -> torch.dtype | None:
    """What `model` keeps its linear weights in while it computes in 32 bits; None for a model of one type."""
    return next((m.weight.dtype for m in model.modules() if isinstance(m, HalfLinear)), None)


def computes_wider(model: nn.Module) -> bool:
    """Whether `model` computes in 32 bits while some of its weights are kept in half precision."""
    return any(isinstance(m, HalfEmbedding | HalfLinear) for m in model.modules())


def weights_in(model: Any) -> str:
    """The type that a record says the weights are held in, such as "float16" or "nf4"."""
    return str(quantization_of(model) or half_of(model) or model.dtype).removeprefix("torch.")


class _HalfProduct(torch.autograd.Function):
    """x W' + b with W in half precision; saved for backward is W itself, and nothing widened."""

    @staticmethod
    def forward(ctx: Any, x_TI: torch.Tensor, weight_OI: torch.Tensor, bias_O: torch.Tensor | None) -> torch.Tensor:
        ctx.save_for_backward(weight_OI)
        x_TI = x_TI.contiguous()
        out_TO = x_TI.new_empty(len(x_TI), len(weight_OI))
        for rows, tile_RI in _tiles(weight_OI):
            out_TO[:, rows] = product(x_TI, tile_RI, None if bias_O is None else bias_O[rows])
        return out_TO

    @staticmethod
    def backward(ctx: Any, dy_TO: torch.Tensor) -> tuple[torch.Tensor | None, None, None]:
        (weight_OI,) = ctx.saved_tensors
        dx_TI: torch.Tensor | None = None
        for rows, tile_RI in _tiles(weight_OI):
            # oneDNN copies slices very slowly
            dx_TI = product(dy_TO[:, rows].contiguous(), tile_RI.t(), None, dx_TI)
        return dx_TI, None, None


_apply: Any = _HalfProduct.apply


def _tiles(weight_OI: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
    """Rows, and those rows of the weight in float32, in a buffer that the next ones are written to."""
    outputs, inputs = weight_OI.shape
    step = height(outputs, inputs, TILE_BYTES)
    buffer_RI = buffer(step * inputs).view(step, inputs)
    for start in range(0, outputs, step):
        rows = slice(start, min(start + step, outputs))
        yield rows, buffer_RI[: rows.stop - start].copy_(weight_OI[rows])
