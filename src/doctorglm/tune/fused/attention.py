"""Attention over the documents of a row, forward and backward, as matrix products over groups of like length.

Below a few hundred tokens batched products and a softmax are faster on a CPU than its fused kernel, although they
compute the half that the mask removes; longer documents go through that kernel, whose memory does not grow with S x S.
Documents of nearly one length are padded to it, on the right, where no real query looks, and handled together.
Learned keys and values (P-tuning) stand before those of every document, open to all of it.
Shapes: T columns of the row; n documents of a group, S its longest, U = n*S rows of the group, padding included;
M heads of keys and values, G heads of queries for each, D head size, O = M*G*D; B = n*M; P learned places, C = P+S.
Source: arXiv 2205.14135 for the kernel; the products are the definition.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch

from doctorglm.models.documents import Documents
from doctorglm.tune.fused.rotary import turn

LONGEST_BY_PRODUCTS = 256
"""Longer documents go through the fused kernel, one by one."""
_SLACK = 0.15
"""How much longer than the shortest document of a group its longest may be, plus a few tokens."""

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


@dataclass(frozen=True)
class Group:
    """Documents that are handled together: their rows among all padded rows, and what their tokens may see."""

    rows: slice
    count: int
    size: int
    prefixes: tuple[int, ...]

    @property
    def by_kernel(self) -> bool:
        """Whether it is one long document."""
        return self.size > LONGEST_BY_PRODUCTS

    def mask(self, batch: int, group: int, places: int, dtype: torch.dtype) -> torch.Tensor:
        """[B,S*G,C], added to the scores; besides the `places`, `prefixes[i]` columns are open to all of document i."""
        causal = _causal(self.size if self.by_kernel else LONGEST_BY_PRODUCTS, group, places, dtype)
        causal = causal[: self.size * group, : places + self.size]
        if not any(self.prefixes):
            return causal.expand(batch, -1, -1)
        mask = causal.repeat(self.count, 1, 1)
        for of_one, prefix in zip(mask, self.prefixes, strict=True):
            of_one[:, : places + prefix] = 0
        return mask.repeat_interleave(batch // self.count, 0)


@lru_cache(maxsize=8)
def _causal(size: int, group: int, places: int, dtype: torch.dtype) -> torch.Tensor:
    mask = torch.full((size, places + size), -math.inf, dtype=dtype)
    return mask.triu(places + 1).repeat_interleave(group, 0)


class Layout:
    """What every layer needs to know of a row: its documents, prompts read from both sides, and the rotation."""

    def __init__(self, documents: Documents, prefixes: list[int], turn_TP: torch.Tensor) -> None:
        """`prefixes` are how many first tokens of each document all of it sees; `turn_TP` is complex."""
        self.groups: list[Group] = []
        source: list[int] = []
        self._masks: dict[Any, torch.Tensor] = {}
        for together in _grouped(documents):
            size = max(end - start for start, end in together.values())
            rows = slice(len(source), len(source) + size * len(together))
            self.groups.append(Group(rows, len(together), size, tuple(prefixes[i] for i in together)))
            source += [min(start + j, end - 1) for start, end in together.values() for j in range(size)]
        self.source = torch.tensor(source)
        """(U of all groups,) the column that each padded row holds; padding repeats its document's last."""
        self.place = torch.empty(len(turn_TP), dtype=torch.long)
        """(T,) the padded row of each column."""
        self.place[self.source.flip(0)] = torch.arange(len(source)).flip(0)
        self.turn_UP = turn_TP[self.source]

    @cached_property
    def padding(self) -> torch.Tensor:
        """The padded rows that hold no token of their own."""
        real = torch.zeros(len(self.source), dtype=torch.bool)
        real[self.place] = True
        return (~real).nonzero().flatten()

    def mask(self, group: Group, batch: int, queries: int, places: int, dtype: torch.dtype) -> torch.Tensor:
        """As `Group.mask`, made once for all layers."""
        key = (group.rows.start, batch, queries, places, dtype)
        if key not in self._masks:
            self._masks[key] = group.mask(batch, queries, places, dtype)
        return self._masks[key]


def _grouped(documents: Documents) -> list[dict[int, tuple[int, int]]]:
    """Documents by number, the shortest first, in groups of nearly one length; a long one is alone."""
    groups: list[dict[int, tuple[int, int]]] = []
    shortest = 0
    for i in sorted(range(len(documents.bounds)), key=lambda i: documents.bounds[i][1] - documents.bounds[i][0]):
        start, end = documents.bounds[i]
        if not groups or end - start > shortest * (1 + _SLACK) + 4 or end - start > LONGEST_BY_PRODUCTS:
            groups.append({})
            shortest = end - start
        groups[-1][i] = (start, end)
    return groups


@dataclass(frozen=True)
class Heads:
    """How many heads there are, and their size."""

    keys: int
    per_key: int
    size: int

    @property
    def scale(self) -> float:
        """Of the scores; the queries take it with them when they are turned."""
        return float(self.size**-0.5)


Learned = tuple[torch.Tensor, torch.Tensor]
"""A key, in the order of the rotated pairs, and a value, each [M,P,D]."""


def attend(
    q_TO: torch.Tensor,
    k_TO: torch.Tensor,
    v_TO: torch.Tensor,
    heads: Heads,
    layout: Layout,
    learned: Learned | None = None,
) -> tuple[torch.Tensor, list[Any]]:
    """[T,O] from the projections' outputs, whose queries and keys are turned here; and what the way back needs."""
    places = learned[0].shape[1] if learned else 0
    q_UO, k_UO, v_UO = (x.index_select(0, layout.source) for x in (q_TO, k_TO, v_TO))
    out_UO, kept = torch.empty_like(q_UO), []
    for group in layout.groups:
        turn_UP = layout.turn_UP[group.rows]
        q = _turned(q_UO[group.rows], turn_UP * heads.scale, group, heads, heads.scale)
        k = _turned(k_UO[group.rows], turn_UP, group, heads)
        v = _by_head(v_UO[group.rows], group, heads).flatten(2, 3).flatten(0, 1)
        if learned:
            k, v = (_after(own, x, group) for own, x in zip(learned, (k, v), strict=True))
        by = _by_kernel if group.by_kernel else _by_products
        queries = 1 if group.by_kernel else heads.per_key
        out_BQD, of_group = by(q, k, v, layout.mask(group, len(q), queries, places, q.dtype))
        out_UO[group.rows].unflatten(0, (group.count, -1)).unflatten(2, (heads.keys, -1, heads.size)).copy_(
            out_BQD.unflatten(0, (group.count, -1)).unflatten(2, (group.size, -1)).transpose(1, 2)
        )
        kept.append((q, k, v, of_group))
    return out_UO.index_select(0, layout.place), kept


def _after(own_MPD: torch.Tensor, x_BSD: torch.Tensor, group: Group) -> torch.Tensor:
    """[B,C,D]: the learned keys (or values) before those of every document of the group."""
    return torch.cat((own_MPD.repeat(group.count, 1, 1), x_BSD), 1)


def attend_backward(
    do_TO: torch.Tensor, kept: list[Any], heads: Heads, layout: Layout, places: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """The gradients of what `attend` was given: of q, k and v, and [M,P,D] of what is learned, where there is any."""
    learned = [do_TO.new_zeros(heads.keys, places, heads.size) for _ in range(2)] if places else []
    do_UO = do_TO.index_select(0, layout.source).index_fill_(0, layout.padding, 0)
    dq_UO, dk_UO, dv_UO = (do_UO.new_empty(len(do_UO), heads.keys * n * heads.size) for n in (heads.per_key, 1, 1))
    for group, (q, k, v, of_group) in zip(layout.groups, kept, strict=True):
        do_BQD = _by_head(do_UO[group.rows], group, heads).flatten(2, 3).flatten(0, 1)
        backward = _kernel_backward if group.by_kernel else _products_backward
        dq, dk, dv = backward(do_BQD, q, k, v, of_group)
        for own_MPD, dx in zip(learned, (dk, dv), strict=False):
            own_MPD += dx[:, :places].unflatten(0, (group.count, -1)).sum(0)
        dk, dv = dk[:, places:], dv[:, places:]
        back_UP = layout.turn_UP[group.rows].conj().resolve_conj()
        _turn_into(dq_UO[group.rows], dq, back_UP * heads.scale, group, heads, heads.scale)
        _turn_into(dk_UO[group.rows], dk, back_UP, group, heads)
        _by_head(dv_UO[group.rows], group, heads)[..., 0, :] = dv.unflatten(0, (group.count, -1))
    dq_TO, dk_TO, dv_TO = (x.index_select(0, layout.place) for x in (dq_UO, dk_UO, dv_UO))
    return dq_TO, dk_TO, dv_TO, learned


def _by_head(x_UO: torch.Tensor, group: Group, heads: Heads) -> torch.Tensor:
    """A view [n,M,S,G,D]."""
    x: torch.Tensor = x_UO.unflatten(0, (group.count, group.size)).unflatten(2, (heads.keys, -1, heads.size))
    return x.transpose(1, 2)


def _turned(x_UO: torch.Tensor, turn_UP: torch.Tensor, group: Group, heads: Heads, scale: float = 1.0) -> torch.Tensor:
    """[B,S*G,D]."""
    x = _by_head(x_UO, group, heads)
    out = x.new_empty(x.shape)
    turn(x, _angles(turn_UP, group), out, scale)
    return out.flatten(2, 3).flatten(0, 1)


def _turn_into(
    out_UO: torch.Tensor, d_BQD: torch.Tensor, back_UP: torch.Tensor, group: Group, heads: Heads, scale: float = 1.0
) -> None:
    d = d_BQD.unflatten(0, (group.count, -1)).unflatten(2, (group.size, -1))
    turn(d, _angles(back_UP, group), _by_head(out_UO, group, heads), scale)


def _angles(turn_UP: torch.Tensor, group: Group) -> torch.Tensor:
    """[n,1,S,1,P]."""
    turn_nSP: torch.Tensor = turn_UP.unflatten(0, (group.count, group.size))
    return turn_nSP[:, None, :, None]


def _by_products(
    q_BQD: torch.Tensor, k_BCD: torch.Tensor, v_BCD: torch.Tensor, mask_BQC: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The output, and the weights. Results are whole tensors: a batched product into a slice is slow."""
    scores = torch.baddbmm(mask_BQC, q_BQD, k_BCD.mT)
    weights = torch.softmax(scores, -1)
    return torch.bmm(weights, v_BCD), weights


def _products_backward(
    do_BQD: torch.Tensor, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    dweights = torch.bmm(do_BQD, v.mT)
    dscores = torch._softmax_backward_data(dweights, weights, -1, weights.dtype)
    return torch.bmm(dscores, k), torch.bmm(dscores.mT, q), torch.bmm(weights.mT, do_BQD)


def _by_kernel(
    q_BQD: torch.Tensor, k_BCD: torch.Tensor, v_BCD: torch.Tensor, mask_BSC: torch.Tensor
) -> tuple[torch.Tensor, Any]:
    """The same by torch's kernel, which keeps the output and its log-sum-exp instead of the weights."""
    mask = mask_BSC[0]
    out, lse = _flash(*_repeated(q_BQD, k_BCD, v_BCD, len(mask)), 0.0, False, attn_mask=mask, scale=1.0)
    return out.transpose(1, 2).flatten(1, 2), (out, lse, mask)


def _kernel_backward(
    do_BQD: torch.Tensor, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, of_group: Any
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    out, lse, mask = of_group
    do = _repeated(do_BQD, k, v, len(mask))[0]
    dq, dk, dv = _flash_backward(do, *_repeated(q, k, v, len(mask)), out, lse, 0.0, False, attn_mask=mask, scale=1.0)
    return dq.transpose(1, 2).flatten(1, 2), dk.sum(1), dv.sum(1)


def _repeated(q_BQD: torch.Tensor, k_BCD: torch.Tensor, v_BCD: torch.Tensor, queries: int) -> tuple[torch.Tensor, ...]:
    """[B,G,S,D] of the `queries` S, [B,G,C,D] of keys and values, which are repeated without a copy."""
    q = q_BQD.unflatten(1, (queries, -1)).transpose(1, 2)
    return q, *(x[:, None].expand(-1, q.shape[1], -1, -1) for x in (k_BCD, v_BCD))
