"""Linear layers that are trained themselves: torch's own outputs and gradients, and a whole model's."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from transformers import Qwen2Config, Qwen2ForCausalLM

from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration
from doctorglm.render import Sample
from doctorglm.tune.adapt import adapt
from doctorglm.tune.fused.dense import Dense, dense_layers
from doctorglm.tune.reading import fused_layers
from doctorglm.tune.settings import TuneSettings

QWEN2: dict[str, Any] = {
    "vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "initializer_range": 0.1, "pad_token_id": 0, "eos_token_id": 1,
}  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(2, 5, 12), (7, 12)])
def test_it_is_torchs_own_output_and_gradients(bias: bool, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    linear = nn.Linear(12, 20, bias=bias, dtype=dtype)
    x = torch.randn(shape, dtype=dtype, requires_grad=True)
    found = []
    for forward in (linear.forward, Dense(linear)):
        out = forward(x.transpose(0, 1).contiguous().transpose(0, 1) if x.dim() > 2 else x)
        wished = torch.linspace(-1, 2, out.numel(), dtype=dtype).view_as(out)
        found.append([out.detach(), *torch.autograd.grad(out, [x, *linear.parameters()], wished)])
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5}[dtype]
    for theirs, ours in zip(*found, strict=True):
        assert ours.shape == theirs.shape and torch.allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_layers_that_are_frozen_or_of_another_kind_are_left_alone() -> None:
    class Other(nn.Linear):
        pass

    model = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3).requires_grad_(False), Other(3, 3)])
    assert [module for module, _ in dense_layers(model)] == [model[0]]


@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("kind", ["qwen2", "chatglm"])
def test_a_whole_model_agrees_and_is_replaced(kind: str, packing: bool, sample_of: Callable[..., Sample]) -> None:
    """Qwen2's key biases among it, whose gradients are rounding alone."""
    torch.manual_seed(5)
    special = {"bos_token_id": 299, "eos_token_id": 297, "gmask_token_id": 298, "mask_token_id": 296, "pad_token_id": 0}
    model: Any = (
        Qwen2ForCausalLM(Qwen2Config(**QWEN2))
        if kind == "qwen2"
        else ChatGLMForConditionalGeneration(
            ChatGLMConfig(vocab_size=300, hidden_size=32, num_layers=2, num_attention_heads=4, **special)
        )
    )
    settings = TuneSettings(method="full")
    rows = [sample_of(p, 9, f"r{p}", 5 + p, 290) for p in (4, 7)]
    if kind == "chatglm":
        for row, at in zip(rows, (4, 7), strict=True):
            row.input_ids[at - 2 : at] = [298, 299]
    model = adapt(model, settings)
    layers = len(dense_layers(model))
    assert layers == {"qwen2": 2 * 7 + 1, "chatglm": 2 * 4 + 1}[kind]
    assert fused_layers(model, rows, settings, packing) == layers
    assert all(isinstance(module.forward, Dense) for module, _ in dense_layers(model))
