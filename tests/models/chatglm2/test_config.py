"""The official keys as GLM's, what GLM cannot express, and the way back."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, GlmConfig, GlmForCausalLM

from doctorglm import language
from doctorglm.errors import ModelError
from doctorglm.models import ChatGLM2Config
from doctorglm.models.chatglm2.config import glm_values, official_values
from doctorglm.models.chatglm2.names import IGNORED, native_shapes, official_shapes

from .conftest import CONFIG


def config_of(**changes: Any) -> Any:
    return ChatGLM2Config.from_dict({**CONFIG, **changes}).native()


def test_the_published_config(shared: Path, tmp_path: Path) -> None:
    values = json.loads((shared / "reference/chatglm2-6b.config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(values))
    config = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(config, GlmConfig) and not hasattr(config, "auto_map")
    glm = config.native()
    assert type(glm) is GlmConfig and glm.model_type == "glm"
    assert (glm.vocab_size, glm.hidden_size, glm.intermediate_size, glm.num_hidden_layers) == (65024, 4096, 13696, 28)
    assert (glm.num_attention_heads, glm.num_key_value_heads, glm.head_dim) == (32, 2, 128)
    assert (glm.max_position_embeddings, glm.rms_norm_eps, glm.attention_bias) == (32768, 1e-5, True)
    assert (glm.eos_token_id, glm.pad_token_id, glm.tie_word_embeddings) == (2, 0, False)
    assert glm.rope_parameters == {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
    assert glm.dtype == torch.float16


def test_the_official_names_and_shapes(shared: Path) -> None:
    """On the meta device: each name of the index becomes one of GLM's, none is missing or left over."""
    index = json.loads((shared / "reference/chatglm2-6b.index.json").read_text())["weight_map"]
    values = json.loads((shared / "reference/chatglm2-6b.config.json").read_text())
    glm = ChatGLM2Config.from_dict(values).native()
    with torch.device("meta"):
        model = GlmForCausalLM(glm)
    assert len(index) == 200
    assert {*official_shapes(glm), IGNORED} == set(index)
    assert native_shapes(glm) == {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert sum(p.numel() for p in model.parameters()) == 6_243_584_000
    layer = "transformer.encoder.layers.27"
    shapes = official_shapes(glm)
    assert shapes[f"{layer}.self_attention.query_key_value.weight"] == (4608, 4096)
    assert shapes[f"{layer}.self_attention.query_key_value.bias"] == (4608,)
    assert shapes[f"{layer}.self_attention.dense.weight"] == (4096, 4096)
    assert shapes[f"{layer}.mlp.dense_h_to_4h.weight"] == (27392, 4096)
    assert shapes[f"{layer}.mlp.dense_4h_to_h.weight"] == (4096, 13696)
    # 16 bits each, and 64 bytes of `inv_freq`
    assert sum(2 * torch.Size(s).numel() for s in shapes.values()) + 64 == 12_487_168_064


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"padded_vocab_size": 500}, "vocab_size", 500),
        ({"kv_channels": 12}, "head_dim", 12),
        ({"multi_query_group_num": 1}, "num_key_value_heads", 1),
        ({"layernorm_epsilon": 1e-6}, "rms_norm_eps", 1e-6),
        ({"layernorm_epsilon": 1}, "rms_norm_eps", 1.0),
        ({"seq_length": 8192}, "max_position_embeddings", 8192),
        ({"add_qkv_bias": False}, "attention_bias", False),
        ({"tie_word_embeddings": True}, "tie_word_embeddings", True),
        ({"attention_dropout": 0.1}, "attention_dropout", 0.1),
        ({"eos_token_id": [2, 5]}, "eos_token_id", [2, 5]),
    ],
)
def test_a_setting_is_glms(changes: dict[str, Any], name: str, value: Any) -> None:
    assert getattr(config_of(**changes), name) == value != getattr(config_of(), name)


def test_rope_ratio_multiplies_the_base() -> None:
    assert config_of(rope_ratio=50).rope_parameters["rope_theta"] == 500_000.0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("rmsnorm", False),
        ("post_layer_norm", False),
        ("original_rope", False),
        ("add_bias_linear", True),
        ("multi_query_attention", False),
        ("apply_residual_connection_post_layernorm", True),
        ("fp32_residual_connection", True),
        ("hidden_dropout", 0.1),
        ("multi_query_group_num", 3),
        ("kv_channels", 6),
    ],
)
def test_what_glm_cannot_express_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ModelError, match=f"{key}={value} has no counterpart in transformers' GLM"):
        glm_values({**CONFIG, key: value}, "config.json")


def test_what_the_official_code_takes_where_the_config_is_silent() -> None:
    silent = {key: value for key, value in CONFIG.items() if key not in ("rmsnorm", "original_rope", "add_bias_linear")}
    assert glm_values(silent, "x") == glm_values(CONFIG, "x")
    del silent["multi_query_attention"]
    with pytest.raises(ModelError, match="multi_query_attention=False has no counterpart"):
        glm_values(silent, "x")


@pytest.mark.parametrize(("key", "value"), [("pre_seq_len", 128), ("quantization_bit", 4)])
def test_prefix_and_packed_layers_are_kept_and_unset_ones_are_no_change(key: str, value: int) -> None:
    assert glm_values({**CONFIG, key: value}, "config.json") == {**glm_values(CONFIG, "x"), key: value}
    assert getattr(config_of(**{key: value}), key) == value
    for unset in (None, 0):
        assert glm_values({**CONFIG, key: unset, "prefix_projection": True}, "x") == glm_values(CONFIG, "x")


def test_quantised_embeddings_are_not_silently_dropped() -> None:
    with pytest.raises(ModelError, match="quantization_embeddings=True is not supported yet"):
        glm_values({**CONFIG, "quantization_embeddings": True}, "config.json")
    assert glm_values({**CONFIG, "quantization_embeddings": False}, "x") == glm_values(CONFIG, "x")


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden_size", "4096"), ("num_layers", 0), ("kv_channels", 8.0), ("layernorm_epsilon", None), ("rope_ratio", -1)],
)
def test_a_value_that_is_no_number(key: str, value: Any) -> None:
    with pytest.raises(ModelError, match=f"{key}=.*a positive number is needed"):
        glm_values({**CONFIG, key: value}, "config.json")


def test_a_missing_size() -> None:
    with pytest.raises(ModelError, match=r"here/config.json: `kv_channels` is missing"):
        glm_values({key: value for key, value in CONFIG.items() if key != "kv_channels"}, "here/config.json")


def test_saved_it_is_a_glm_for_everybody(official: Callable[..., Any], tmp_path: Path) -> None:
    config = AutoConfig.from_pretrained(official().folder)
    config.save_pretrained(tmp_path / "saved")
    again = AutoConfig.from_pretrained(tmp_path / "saved")
    assert type(again) is GlmConfig and again.to_diff_dict() == config.native().to_diff_dict()
    assert json.loads((tmp_path / "saved/config.json").read_text())["model_type"] == "glm"


def test_from_config(official: Callable[..., Any]) -> None:
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(official().folder))
    assert type(model) is GlmForCausalLM and type(model.config) is GlmConfig


@pytest.mark.parametrize("changes", [{}, {"rope_ratio": 50}, {"add_qkv_bias": False, "multi_query_group_num": 4}])
def test_back_to_the_official_keys(changes: dict[str, Any]) -> None:
    glm = config_of(**changes)
    written = official_values(glm, "config.json")
    assert glm_values(written, "x") == glm_values({**CONFIG, **changes}, "x")
    for key in written.keys() & CONFIG.keys() - {"architectures"}:
        assert written[key] == {**CONFIG, **changes}[key], key


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"hidden_act": "gelu"}, "hidden_act=gelu"), ({"partial_rotary_factor": 1.0}, "partial_rotary_factor=1.0")],
)
def test_what_only_glm_has(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=f"{said} cannot be said in ChatGLM2's config.json"):
        official_values(GlmConfig(**changes), "config.json")


def test_messages_in_chinese() -> None:
    language.choose("zh")
    with pytest.raises(ModelError, match="GLM 不支持 rmsnorm=False"):
        glm_values({**CONFIG, "rmsnorm": False}, "config.json")
