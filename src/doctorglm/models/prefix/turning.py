"""Keys turned by so many positions: between a prefix that adds no positions and one that fills a cache.

Scores of rotary models depend on the distance between query and key alone. A key that PEFT puts into the cache is
looked at from P positions further on than ours; turned back by P it gives the very same scores. So a prefix of either
kind has an equal of the other, and nothing else in the model need know of it.
Shapes: M heads, P places of the prefix, D head size, of which the first R are turned.
Source: RoFormer, arXiv 2104.09864, equation 11; PEFT's `PeftModelForCausalLM.forward`.
"""

import sys
from collections.abc import Sequence
from typing import Any

import torch

from doctorglm.errors import ModelError
from doctorglm.models.chatglm.model import ChatGLMForConditionalGeneration
from doctorglm.models.chatglm.positions import rotate, rotation
from doctorglm.models.prefix.encoder import KeyValue


def turned(model: Any, key_values: Sequence[KeyValue], steps: int) -> list[KeyValue]:
    """Each layer's key [M,P,D] turned by `steps` positions, and its value as it is, in 32 bits.

    ChatGLM-6B's second half of a head, the place in the answer, is left alone. Raises ModelError for a model that does
    not turn its keys as the Llama family does.
    """
    if isinstance(model, ChatGLMForConditionalGeneration):
        return [(_of_chatglm(model, key, steps), value.float()) for key, value in key_values]
    decoder = model.get_decoder()
    rotary = getattr(decoder, "rotary_emb", None)
    apply = getattr(sys.modules[type(decoder).__module__], "apply_rotary_pos_emb", None)
    if rotary is None or apply is None:
        raise ModelError(
            en=f"{type(model).__name__}: its positions cannot be turned, so that a prefix in PEFT's format has no "
            "counterpart here. Use the `prefix_encoder` folder, or prefix_init=random.",
            zh=f"{type(model).__name__}：无法旋转其位置编码，PEFT 格式的前缀在此没有对应形式。"
            "请使用 prefix_encoder 目录，或 prefix_init=random。",
        )
    return [(_of_decoder(rotary, apply, key, steps), value.float()) for key, value in key_values]


def _of_chatglm(model: Any, key_MPD: torch.Tensor, steps: int) -> torch.Tensor:
    config = model.config
    parts = 2 if config.position_encoding_2d else 1
    positions = torch.zeros(1, parts, key_MPD.shape[1], dtype=torch.long, device=key_MPD.device)
    positions[:, 0] = steps
    cos, sin = rotation(config, positions, torch.float32)
    return rotate(key_MPD.float().transpose(0, 1)[None, :, :, None], cos, sin)[0, :, :, 0].transpose(0, 1)


def _of_decoder(rotary: Any, apply: Any, key_MPD: torch.Tensor, steps: int) -> torch.Tensor:
    key_1MPD = key_MPD.float()[None]
    positions = torch.full((1, key_MPD.shape[1]), steps, device=key_MPD.device)
    cos, sin = (part / getattr(rotary, "attention_scaling", 1.0) for part in rotary(key_1MPD, positions))
    turns, stays = key_1MPD.split((cos.shape[-1], key_MPD.shape[-1] - cos.shape[-1]), -1)
    return torch.cat((apply(turns, turns, cos, sin)[1], stays), -1)[0]
