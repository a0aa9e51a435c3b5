"""Tiny random models of several families in float64, and prefixes for them."""

from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, Glm4Config, GlmConfig, LlamaConfig, Qwen2Config, Qwen3Config

from doctorglm.models.prefix.attention import attach
from doctorglm.models.prefix.start import shaped_for

SIZES: dict[str, Any] = {
    "vocab_size": 60, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "initializer_range": 0.2, "max_position_embeddings": 512,
    "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2,
}  # fmt: skip
FAMILIES = {"llama": LlamaConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config, "glm": GlmConfig, "glm4": Glm4Config}


def make_family(name: str, **changes: Any) -> Any:
    torch.manual_seed(7)
    return AutoModelForCausalLM.from_config(FAMILIES[name](**{**SIZES, **changes})).double().eval()


def with_random_prefix(model: Any, places: int = 5, *, projection: bool = False, dropout: float = 0.0) -> Any:
    """The model with a prefix of large random numbers, trainable."""
    torch.manual_seed(11)
    encoder = shaped_for(model, places, (6, 7) if projection else None, dropout)
    return attach(model, encoder.to(model.dtype)).eval()


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Any:
    """A model of every family that has grouped queries."""
    return make_family(request.param)


@pytest.fixture
def rows() -> list[list[int]]:
    return [[5, 9, 11, 20, 8, 31, 14], [6, 12, 40], [7, 33, 21, 22, 30]]
