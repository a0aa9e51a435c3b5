"""The head over the supervised positions alone: logits in slices, each gone before the next one.

The gradient of a token's nats is (softmax - onehot) W; it is made beside the loss, so that no logits wait for it.
Shapes: K supervised tokens, H width, V vocabulary.
Source: cut cross entropy, arXiv 2411.09009, without its kernel.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch

from doctorglm.models.products import product
from doctorglm.models.quantized.linear import QuantizedLinear

_SLICE_BYTES = {"cpu": 8_000_000}
"""Of logits in 32 bits: what fits a CPU's cache."""
_OTHER_SLICE_BYTES = 1_000_000_000
"""A GPU reads the whole head for each slice, which takes as long as the products of some hundred tokens."""

_Product: TypeAlias = Callable[[torch.Tensor], torch.Tensor]


class SupervisedHead(torch.autograd.Function):
    """Nats of each supervised token, [K]; only the hidden states get a gradient."""

    @staticmethod
    def forward(
        ctx: Any, hidden_KH: torch.Tensor, weight_VH: torch.Tensor | QuantizedLinear, targets_K: torch.Tensor
    ) -> torch.Tensor:
        """`targets_K` int64; a packed head is given whole, and is unpacked for each slice."""
        vocabulary, times, back = _products(weight_VH)
        nats_K = hidden_KH.new_empty(len(targets_K), dtype=_wide(hidden_KH.dtype))
        wanted = ctx.needs_input_grad[0]
        dhidden_KH = torch.empty_like(hidden_KH) if wanted else None
        slice_bytes = _SLICE_BYTES.get(hidden_KH.device.type, _OTHER_SLICE_BYTES)
        rows = max(64, slice_bytes // (vocabulary * nats_K.element_size()))
        for start in range(0, len(targets_K), rows):
            piece = slice(start, start + rows)
            logits = times(hidden_KH[piece]).to(nats_K.dtype)
            log_p = torch.log_softmax(logits, -1)
            nats_K[piece] = log_p.gather(1, targets_K[piece, None])[:, 0].neg()
            if dhidden_KH is not None:
                p = log_p.exp_()
                p[torch.arange(len(p), device=p.device), targets_K[piece]] -= 1
                dhidden_KH[piece] = back(p.to(hidden_KH.dtype))
        if dhidden_KH is not None:
            ctx.save_for_backward(dhidden_KH)
        return nats_K

    @staticmethod
    def backward(ctx: Any, dnats_K: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """The gradient of `hidden_KH`."""
        (dhidden_KH,) = ctx.saved_tensors
        return dhidden_KH * dnats_K[:, None].to(dhidden_KH.dtype), None, None


def _products(weight_VH: torch.Tensor | QuantizedLinear) -> tuple[int, _Product, _Product]:
    """V, the product with the weight, and the one on the way back."""
    if isinstance(weight_VH, QuantizedLinear):
        return weight_VH.out_features, weight_VH.times, weight_VH.back
    return len(weight_VH), lambda x: product(x, weight_VH), lambda p: product(p.to(weight_VH.dtype), weight_VH.t())


def _wide(dtype: torch.dtype) -> torch.dtype:
    return dtype if dtype == torch.float64 else torch.float32
