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


def attend(
    q_MQD: torch.Tensor, k_MTD: torch.Tensor, v_MTD: torch.Tensor, layout: Layout
) -> tuple[torch.Tensor, list[Any]]:
    """[M,T*G,D], and what `backward` needs of each document."""
    group, scale = q_MQD.shape[1] // k_MTD.shape[1], q_MQD.shape[-1] ** -0.5
    out, kept = torch.empty_like(q_MQD), []
    for (start, end), prefix in zip(layout.documents.bounds, layout.prefixes, strict=True):
        q, k, v = q_MQD[:, start * group : end * group], k_MTD[:, start:end], v_MTD[:, start:end]
        size = end - start
        if size > LONGEST_BY_PRODUCTS:
            mask = layout.mask(size, prefix, 1, q.dtype) if prefix else None
            o, lse = _flash(*_heads(q, k, v), 0.0, mask is None, attn_mask=mask, scale=scale)
            out[:, start * group : end * group] = _flat(o)
            kept.append((o, lse, mask))
            continue
        mask = layout.mask(size, prefix, group, q.dtype)
        scores = torch.baddbmm(mask.expand(len(q), -1, -1), q, k.mT, alpha=scale)
        weights = torch.softmax(scores, -1)
        torch.bmm(weights, v, out=out[:, start * group : end * group])
        kept.append(weights)
    return out, kept


def attend_backward(
    do_MQD: torch.Tensor, q_MQD: torch.Tensor, k_MTD: torch.Tensor, v_MTD: torch.Tensor, kept: list[Any], layout: Layout
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The gradients of queries, keys and values."""
    group, scale = q_MQD.shape[1] // k_MTD.shape[1], q_MQD.shape[-1] ** -0.5
    dq, dk, dv = torch.empty_like(q_MQD), torch.empty_like(k_MTD), torch.empty_like(v_MTD)
    for (start, end), of_one in zip(layout.documents.bounds, kept, strict=True):
        rows, columns = slice(start * group, end * group), slice(start, end)
        q, k, v, do = q_MQD[:, rows], k_MTD[:, columns], v_MTD[:, columns], do_MQD[:, rows]
        if isinstance(of_one, tuple):
            o, lse, mask = of_one
            heads = _heads(q, k, v)
            gradients = _flash_backward(
                _heads(do, k, v)[0], *heads, o, lse, 0.0, mask is None, attn_mask=mask, scale=scale
            )
            dq[:, rows], dk[:, columns], dv[:, columns] = _flat(gradients[0]), *(g.sum(1) for g in gradients[1:])
            continue
        torch.bmm(of_one.mT, do, out=dv[:, columns])
        dweights = torch.bmm(do, v.mT)
        dscores = torch._softmax_backward_data(dweights, of_one, -1, of_one.dtype).mul_(scale)
        torch.bmm(dscores, k, out=dq[:, rows])
        torch.bmm(dscores.mT, q, out=dk[:, columns])
    return dq, dk, dv


def _heads(q_MQD: torch.Tensor, k_MSD: torch.Tensor, v_MSD: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """[M,G,S,D] of each, keys and values repeated without a copy."""
    group = q_MQD.shape[1] // k_MSD.shape[1]
    q = q_MQD.unflatten(1, (-1, group)).transpose(1, 2)
    return q, *(x[:, None].expand(-1, group, -1, -1) for x in (k_MSD, v_MSD))


def _flat(x_MGSD: torch.Tensor) -> torch.Tensor:
    """[M,S*G,D]."""
    return x_MGSD.transpose(1, 2).flatten(1, 2)
