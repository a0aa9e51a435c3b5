"""A prefix inside the attention of any family that asks transformers' attention interface, and of ChatGLM-6B.

The learned key and value stand before those that the layer computed or cached: after rotary positions, before the
scores, their columns of the mask open. Positions and cache know nothing of them. A layer that was not asked for its
prefix is an error, whatever stands in its place: no answer is given without the prefix in silence.
Shapes: B rows, N heads, M of them of keys and values, P places of the prefix, S queries, T keys, D head size.
Source: https://huggingface.co/docs/transformers/attention_interface
"""

from typing import Any

import torch
import torch.nn.functional as F
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, eager_mask, sdpa_mask

from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.chatglm.model import ChatGLMForConditionalGeneration, prefix_shape
from doctorglm.models.documents import learned_by
from doctorglm.models.half import computes_wider
from doctorglm.models.prefix.encoder import PrefixEncoder, Shape

PREFIXED = " with prefix"
"""What is added to the name of an attention implementation."""
SDPA, EAGER = f"sdpa{PREFIXED}", f"eager{PREFIXED}"


def shape_of(model: Any) -> Shape:
    """What a prefix of `model` must be like; raises ConfigError for a model whose attention cannot have one."""
    if isinstance(model, ChatGLMForConditionalGeneration):
        return prefix_shape(model.config)
    attentions = _attentions(model)
    config = model.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    return Shape(len(attentions), int(heads), int(attentions[0].head_dim))


def attach(model: Any, encoder: PrefixEncoder) -> Any:
    """The same model, in which every forward and `generate` reads the prefix; its own weights are frozen.

    Raises ModelError when the model has a prefix already or needs another shape, ConfigError as `shape_of`.
    """
    if encoder_of(model) is not None:
        raise ModelError(
            en=f"{model.name_or_path}: has a prefix among its weights already, and a second one would replace it. "
            "Give the base without prefix.",
            zh=f"{model.name_or_path}：权重中已有前缀，再加一个会将其替换。请使用不带前缀的基座。",
        )
    wanted = shape_of(model)
    if encoder.shape != wanted:
        raise ModelError(
            en=f"the prefix is made for {encoder.shape}, the model needs {wanted}. Give the base that it was tuned on.",
            zh=f"前缀适用于 {encoder.shape}，而模型需要 {wanted}。请使用训练该前缀的基座。",
        )
    model.requires_grad_(False)
    encoder.to(model.device)
    enter(model, encoder)
    return model


def enter(model: Any, encoder: PrefixEncoder) -> None:
    """Puts an encoder of the right shape where every forward reads it; nothing is frozen.

    Raises ConfigError as `shape_of`.
    """
    if isinstance(model, ChatGLMForConditionalGeneration):
        model.transformer.prefix_encoder = encoder
        return
    decoder = model.get_decoder()
    decoder.prefix_encoder = encoder
    for attention, place in zip(_attentions(model), encoder.places, strict=True):
        attention.learned_prefix = place
    decoder.register_forward_pre_hook(_fill)
    decoder.register_forward_hook(_all_taken)
    model.config._attn_implementation = EAGER if model.config._attn_implementation == "eager" else SDPA


def encoder_of(model: Any) -> PrefixEncoder | None:
    """The prefix of a model; None for one without."""
    return next((module for module in model.modules() if isinstance(module, PrefixEncoder)), None)


def _attentions(model: Any) -> list[Any]:
    """The attention module of every layer, in order; raises ConfigError where a layer has none of the usual kind."""
    layers = getattr(model.get_decoder(), "layers", None) or []
    found = [[m for m in layer.modules() if hasattr(m, "num_key_value_groups")] for layer in layers]
    # values of another size than keys, sinks and capped scores are attention of another kind
    plain = all(len(of) == 1 and not hasattr(of[0], "v_head_dim") and not hasattr(of[0], "sinks") for of in found)
    plain = plain and getattr(model.config, "attn_logit_softcapping", None) is None
    if not found or not plain or not getattr(model, "_supports_attention_backend", False):
        raise ConfigError(
            en=f"method=ptuning: {type(model).__name__} does not take its attention from transformers' interface in "
            "every layer, so a prefix cannot enter it. Use method=lora.",
            zh=f"method=ptuning：{type(model).__name__} 并非每一层都通过 transformers 的注意力接口计算，无法加入前缀。"
            "请使用 method=lora。",
        )
    return [of[0] for of in found]


def _fill(decoder: Any, _: Any) -> None:
    """Before a forward: every layer's key and value, made once."""
    encoder = decoder.prefix_encoder
    dtype = torch.float32 if computes_wider(decoder) else decoder.dtype
    for place, key_value in zip(encoder.places, encoder.key_values(dtype), strict=True):
        place.fill(key_value)


def _all_taken(decoder: Any, *_: Any) -> None:
    """After a forward: raises ModelError when a layer attended without its prefix."""
    missed = [i for i, place in enumerate(decoder.prefix_encoder.places) if not place.taken]
    if missed:
        raise ModelError(
            en=f"layers {missed[:4]} attended by {decoder.config._attn_implementation!r} without their prefix. Leave "
            "the attention implementation as it was loaded.",
            zh=f"第 {missed[:4]} 层以 {decoder.config._attn_implementation!r} 计算注意力时没有使用前缀。"
            "请保持加载时的注意力实现。",
        )


def _extended(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Keys and values with the learned ones before them, and the mask for both; None where all is open."""
    learned = learned_by(module, key)
    assert learned is not None, "this attention is given to models with a prefix"
    size, places = query.shape[2], learned[0].shape[2]
    if mask is None and size > 1:
        # left out means causal; then a static cache has room behind the tokens, which nobody may see
        key, value = key[:, :, :size], value[:, :, :size]
        mask = torch.ones(size, size, dtype=torch.bool, device=query.device).tril()
    elif mask is not None:
        mask = mask[..., : key.shape[2]]
    if mask is not None:
        mask = F.pad(mask, (places, 0), value=True if mask.dtype == torch.bool else 0.0)
    rows = key.shape[0]
    key, value = (torch.cat((own.expand(rows, -1, -1, -1), x), 2) for own, x in zip(learned, (key, value), strict=True))
    return key, value, mask


def _sdpa(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, **how: Any
) -> tuple[torch.Tensor, None]:
    """transformers' attention function: [B,N,S,D] in, [B,S,N,D] out."""
    key, value, mask = _extended(module, query, key, value, mask)
    out: torch.Tensor = sdpa_attention_forward(module, query, key, value, mask, **how)[0]
    return out, None


def _eager(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same by its definition, with the weights [B,N,S,P+T]."""
    key, value, mask = _extended(module, query, key, value, mask)
    key, value = (x.repeat_interleave(query.shape[1] // x.shape[1], 1) for x in (key, value))
    scores = query @ key.mT * scaling
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    weights = F.dropout(scores.softmax(-1, dtype=torch.float32).to(query.dtype), dropout, module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(SDPA, _sdpa)
AttentionMaskInterface.register(SDPA, sdpa_mask)
AttentionInterface.register(EAGER, _eager)
AttentionMaskInterface.register(EAGER, eager_mask)
