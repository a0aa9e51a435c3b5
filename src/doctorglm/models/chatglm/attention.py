"""One block of ChatGLM: attention and MLP, each added to its own *normalised* input times sqrt(2 x 28).

Shapes: B rows, S columns, T columns with the cache, N heads, D head size.
Source: the published ChatGLM-6B; DeepNorm, arXiv 2203.00555.
"""

# mypy: allow-subclassing-any

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers.cache_utils import Cache, DynamicLayer
from transformers.modeling_layers import GradientCheckpointingLayer

from doctorglm.models.chatglm.config import ChatGLMConfig
from doctorglm.models.chatglm.positions import rotate
from doctorglm.models.decoding.attention import attend_one
from doctorglm.models.decoding.cache import RoomyLayer
from doctorglm.models.documents import Documents, attend
from doctorglm.models.prefix.encoder import KeyValue

ALPHA = math.sqrt(2 * 28)
"""Weight of the residual; the published code has 28 here for any number of layers."""


class ChatGLMAttention(nn.Module):
    """Self-attention with query, key and value interleaved per head in one projection."""

    cache_dtype: torch.dtype | None = None
    """What keys and values wait in for the tokens to come; None: what they are computed in."""

    def __init__(self, config: ChatGLMConfig, layer_index: int) -> None:
        super().__init__()
        self.config = config
        self.layer_index = layer_index
        self.heads = config.num_attention_heads
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(
        self,
        x_BSH: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        mask: torch.Tensor | None,
        cache: Cache | None = None,
        want_weights: bool = False,
        packed: tuple[Documents, list[int]] | None = None,
        learned: KeyValue | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """[B,S,H] and, when wanted, the weights [B,N,S,T]; `mask` is added to the scores.

        `packed` is the documents of a single row, and the length of each one's prompt; then there is no mask.
        `learned` is a key and a value [1,N,P,D], which stand before all others, unturned and open to every token.
        """
        qkv_BSN3D = self.query_key_value(x_BSH).unflatten(-1, (self.heads, 3, self.head_dim))
        qk_BSN2D, v_BSN1D = qkv_BSN3D.split((2, 1), -2)
        turned_BSN2D = rotate(qk_BSN2D, cos, sin)
        q_BNSD, k_BNSD = turned_BSN2D.transpose(1, 2).unbind(3)
        v_BNSD = v_BSN1D.squeeze(-2).transpose(1, 2)
        if cache is not None:
            k_BNSD, v_BNSD = self._cached(cache, k_BNSD, v_BNSD)
        if mask is not None:
            mask = mask.to(q_BNSD.dtype)
        weights = None
        if packed is not None:
            out_BNSD = attend(q_BNSD, k_BNSD, v_BNSD, *packed, learned=learned)
            return self.dense(out_BNSD.transpose(1, 2).flatten(2)), None
        plain = learned is None and not want_weights and self.config._attn_implementation != "eager"
        if plain and k_BNSD.dtype != q_BNSD.dtype and (out := attend_one(q_BNSD, k_BNSD, v_BNSD, mask)) is not None:
            return self.dense(out.transpose(1, 2).flatten(2)), None
        k_BNSD, v_BNSD = k_BNSD.to(q_BNSD.dtype), v_BNSD.to(q_BNSD.dtype)
        if learned is not None:
            k_BNSD, v_BNSD = before(learned[0], k_BNSD), before(learned[1], v_BNSD)
            mask = mask if mask is None else F.pad(mask, (learned[0].shape[2], 0))
        if want_weights or self.config._attn_implementation == "eager":
            out_BNSD, weights = _attend(q_BNSD, k_BNSD, v_BNSD, mask)
        else:
            out_BNSD = F.scaled_dot_product_attention(q_BNSD, k_BNSD, v_BNSD, attn_mask=mask)
        return self.dense(out_BNSD.transpose(1, 2).flatten(2)), weights

    def _cached(self, cache: Cache, k: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """All keys and values so far [B,N,T,D], these among them; a prompt's are given back as they came."""
        if self.cache_dtype is not None and self.cache_dtype != k.dtype:
            self._make_room(cache)
            kept_k, kept_v = cache.update(k.to(self.cache_dtype), v.to(self.cache_dtype), self.layer_index)
            return (k, v) if kept_k.shape == k.shape else (kept_k, kept_v)
        seen: tuple[torch.Tensor, torch.Tensor] = cache.update(k, v, self.layer_index)
        return seen

    def _make_room(self, cache: Cache) -> None:
        """Has an empty cache that grows grow by many tokens at once."""
        assert self.cache_dtype is not None
        held: Any = cache.layers[self.layer_index] if self.layer_index < len(cache.layers) else None
        if type(held) is DynamicLayer and not held.is_initialized and not torch.is_grad_enabled():
            cache.layers[self.layer_index] = RoomyLayer(self.cache_dtype)


def before(learned_1NPD: torch.Tensor, x_BNSD: torch.Tensor) -> torch.Tensor:
    """The learned keys (or values) before those of every row."""
    return torch.cat((learned_1NPD.to(x_BNSD.dtype).expand(len(x_BNSD), -1, -1, -1), x_BNSD), 2)


def _attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores + mask
    weights = scores.float().softmax(-1).to(v.dtype)
    return weights @ v, weights


class ChatGLMMLP(nn.Module):
    """Two linear layers around the tanh form of GELU."""

    def __init__(self, config: ChatGLMConfig) -> None:
        super().__init__()
        assert config.inner_hidden_size is not None
        self.dense_h_to_4h = nn.Linear(config.hidden_size, config.inner_hidden_size)
        self.dense_4h_to_h = nn.Linear(config.inner_hidden_size, config.hidden_size)

    def forward(self, x_BSH: torch.Tensor) -> torch.Tensor:
        """[B,S,H]."""
        out: torch.Tensor = self.dense_4h_to_h(F.gelu(self.dense_h_to_4h(x_BSH), approximate="tanh"))
        return out


class ChatGLMBlock(GradientCheckpointingLayer):
    """One layer; its residual carries the normalised input, not the input."""

    def __init__(self, config: ChatGLMConfig, layer_index: int) -> None:
        super().__init__()
        self.input_layernorm = nn.LayerNorm(config.hidden_size, config.layernorm_epsilon)
        self.attention = ChatGLMAttention(config, layer_index)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size, config.layernorm_epsilon)
        self.mlp = ChatGLMMLP(config)

    def forward(
        self,
        x_BSH: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        mask: torch.Tensor | None,
        cache: Cache | None = None,
        want_weights: bool = False,
        packed: tuple[Documents, list[int]] | None = None,
        learned: KeyValue | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """[B,S,H] and the attention's weights when wanted."""
        a_BSH = self.input_layernorm(x_BSH)
        attended_BSH, weights = self.attention(a_BSH, cos, sin, mask, cache, want_weights, packed, learned)
        m_BSH = self.post_attention_layernorm(torch.add(attended_BSH, a_BSH, alpha=ALPHA))
        return torch.add(self.mlp(m_BSH), m_BSH, alpha=ALPHA), weights
