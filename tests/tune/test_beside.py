"""Adapters beside frozen linear layers against PEFT's own forward: exact in float64, and as on a GPU in bfloat16."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import nn

from doctorglm.render import Sample
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import collate, pack
from doctorglm.tune.fused import has_fused_head
from doctorglm.tune.fused.beside import Beside
from doctorglm.tune.fused.install import linear_layers, replaced
from doctorglm.tune.loss import token_nats
from doctorglm.tune.settings import TuneSettings


class One(nn.Module):
    """A single linear layer."""

    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(24, 40, bias=bias)


def lora(bias: bool = True, dtype: torch.dtype = torch.float64, **changed: Any) -> Any:
    torch.manual_seed(1)
    config = LoraConfig(**{"r": 5, "lora_alpha": 9, "target_modules": ["linear"]} | changed)
    module = get_peft_model(One(bias), config).base_model.model.linear
    nn.init.normal_(module.lora_B["default"].weight, std=0.5)
    adapters = [module.lora_A, module.lora_B]
    module.base_layer.to(dtype)
    for adapter in adapters:
        adapter.to(torch.float32 if dtype == torch.bfloat16 else dtype)
    return module


def both(module: Any, x: torch.Tensor, beside: Any) -> list[list[torch.Tensor]]:
    """The output, and the gradients of x, A and B, by PEFT and by `beside`."""
    found = []
    weights = [module.lora_A["default"].weight, module.lora_B["default"].weight]
    for forward in (module.forward, beside):
        given = x.clone().requires_grad_()
        out = forward(given)
        wished = torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view_as(out)
        found.append([out.detach(), *torch.autograd.grad(out, [given, *weights], wished)])
    return found


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 7, 24), (3, 2, 24), (6, 24)])
def test_it_is_pefts_own_output_and_gradients(bias: bool, shape: tuple[int, ...]) -> None:
    module = lora(bias)
    beside = Beside.of(module)
    theirs, ours = both(module, torch.randn(shape, dtype=torch.float64), beside)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape and torch.allclose(a, b, rtol=1e-10, atol=1e-12)


def test_weights_in_bfloat16_stay_there() -> None:
    """Adapters in 32 bits beside them get gradients in 32 bits; nothing wide is made in 32 bits."""
    module = lora(dtype=torch.bfloat16)
    beside = Beside.of(module)
    theirs, ours = both(module, torch.randn(1, 50, 24).bfloat16(), beside)
    assert [x.dtype for x in ours] == [torch.bfloat16, torch.bfloat16, torch.float32, torch.float32]
    for a, b in zip(ours, theirs, strict=True):
        assert (a.float() - b.float()).norm() < 0.01 * b.float().norm()
    x = torch.randn(1, 50, 24).bfloat16().requires_grad_()
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        beside(x)
    assert {t.dtype for t in kept} == {torch.bfloat16}
    assert sorted(t.numel() for t in kept) == sorted([50 * 24, 50 * 5, 5 * 24, 40 * 5]), "x, x A', A and s B"


def test_the_first_layer_makes_no_gradient_of_its_input() -> None:
    module = lora()
    out = Beside.of(module)(torch.randn(4, 24, dtype=torch.float64))
    out.sum().backward()
    assert module.lora_A["default"].weight.grad is not None and module.base_layer.weight.grad is None


@pytest.mark.parametrize("changed", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}])
def test_other_adapters_are_left_to_peft(changed: dict[str, Any]) -> None:
    assert Beside.of(lora(**changed)) is None


def test_an_adapter_that_is_off_is_off() -> None:
    module = lora()
    module.forward = Beside.of(module)
    x = torch.randn(3, 24, dtype=torch.float64)
    on = module(x)
    module.enable_adapters(False)
    assert torch.equal(module(x), module.base_layer(x)) and not torch.allclose(module(x), on)
    module.enable_adapters(True)
    module.merge()
    assert torch.allclose(module(x), on)


@pytest.mark.parametrize("collated", [False, True])
def test_whole_models(base: Any, samples: Callable[..., Any], collated: bool) -> None:
    """Packed rows and padded ones, ChatGLM-6B and Qwen2; the head goes with it."""
    model, rendered = samples(base, 6)
    model = adapt(model, TuneSettings(lora_rank=3)).double()
    batch = collate(rendered, 0) if collated else pack(rendered)
    found = []
    for _ in range(2):
        nats = token_nats(model, batch)
        nats.sum().backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        model.zero_grad()
        found.append([nats.detach(), *gradients])
        if len(found) == 1:
            count = replaced(model, lambda m: token_nats(m, batch), linear_layers(model))
    assert count == sum(hasattr(m, "lora_A") for m in model.modules()) > 6 and has_fused_head(model)
    for a, b in zip(found[1], found[0], strict=True):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-10)


def test_a_wrong_one_is_not_put_in_place(qwen_base: Any, samples: Callable[..., Any]) -> None:
    """In bfloat16, whose tolerance is wide: a scale that is twice what it should be is found."""
    model, rendered = samples(qwen_base, 4)
    model = adapt(model, TuneSettings(lora_rank=3))
    for module in model.modules():
        if hasattr(module, "base_layer"):
            module.base_layer.to(torch.bfloat16)
    for parameter in model.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.bfloat16()
    right = linear_layers(model)
    wrong = linear_layers(model)
    for _, forward in wrong:
        object.__setattr__(forward._member, "scale", 2 * forward._member.scale)

    def nats(of: Any) -> torch.Tensor:
        return token_nats(of, pack(rendered))

    own = right[0][0].forward
    assert replaced(model, nats, wrong) == 0 and right[0][0].forward == own and not has_fused_head(model)
    assert replaced(model, nats, right) == len(right)


def test_a_sample_that_is_alone(sample_of: Callable[..., Sample], qwen_base: Any, samples: Callable[..., Any]) -> None:
    """One token of answer: one supervised row reaches the head."""
    model, _ = samples(qwen_base, 1)
    model = adapt(model, TuneSettings(lora_rank=3)).double()
    batch = pack([sample_of(1, 1)])
    before = token_nats(model, batch)
    assert replaced(model, lambda m: token_nats(m, batch), linear_layers(model))
    assert torch.allclose(token_nats(model, batch), before, atol=1e-10)
