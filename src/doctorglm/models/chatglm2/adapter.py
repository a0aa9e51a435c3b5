"""A LoRA that was tuned on the published code of ChatGLM2 or ChatGLM3, for the same model as transformers' GLM.

One matrix of queries, keys and values is three there: each gets the whole A and its own rows of B, the same sum.
Source: `models.chatglm2.names`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from doctorglm.errors import ModelError

_NAME = re.compile(r"base_model\.model\.transformer\.encoder\.layers\.(\d+)\.(\w+\.\w+)\.lora_([AB])\.weight")
_MIXED = "self_attention.query_key_value"
_RENAMED = {
    "self_attention.dense": "self_attn.o_proj",
    "mlp.dense_h_to_4h": "mlp.gate_up_proj",
    "mlp.dense_4h_to_h": "mlp.down_proj",
}
_TARGETS = {"query_key_value": ["q_proj", "k_proj", "v_proj"]} | {
    old.rpartition(".")[2]: [new.rpartition(".")[2]] for old, new in _RENAMED.items()
}


def is_official(tensors: Mapping[str, torch.Tensor]) -> bool:
    """Whether the names are those of the published code."""
    return any(_NAME.fullmatch(name) for name in tensors)


def native_tensors(where: Path, tensors: Mapping[str, torch.Tensor], glm: Any) -> dict[str, torch.Tensor]:
    """GLM's name -> the adapter's tensor, for a base with the GlmConfig `glm`.

    Raises ModelError for a tensor of another module, or of another shape than the base's.
    """
    heads, grouped = glm.num_attention_heads * glm.head_dim, glm.num_key_value_heads * glm.head_dim
    rows = (heads, grouped, grouped)
    made: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        found = _NAME.fullmatch(name)
        if not found or (found[2] != _MIXED and found[2] not in _RENAMED):
            raise _unknown(where, name)
        layer, part = f"base_model.model.model.layers.{found[1]}", found[3]
        if found[2] != _MIXED:
            made[f"{layer}.{_RENAMED[found[2]]}.lora_{part}.weight"] = tensor
            continue
        if part == "B" and tensor.shape[0] != sum(rows):
            raise ModelError(
                en=f"{where}: made for another base: {name} has {tensor.shape[0]} rows, and the base's matrix "
                f"{sum(rows)}. Give the base that it was tuned on.",
                zh=f"{where}：适配器属于另一个基座：{name} 有 {tensor.shape[0]} 行，而基座的矩阵有 {sum(rows)} 行。"
                "请给出训练该适配器所用的基座。",
            )
        split = tensor.split(rows) if part == "B" else (tensor,) * len(rows)
        for letter, block in zip("qkv", split, strict=True):
            made[f"{layer}.self_attn.{letter}_proj.lora_{part}.weight"] = block.clone()
    return made


def native_config(where: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """What PEFT is told; raises ModelError for targets or ranks that are named otherwise than by module."""
    targets = config.get("target_modules")
    if not isinstance(targets, list) or not set(targets) <= _TARGETS.keys():
        raise _unknown(where, f"target_modules={targets!r}")
    for key in ("rank_pattern", "alpha_pattern", "modules_to_save", "layers_pattern"):
        if config.get(key):
            raise _unknown(where, f"{key}={config[key]!r}")
    return {"target_modules": [new for old in targets for new in _TARGETS[old]]}


def _unknown(where: Path, what: str) -> ModelError:
    return ModelError(
        en=f"{where}: {what}: not of the linear layers of ChatGLM2 and ChatGLM3, and cannot be converted. Use the "
        "adapter with the code that it was tuned with, or tune again on these layers.",
        zh=f"{where}：{what} 不属于 ChatGLM2、ChatGLM3 的线性层，无法转换。请用训练它的代码运行该适配器，"
        "或在这些层上重新微调。",
    )
