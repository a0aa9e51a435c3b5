"""Attention over the documents of a row, forward and backward, as matrix products.

Below a few hundred tokens three batched products and a softmax are faster on a CPU than its fused kernel, although they
compute the half that the mask removes; longer documents go through that kernel, whose memory does not grow with S x S.
Shapes: M heads of keys and values, G heads of queries for each, T columns, S of one document, D head size. Queries lie as
[M,T*G,D], the G queries of a token side by side, so that a document is a slice.
Source: arXiv 2205.14135 for the kernel; the products are the definition.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch

from doctorglm.models.documents import Documents

LONGEST_BY_PRODUCTS = 256
"""Documents of more tokens go through the fused kernel; measured by benchmarks/tune_cpu.py."""

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


@dataclass
class Layout:
    """What every layer needs to know of a row: documents, prompts read from both sides, and the rotation."""

    documents: Documents
    prefixes: list[int]
    """How many first tokens of each document all of it sees; 0 is causal."""
    turn: torch.Tensor
    """[T,P] complex: what the P pairs of every head are multiplied by."""
    masks: dict[tuple[int, int, int, torch.dtype], torch.Tensor] = field(default_factory=dict)

    def mask(self, size: int, prefix: int, group: int, dtype: torch.dtype) -> torch.Tensor:
        """[S*G,S], added to the scores."""
        if not prefix:
            return _causal(LONGEST_BY_PRODUCTS, group, dtype)[: size * group, :size]
        key = (size, prefix, group, dtype)
        if key not in self.masks:
            mask = _causal(size, group, dtype).clone()
            mask[:, :prefix] = 0
            self.masks[key] = mask
        return self.masks[key]


@lru_cache(maxsize=8)
def _causal(size: int, group: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.full((size, size), -math.inf, dtype=dtype).triu(1).repeat_interleave(group, 0)


def attend(q_MQD: torch.Tensor, k_MTD: torch.Tensor, v_MTD: torch.Tensor, layout: Layout) -> tuple[torch.Tensor, Any]:
    """[T, M*G*D], and what `attend_backward` needs."""
    kv_heads, tokens, size = k_MTD.shape
    group = q_MQD.shape[1] // tokens
    out_TMGD, kept = q_MQD.new_empty(tokens, kv_heads, group, size), []
    for (start, end), prefix in zip(layout.documents.bounds, layout.prefixes, strict=True):
        q, k, v = q_MQD[:, start * group : end * group], k_MTD[:, start:end], v_MTD[:, start:end]
        by = _by_products if end - start <= LONGEST_BY_PRODUCTS else _by_kernel
        out_MQD, of_one = by(q, k, v, layout, prefix)
        out_TMGD[start:end] = out_MQD.unflatten(1, (-1, group)).transpose(0, 1)
        kept.append(of_one)
    return out_TMGD.flatten(1), (q_MQD, k_MTD, v_MTD, kept)


def _by_products(
    q_MQD: torch.Tensor, k_MSD: torch.Tensor, v_MSD: torch.Tensor, layout: Layout, prefix: int
) -> tuple[torch.Tensor, Any]:
    """One document's output [M,S*G,D], and its weights. Results are whole tensors: a product into a slice is slow."""
    size = k_MSD.shape[1]
    mask = layout.mask(size, prefix, q_MQD.shape[1] // size, q_MQD.dtype)
    scores = torch.baddbmm(mask.expand(len(q_MQD), -1, -1), q_MQD, k_MSD.mT, alpha=q_MQD.shape[-1] ** -0.5)
    weights = torch.softmax(scores, -1)
    return torch.bmm(weights, v_MSD), weights


def _by_kernel(
    q_MQD: torch.Tensor, k_MSD: torch.Tensor, v_MSD: torch.Tensor, layout: Layout, prefix: int
) -> tuple[torch.Tensor, Any]:
    """The same by torch's kernel, which keeps the output and its log-sum-exp instead of the weights."""
    mask = layout.mask(k_MSD.shape[1], prefix, 1, q_MQD.dtype) if prefix else None
    scale = q_MQD.shape[-1] ** -0.5
    out, lse = _flash(*_heads(q_MQD, k_MSD, v_MSD), 0.0, mask is None, attn_mask=mask, scale=scale)
    return _flat(out), (out, lse, mask)


def attend_backward(
    do_TO: torch.Tensor, kept: Any, layout: Layout
) -> tuple[list[torch.Tensor], list[torch.Tensor], list[torch.Tensor]]:
    """The gradients of queries [M,S*G,D], keys and values [M,S,D], document by document."""
    q_MQD, k_MTD, v_MTD, of_all = kept
    kv_heads, tokens, size = k_MTD.shape
    group = q_MQD.shape[1] // tokens
    do_TMGD = do_TO.unflatten(1, (kv_heads, group, size))
    gradients = []
    for (start, end), of_one in zip(layout.documents.bounds, of_all, strict=True):
        q, k, v = q_MQD[:, start * group : end * group], k_MTD[:, start:end], v_MTD[:, start:end]
        do_MQD = do_TMGD[start:end].transpose(0, 1).flatten(1, 2)
        backward = _kernel_backward if isinstance(of_one, tuple) else _products_backward
        gradients.append(backward(do_MQD, q, k, v, of_one))
    dq, dk, dv = zip(*gradients, strict=True)
    return list(dq), list(dk), list(dv)


def _products_backward(
    do_MQD: torch.Tensor, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    dweights = torch.bmm(do_MQD, v.mT)
    dscores = torch._softmax_backward_data(dweights, weights, -1, weights.dtype).mul_(q.shape[-1] ** -0.5)
    return torch.bmm(dscores, k), torch.bmm(dscores.mT, q), torch.bmm(weights.mT, do_MQD)


def _kernel_backward(
    do_MQD: torch.Tensor, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, of_one: Any
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    out, lse, mask = of_one
    do, scale = _heads(do_MQD, k, v)[0], q.shape[-1] ** -0.5
    dq, dk, dv = _flash_backward(
        do, *_heads(q, k, v), out, lse, 0.0, mask is None, attn_mask=mask, scale=scale
    )
    return _flat(dq), dk.sum(1), dv.sum(1)


def _heads(q_MQD: torch.Tensor, k_MSD: torch.Tensor, v_MSD: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """[M,G,S,D] of each, keys and values repeated without a copy."""
    group = q_MQD.shape[1] // k_MSD.shape[1]
    q = q_MQD.unflatten(1, (-1, group)).transpose(1, 2)
    return q, *(x[:, None].expand(-1, group, -1, -1) for x in (k_MSD, v_MSD))


def _flat(x_MGSD: torch.Tensor) -> torch.Tensor:
    """[M,S*G,D]."""
    return x_MGSD.transpose(1, 2).flatten(1, 2)
