"""A layer of ChatGLM-6B, with LoRA or a prefix, as one function: LayerNorm, attention over a prompt read from both
sides, GELU.

The residual carries the normalised input times `ALPHA`. Shapes as in `decoder`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from doctorglm.models.chatglm.attention import ALPHA, ChatGLMBlock
from doctorglm.models.prefix.encoder import KeyValue
from doctorglm.tune.fused.attention import Heads, Layout, attend, attend_backward
from doctorglm.tune.fused.decoder import both, in_pairs, spread
from doctorglm.tune.fused.packed import mixed, projection
from doctorglm.tune.fused.projection import Member, Projection, refreshed
from doctorglm.tune.fused.rotary import rows_of_pairs

_LAYER_NORM = torch.ops.aten.native_layer_norm
_LAYER_NORM_BACKWARD = torch.ops.aten.native_layer_norm_backward


@dataclass(frozen=True)
class ChatGLMLayer:
    """The four projections and two norms of a block."""

    qkv: Projection
    out: Projection
    widen: Projection
    narrow: Projection
    norms: tuple[nn.LayerNorm, nn.LayerNorm]
    heads: Heads
    of_pairs: torch.Tensor
    """(D,) which numbers of a key, in the order of the rotated pairs."""

    @classmethod
    def of(cls, block: nn.Module, pairs: torch.Tensor) -> "ChatGLMLayer | None":
        """The block, when every linear map in it can be fused; `pairs` says what its rotation turns together."""
        if not isinstance(block, ChatGLMBlock):
            return None
        attention, mlp = block.attention, block.mlp
        modules = (attention.query_key_value, attention.dense, mlp.dense_h_to_4h, mlp.dense_4h_to_h)
        members = [m for module in modules if (m := Member.of(module)) is not None]
        norms = (block.input_layernorm, block.post_attention_layernorm)
        if (
            len(members) != len(modules)
            or mixed(members)
            or any(p.requires_grad for n in norms for p in n.parameters())
        ):
            return None
        heads, size = attention.heads, attention.head_dim
        # published: query, key and value of a head side by side; here all queries, all keys, all values
        place = torch.arange(heads)[:, None] * 3 * size + torch.arange(size)
        turned = rows_of_pairs(1, size, pairs)
        rows = [(place + part * size)[:, turned if part < 2 else slice(None)].flatten() for part in range(3)]
        first, *rest = members
        qkv = projection([first], [(0, r) for r in rows])
        out, widen, narrow = (projection([m]) for m in rest)
        return cls(qkv, out, widen, narrow, norms, Heads(heads, 1, size), turned)

    def __call__(
        self, x_TH: torch.Tensor, layout: Layout, wanted_K: torch.Tensor | None, learned: KeyValue | None = None
    ) -> torch.Tensor:
        """[K,H]; `learned` is a key and a value [1,M,P,D] that stand before those of every document."""
        parameters = refreshed((self.qkv, self.out, self.widen, self.narrow))
        out: torch.Tensor = _apply(x_TH, self, layout, wanted_K, *in_pairs(learned, self.of_pairs), *parameters)
        return out


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x_TH: torch.Tensor,
        layer: ChatGLMLayer,
        layout: Layout,
        wanted_K: torch.Tensor | None,
        key_MPD: torch.Tensor | None,
        value_MPD: torch.Tensor | None,
        *_: Any,
    ) -> torch.Tensor:
        a_TH, mean_T1, rstd_T1 = _layer_norm(x_TH, layer.norms[0])
        q_TO, k_TO, v_TO = layer.qkv.forward(a_TH)
        attended_KO, kept = attend(q_TO, k_TO, v_TO, layer.heads, layout, both(key_MPD, value_MPD))
        residual_KH = a_TH
        if wanted_K is not None:
            attended_KO, residual_KH = (x.index_select(0, wanted_K) for x in (attended_KO, a_TH))
        s_KH = layer.out.add_to(residual_KH * ALPHA, attended_KO)
        m_KH, mean2_K1, rstd2_K1 = _layer_norm(s_KH, layer.norms[1])
        (wide,) = layer.widen.forward(m_KH)
        inner = F.gelu(wide, approximate="tanh")
        y_KH = layer.narrow.add_to(m_KH * ALPHA, inner)
        if any(ctx.needs_input_grad):
            ctx.layer, ctx.layout, ctx.wanted, ctx.tokens = layer, layout, wanted_K, len(x_TH)
            ctx.places = 0 if key_MPD is None else key_MPD.shape[1]
            ctx.norms = ((x_TH, mean_T1, rstd_T1), (s_KH, mean2_K1, rstd2_K1))
            ctx.kept = (a_TH, kept, attended_KO, m_KH, wide, inner)
        return y_KH

    @staticmethod
    def backward(ctx: Any, dy_KH: torch.Tensor) -> Any:
        layer, layout, wanted_K = ctx.layer, ctx.layout, ctx.wanted
        a_TH, kept, attended_KO, m_KH, wide, inner = ctx.kept
        of_x, of_s = ctx.norms
        ctx.kept = ctx.norms = None
        of_narrow = layer.narrow.gradients(inner, [dy_KH])
        dinner = layer.narrow.input_gradient([dy_KH])
        dwide = torch.ops.aten.gelu_backward(dinner, wide, approximate="tanh")
        of_widen = layer.widen.gradients(m_KH, [dwide])
        ds_KH = _layer_norm_backward(layer.widen.input_gradient([dwide], dy_KH * ALPHA), of_s, layer.norms[1])
        of_out = layer.out.gradients(attended_KO, [ds_KH])
        of_qkv: list[torch.Tensor] = []
        dx_TH = None
        dlearned: Sequence[torch.Tensor | None] = (None, None)
        if ctx.needs_input_grad[0] or ctx.places or layer.qkv.parameters:
            dattended = spread(layer.out.input_gradient([ds_KH]), wanted_K, ctx.tokens)
            *dqkv, of_learned = attend_backward(dattended, kept, layer.heads, layout, ctx.places)
            dlearned = of_learned or dlearned
            of_qkv = layer.qkv.gradients(a_TH, dqkv)
        if ctx.needs_input_grad[0]:
            residual_TH = spread(ds_KH * ALPHA, wanted_K, ctx.tokens)
            dx_TH = _layer_norm_backward(layer.qkv.input_gradient(dqkv, residual_TH), of_x, layer.norms[0])
        return dx_TH, None, None, None, *dlearned, *of_qkv, *of_out, *of_widen, *of_narrow


def _layer_norm(x_TH: torch.Tensor, norm: nn.LayerNorm) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The normed row, and [T,1] means and inverse deviations."""
    out: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = _LAYER_NORM(
        x_TH, norm.normalized_shape, norm.weight, norm.bias, norm.eps
    )
    return out


def _layer_norm_backward(
    dy_TH: torch.Tensor, of_input: tuple[torch.Tensor, torch.Tensor, torch.Tensor], norm: nn.LayerNorm
) -> torch.Tensor:
    dx_TH: torch.Tensor = _LAYER_NORM_BACKWARD(
        dy_TH, of_input[0], norm.normalized_shape, *of_input[1:], norm.weight, norm.bias, [True, False, False]
    )[0]
    return dx_TH


_apply: Any = _Function.apply
