"""ChatGLM2's and ChatGLM3's `config.json` as the configuration of transformers' GLM, and back.

Both describe the same transformer. What GLM has no part for is refused: without it the answers would be others.
Packed layers and a prefix keep their official keys, and `chatglm2.extended` gives GLM the parts for them.
Source: `config.json` of https://huggingface.co/THUDM/chatglm2-6b and chatglm3-6b.
"""

# mypy: allow-subclassing-any
from collections.abc import Mapping
from typing import Any

from transformers import GlmConfig

from doctorglm.errors import ModelError
from doctorglm.models.quantized.formats import OF_BITS, Quantization, refuse_other_bits

KEYS = ("multi_query_attention", "padded_vocab_size", "ffn_hidden_size")
"""Any of them says that a config.json is of the second or third generation."""

_SIZES = {
    "vocab_size": "padded_vocab_size",
    "hidden_size": "hidden_size",
    "intermediate_size": "ffn_hidden_size",
    "num_hidden_layers": "num_layers",
    "num_attention_heads": "num_attention_heads",
    "num_key_value_heads": "multi_query_group_num",
    "head_dim": "kv_channels",
}
"""GLM's name -> the official one; without them no shape is known."""
_OTHERS: dict[str, tuple[str, Any]] = {
    "max_position_embeddings": ("seq_length", 2048),
    "attention_bias": ("add_qkv_bias", False),
    "attention_dropout": ("attention_dropout", 0.0),
    "tie_word_embeddings": ("tie_word_embeddings", False),
    "use_cache": ("use_cache", True),
}
"""GLM's name -> the official one, and what the official code takes where config.json is silent."""
_FIXED: dict[str, tuple[Any, Any]] = {
    "multi_query_attention": (True, False),
    "rmsnorm": (True, True),
    "post_layer_norm": (True, True),
    "original_rope": (True, True),
    "add_bias_linear": (False, False),
    "apply_residual_connection_post_layernorm": (False, False),
    "fp32_residual_connection": (False, False),
    "hidden_dropout": (0.0, 0.0),
}
"""The one value that GLM is built for, and what the official code takes where config.json is silent."""
_WITHOUT_EFFECT = {
    "apply_query_key_layer_scaling": True,
    "attention_softmax_in_fp32": True,
    "bias_dropout_fusion": True,
}
"""Written back for the official code; they change no result on the versions of torch that we run on."""
_KEPT = ("eos_token_id", "pad_token_id", "bos_token_id", "dtype", "torch_dtype")
_NOT_YET = ("quantization_embeddings",)
_BESIDES = ("quantization_bit", "pre_seq_len", "prefix_projection")
"""What a folder holds that GLM alone has no part for; `chatglm2.extended` gives it one."""
_BASE = 10_000.0
_TURNED = 0.5
"""Share of a head that rotary turns."""


class ChatGLM2Config(GlmConfig):
    """GLM's configuration, read from an official config.json; models are built from its `native()`."""

    model_type = "chatglm"
    tokenizer_class: str | None = "ChatGLM2Tokenizer"

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """Raises ModelError for a size that is missing and for what neither GLM nor we can express."""
        where = config_dict.get("_name_or_path") or "config.json"
        return super().from_dict(glm_values(config_dict, where), **kwargs)

    def native(self) -> GlmConfig:
        """The same as a plain GlmConfig."""
        ours = ("model_type", "tokenizer_class", "transformers_version", "architectures")
        return GlmConfig(**{key: value for key, value in self.to_dict().items() if key not in ours})

    def save_pretrained(self, *args: Any, **kwargs: Any) -> None:
        """Writes GLM's config.json, which any transformers loads."""
        self.native().save_pretrained(*args, **kwargs)


def glm_values(official: Mapping[str, Any], where: str) -> dict[str, Any]:
    """GLM's settings for an official config; raises ModelError naming the key (and value) that is in the way."""
    _refuse(official, where)
    if official["num_attention_heads"] % official["multi_query_group_num"]:
        raise _cannot(where, "multi_query_group_num", official["multi_query_group_num"])
    if official["kv_channels"] % 4:
        raise _cannot(where, "kv_channels", official["kv_channels"])
    values = {name: official[key] for name, key in _SIZES.items()}
    values |= {name: official.get(key, default) for name, (key, default) in _OTHERS.items()}
    values |= {key: official[key] for key in _KEPT if key in official}
    values["eos_token_id"] = official.get("eos_token_id", 2)
    values["pad_token_id"] = official.get("pad_token_id", 0)
    values["rms_norm_eps"] = _number(official, where, "layernorm_epsilon", 1e-5)
    base = _BASE * _number(official, where, "rope_ratio", 1)
    values["rope_parameters"] = {"rope_type": "default", "rope_theta": base, "partial_rotary_factor": _TURNED}
    return values | _besides(official)


def _refuse(official: Mapping[str, Any], where: str) -> None:
    missing = next((key for key in _SIZES.values() if key not in official), None)
    if missing:
        raise ModelError(
            en=f"{where}: `{missing}` is missing. Add it from the published config.json.",
            zh=f"{where}：缺少 `{missing}`。请从官方 config.json 补上。",
        )
    sizes = {key: official.get(key, 1) for key in [*_SIZES.values(), "seq_length"]}
    for key, value in (sizes | {"pre_seq_len": official.get("pre_seq_len") or 1}).items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise _no_number(where, key, value)
    not_yet = next((key for key in _NOT_YET if official.get(key)), None)
    if not_yet:
        raise ModelError(
            en=f"{where}: {not_yet}={official[not_yet]} is not supported yet, and ignoring it would give other "
            "answers. Use the base weights in 16 or 32 bits.",
            zh=f"{where}：暂不支持 {not_yet}={official[not_yet]}，忽略它会得到不同的回答。"
            "请使用 16 位或 32 位的基座权重。",
        )
    refuse_other_bits(official, where)
    for key, (possible, silent) in _FIXED.items():
        if official.get(key, silent) != possible:
            raise _cannot(where, key, official.get(key, silent))


def _besides(official: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of what the folder holds that GLM alone has no part for; none of a plain folder."""
    keys = _BESIDES if official.get("pre_seq_len") else _BESIDES[:1]
    return {key: official[key] for key in keys if official.get(key)}


def packed_in(glm: GlmConfig) -> Quantization | None:
    """What the linear layers of such a model are stored in; None for plain weights."""
    return OF_BITS.get(getattr(glm, "quantization_bit", None) or 0)


def prefix_places(glm: GlmConfig) -> int:
    """Places of the prefix among the weights of such a model; 0 where there is none."""
    return int(getattr(glm, "pre_seq_len", None) or 0)


def has_network(glm: GlmConfig) -> bool:
    """Whether that prefix is stored as what a small network makes it of."""
    return bool(getattr(glm, "prefix_projection", False))


def _number(official: Mapping[str, Any], where: str, key: str, silent: float) -> float:
    value = official.get(key, silent)
    if not isinstance(value, int | float) or value <= 0:
        raise _no_number(where, key, value)
    return float(value)


def _no_number(where: str, key: str, value: Any) -> ModelError:
    return ModelError(
        en=f"{where}: {key}={value!r}: a positive number is needed. Use the published config.json.",
        zh=f"{where}：{key}={value!r} 无效，应为正数。请使用官方 config.json。",
    )


def _cannot(where: str, key: str, value: Any) -> ModelError:
    return ModelError(
        en=f"{where}: {key}={value} has no counterpart in transformers' GLM, and ignoring it would give other answers. "
        "Use a published ChatGLM2 or ChatGLM3.",
        zh=f"{where}：transformers 的 GLM 不支持 {key}={value}，忽略它会得到不同的回答。"
        "请使用官方发布的 ChatGLM2 或 ChatGLM3。",
    )


def official_values(glm: GlmConfig, where: str) -> dict[str, Any]:
    """The official config.json for a GLM; raises ModelError for what only GLM has."""
    rope = glm.rope_parameters
    theirs: dict[str, tuple[Any, Any]] = {
        "hidden_act": (glm.hidden_act, "silu"),
        "rope_type": (rope["rope_type"], "default"),
        "partial_rotary_factor": (rope["partial_rotary_factor"], _TURNED),
    }
    for key, (value, only) in theirs.items():
        if value != only:
            raise ModelError(
                en=f"{where}: {key}={value} cannot be said in ChatGLM2's config.json. Keep the model as it is.",
                zh=f"{where}：ChatGLM2 的 config.json 无法表示 {key}={value}。请保留原有格式。",
            )
    values = {key: getattr(glm, name) for name, key in _SIZES.items()}
    values |= {key: getattr(glm, name) for name, (key, _) in _OTHERS.items()}
    values["layernorm_epsilon"] = glm.rms_norm_eps
    values |= {key: value for key, (value, _) in _FIXED.items()} | _WITHOUT_EFFECT
    values |= {key: getattr(glm, key) for key in ("eos_token_id", "pad_token_id")}
    if glm.dtype is not None:
        values["torch_dtype"] = str(glm.dtype).removeprefix("torch.")
    if rope["rope_theta"] != _BASE:
        values["rope_ratio"] = rope["rope_theta"] / _BASE
    return {"model_type": "chatglm", "architectures": ["ChatGLMForConditionalGeneration"], **values}
