"""What a GGUF says of a model's shape, for the families of which llama.cpp's transformer is the same as transformers'.

A setting that llama.cpp has no part for is refused: without it the answers would be others.
Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; keys as the package gguf writes them.
"""

from pathlib import Path
from typing import Any

from transformers import AutoConfig

from doctorglm.errors import ModelError

ARCHITECTURES = {"glm": "chatglm", "glm4": "glm4", "llama": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""transformers' model_type -> llama.cpp's architecture."""

_PARTIAL = 0.5
"""Share of a head that rotary turns in GLM, where config.json is silent."""
_ONLY: dict[str, tuple[Any, ...]] = {
    "hidden_act": ("silu",),
    "use_sliding_window": (False, None),
    "attention_dropout": (0, 0.0),
}


def refuse_unsupported(where: str, kind: str) -> None:
    """Raises ModelError, with the families that can, for one that llama.cpp or this export has no architecture for."""
    if kind in ARCHITECTURES:
        return
    known = "ChatGLM2, ChatGLM3, GLM-4 (glm, glm4), Llama, Qwen2, Qwen2.5, Qwen3"
    first = "llama.cpp has no architecture for ChatGLM-6B" if kind == "chatglm" else f"model_type {kind!r}"
    zh = "llama.cpp 不支持 ChatGLM-6B 的结构" if kind == "chatglm" else f"model_type 为 {kind!r}"
    raise ModelError(
        en=f"{where}: {first}. --to gguf takes {known}; serve this model with DoctorGLM itself.",
        zh=f"{where}：{zh}。--to gguf 支持 {known}；该模型请直接用 DoctorGLM 运行。",
    )


def built(where: Path, values: dict[str, Any]) -> Any:
    """The configuration of a config.json's values; raises ModelError for a setting that llama.cpp has no part for."""
    config = AutoConfig.for_model(**values)
    for name, possible in _ONLY.items():
        if (value := getattr(config, name, possible[0])) not in possible:
            raise _cannot(where, name, value)
    kind = config.rope_parameters.get("rope_type", "default")
    if kind not in ("default", "linear", "yarn", "llama3"):
        raise _cannot(where, "rope_type", kind)
    if config.model_type in ("glm", "glm4") and kind != "default":
        raise _cannot(where, "rope_type", kind)
    return config


def head_size(config: Any) -> int:
    """Width of one attention head."""
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def add_shape(writer: Any, config: Any) -> None:
    """Writes sizes, epsilon and rotary settings of a configuration from `built` to gguf's writer."""
    size = head_size(config)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    _add_rotary(writer, config.rope_parameters, _turned(config, size))


def _turned(config: Any, size: int) -> int:
    """How many numbers of a head rotary turns."""
    if config.model_type not in ("glm", "glm4"):
        return size
    return int(size * config.rope_parameters.get("partial_rotary_factor", _PARTIAL))


def _add_rotary(writer: Any, rope: dict[str, Any], turned: int) -> None:
    import gguf

    writer.add_rope_dimension_count(turned)
    writer.add_rope_freq_base(float(rope["rope_theta"]))
    kind = rope.get("rope_type", "default")
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(float(rope["factor"]))
    if kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(int(rope["original_max_position_embeddings"]))


def _cannot(where: Path, key: str, value: Any) -> ModelError:
    return ModelError(
        en=f"{where}: {key}={value} has no counterpart in llama.cpp, and ignoring it would give other answers. "
        "Serve this model with DoctorGLM itself.",
        zh=f"{where}：llama.cpp 不支持 {key}={value}，忽略它会得到不同的回答。请直接用 DoctorGLM 运行该模型。",
    )
