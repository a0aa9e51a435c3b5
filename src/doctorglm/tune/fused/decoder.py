"""A decoder layer of the Llama shape (Llama, Qwen2 and 3, GLM, ChatGLM2 and 3 converted), frozen, as one function.

What is trained is LoRA beside its maps, or a prefix before its keys and values.

RMSNorm, attention with grouped queries and rotary positions (and normed heads, in Qwen3), RMSNorm, SwiGLU. Saved for
the backward pass is what cannot be made again cheaply. The last layer computes what follows attention for the wanted
tokens only.
Shapes: T tokens, K of them wanted (all T but in the last layer), H width; others as in the modules beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from doctorglm.models.prefix.encoder import KeyValue
from doctorglm.tune.fused.attention import Heads, Layout, Learned, attend, attend_backward
from doctorglm.tune.fused.packed import mixed, projection
from doctorglm.tune.fused.pointwise import (
    head_norm,
    head_norm_backward,
    rms_norm,
    rms_norm_backward,
    swiglu,
    swiglu_backward,
)
from doctorglm.tune.fused.projection import Member, Projection, refreshed
from doctorglm.tune.fused.rotary import rows_of_pairs

_ATTENTION = {"q_proj", "k_proj", "v_proj", "o_proj"}
_HEAD_NORMS = {"q_norm", "k_norm"}
_MLPS = ({"gate_proj", "up_proj", "down_proj"}, {"gate_up_proj", "down_proj"})
_PARTS = {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}


@dataclass(frozen=True)
class DecoderLayer:
    """The four projections of a layer and its sizes."""

    qkv: Projection
    out: Projection
    gate_up: Projection
    down: Projection
    heads: Heads
    eps: tuple[float, float]
    head_norms: tuple[tuple[torch.Tensor, float], ...] = ()
    """Weight (D,), in the order of the rotated pairs, and epsilon of the queries' norm and of the keys'; or neither."""
    of_pairs: torch.Tensor | None = None
    """(D,) which numbers of a key, in the order of the rotated pairs."""

    @classmethod
    def of(cls, layer: nn.Module, pairs: torch.Tensor) -> "DecoderLayer | None":
        """The layer, when its modules are exactly those of this shape; `pairs` says what its rotation turns together.

        That its forward is this shape's too is for the caller to check by running both.
        """
        children: Any = dict(layer.named_children())
        if set(children) != _PARTS:
            return None
        attention, mlp = children["self_attn"], children["mlp"]
        names = {n for n, m in mlp.named_children() if m.state_dict()}  # a packed weight is no parameter
        of_heads = {n: m for n, m in attention.named_children() if n in _HEAD_NORMS}
        if {n for n, _ in attention.named_children()} - of_heads.keys() != _ATTENTION or names not in _MLPS:
            return None
        norms = [children["input_layernorm"], children["post_attention_layernorm"]]
        if len(of_heads) == 1 or not all(_is_rms_norm(norm) for norm in (*norms, *of_heads.values())):
            return None
        members = {n: Member.of(m) for part in (attention, mlp) for n, m in part.named_children() if n not in of_heads}
        gates = ["gate_up_proj"] if "gate_up_proj" in names else ["gate_proj", "up_proj"]
        used = {n: m for n in (*_ATTENTION, *gates, "down_proj") if (m := members[n]) is not None}
        if len(used) != len(_ATTENTION) + len(gates) + 1 or mixed(list(used.values())):
            return None
        size, heads = attention.head_dim, used["q_proj"].weight.shape[0] // attention.head_dim
        kv_heads = used["k_proj"].weight.shape[0] // size
        parts: list[tuple[int, torch.Tensor | None]] = [
            (0, rows_of_pairs(heads, size, pairs)),
            (1, rows_of_pairs(kv_heads, size, pairs)),
            (2, None),
        ]
        # GLM has both halves of the gate in one map
        halves: list[tuple[int, torch.Tensor | None]] = [(i, None) for i in range(2)]
        if len(gates) == 1:
            halves = [(0, half) for half in torch.arange(used[gates[0]].weight.shape[0]).chunk(2)]
        return cls(
            qkv=projection([used[n] for n in ("q_proj", "k_proj", "v_proj")], parts, norms[0].weight.detach()),
            out=projection([used["o_proj"]]),
            gate_up=projection([used[n] for n in gates], halves, norms[1].weight.detach()),
            down=projection([used["down_proj"]]),
            heads=Heads(kv_heads, heads // kv_heads, size),
            eps=(norms[0].variance_epsilon, norms[1].variance_epsilon),
            head_norms=_in_pairs([of_heads[n] for n in ("q_norm", "k_norm")] if of_heads else [], size, pairs),
            of_pairs=rows_of_pairs(1, size, pairs),
        )

    def __call__(
        self, x_TH: torch.Tensor, layout: Layout, wanted_K: torch.Tensor | None, learned: KeyValue | None = None
    ) -> torch.Tensor:
        """[K,H]; `learned` is a key and a value [1,M,P,D] that stand before those of every document."""
        parameters = refreshed((self.qkv, self.out, self.gate_up, self.down))
        out: torch.Tensor = _apply(x_TH, self, layout, wanted_K, *in_pairs(learned, self.of_pairs), *parameters)
        return out


def in_pairs(
    learned: KeyValue | None, of_pairs_D: torch.Tensor | None
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """The learned key [M,P,D] in the order in which the layer's own keys are made, and the value; or neither."""
    if learned is None:
        return None, None
    assert of_pairs_D is not None
    return learned[0][0].index_select(-1, of_pairs_D), learned[1][0]


def both(key_MPD: torch.Tensor | None, value_MPD: torch.Tensor | None) -> Learned | None:
    """As `attend` takes them; dense, since a view of all layers' would be copied for every group."""
    return None if key_MPD is None or value_MPD is None else (key_MPD, value_MPD.contiguous())


def _in_pairs(norms: list[Any], size: int, pairs: torch.Tensor) -> tuple[tuple[torch.Tensor, float], ...]:
    rows = rows_of_pairs(1, size, pairs)
    return tuple((norm.weight.detach()[rows], norm.variance_epsilon) for norm in norms)


def _is_rms_norm(module: nn.Module) -> bool:
    weight = getattr(module, "weight", None)
    has_eps = isinstance(getattr(module, "variance_epsilon", None), float)
    return has_eps and weight is not None and not weight.requires_grad and len(list(module.parameters())) == 1


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x_TH: torch.Tensor,
        layer: DecoderLayer,
        layout: Layout,
        wanted_K: torch.Tensor | None,
        key_MPD: torch.Tensor | None,
        value_MPD: torch.Tensor | None,
        *_: Any,
    ) -> torch.Tensor:
        normed_TH, rstd_T1 = rms_norm(x_TH, layer.eps[0])
        q_TO, k_TO, v_TO = layer.qkv.forward(normed_TH)
        of_heads: list[Any] = []
        if layer.head_norms:
            (q_TO, *of_q), (k_TO, *of_k) = (
                head_norm(x, *norm) for x, norm in zip((q_TO, k_TO), layer.head_norms, strict=True)
            )
            of_heads = [of_q, of_k]
        attended_TO, kept = attend(q_TO, k_TO, v_TO, layer.heads, layout, both(key_MPD, value_MPD))
        residual_KH = x_TH
        if wanted_K is not None:
            attended_TO, residual_KH = (x.index_select(0, wanted_K) for x in (attended_TO, x_TH))
        x2_KH = layer.out.add_to(residual_KH, attended_TO)
        normed2_KH, rstd2_K1 = rms_norm(x2_KH, layer.eps[1])
        gate, up = layer.gate_up.forward(normed2_KH)
        inner, silu = swiglu(gate, up)
        y_KH = layer.down.add_to(x2_KH, inner)
        if any(ctx.needs_input_grad):
            ctx.layer, ctx.layout, ctx.wanted, ctx.tokens = layer, layout, wanted_K, len(x_TH)
            ctx.places = 0 if key_MPD is None else key_MPD.shape[1]
            ctx.kept = (normed_TH, rstd_T1, of_heads, kept, attended_TO, normed2_KH, rstd2_K1, gate, up, silu)
        return y_KH

    @staticmethod
    def backward(ctx: Any, dy_KH: torch.Tensor) -> Any:
        layer, layout, wanted_K = ctx.layer, ctx.layout, ctx.wanted
        normed_TH, rstd_T1, of_heads, kept, attended_KO, normed2_KH, rstd2_K1, gate, up, silu = ctx.kept
        ctx.kept = None
        inner, *dgate_up = swiglu_backward(layer.down.input_gradient([dy_KH]), gate, up, silu)
        of_down = layer.down.gradients(inner, [dy_KH])
        dnormed2_KH = layer.gate_up.input_gradient(dgate_up)
        dx2_KH = rms_norm_backward(dnormed2_KH, normed2_KH, rstd2_K1, dy_KH)
        of_gate_up = layer.gate_up.gradients(normed2_KH, dgate_up)
        of_out = layer.out.gradients(attended_KO, [dx2_KH])
        of_qkv: list[torch.Tensor] = []
        dx_TH = None
        dlearned: Sequence[torch.Tensor | None] = (None, None)
        if ctx.needs_input_grad[0] or ctx.places or layer.qkv.parameters:
            dattended = spread(layer.out.input_gradient([dx2_KH]), wanted_K, ctx.tokens)
            *dqkv, of_learned = attend_backward(dattended, kept, layer.heads, layout, ctx.places)
            dlearned = of_learned or dlearned
            for i, (normed, (weight_D, _)) in enumerate(zip(of_heads, layer.head_norms, strict=True)):
                dqkv[i] = head_norm_backward(dqkv[i], weight_D, *normed)
            of_qkv = layer.qkv.gradients(normed_TH, dqkv)
        if ctx.needs_input_grad[0]:
            residual_TH = spread(dx2_KH, wanted_K, ctx.tokens)
            dx_TH = rms_norm_backward(layer.qkv.input_gradient(dqkv), normed_TH, rstd_T1, residual_TH)
        return dx_TH, None, None, None, *dlearned, *of_qkv, *of_out, *of_gate_up, *of_down


def spread(x_KH: torch.Tensor, wanted_K: torch.Tensor | None, tokens: int) -> torch.Tensor:
    """[T,H]: zero where nothing was wanted."""
    if wanted_K is None:
        return x_KH
    return x_KH.new_zeros(tokens, x_KH.shape[1]).index_copy_(0, wanted_K, x_KH)


_apply: Any = _Function.apply
