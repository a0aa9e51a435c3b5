"""What is trained, from which start, with which scale; and that the frozen rest is neither copied nor touched."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm.errors import ConfigError
from doctorglm.render import Sample
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import collate
from doctorglm.tune.loop import mean_nats
from doctorglm.tune.loss import token_nats
from doctorglm.tune.settings import TuneSettings

Load = Callable[..., tuple[Any, list[Sample]]]
LINEAR = {"chatglm": ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
          "qwen": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]}  # fmt: skip


@pytest.mark.parametrize("family", ["chatglm", "qwen"])
def test_every_linear_layer_but_the_head_gets_an_adapter(
    request: pytest.FixtureRequest, samples: Load, family: str
) -> None:
    model, _ = samples(request.getfixturevalue(f"{family}_base"))
    adapted = adapt(model, TuneSettings(lora_rank=3))
    trained = {name: tuple(p.shape) for name, p in adapted.named_parameters() if p.requires_grad}
    assert {name.split(".lora_")[0].rpartition(".")[2] for name in trained} == set(LINEAR[family])
    assert len(trained) == 2 * 2 * len(LINEAR[family]), "A and B of two layers"
    assert all(shape[0 if ".lora_A." in name else 1] == 3 for name, shape in trained.items())


def test_frozen_weights_are_neither_copied_nor_touched(base: Path, samples: Load) -> None:
    model, rendered = samples(base)
    places = {p.data_ptr(): p.detach().clone() for p in model.parameters()}
    adapted = adapt(model, TuneSettings())
    token_nats(adapted, collate(rendered, 0)).mean().backward()
    frozen = {p.data_ptr(): p for p in adapted.parameters() if not p.requires_grad}
    assert frozen.keys() == places.keys()
    assert all(p.grad is None and torch.equal(p, places[place]) for place, p in frozen.items())
    assert all(p.grad is not None for p in adapted.parameters() if p.requires_grad)


def test_all_weights_are_trained_with_full(base: Path, samples: Load) -> None:
    model, rendered = samples(base)
    adapted = adapt(model.requires_grad_(False), TuneSettings(method="full"))
    assert adapted is model
    token_nats(adapted, collate(rendered, 0)).mean().backward()
    assert all(p.grad is not None for p in adapted.parameters())


def test_the_same_seed_gives_the_same_start_whatever_was_drawn_before(qwen_base: Path, samples: Load) -> None:
    def start(seed: int, drawn: int) -> list[torch.Tensor]:
        model, _ = samples(qwen_base)
        torch.rand(drawn)
        return [p.detach() for p in adapt(model, TuneSettings(seed=seed)).parameters() if p.requires_grad]

    first, again, other = start(1, 3), start(1, 8), start(2, 3)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize(("rslora", "scale"), [(False, 10 / 4), (True, 10 / math.sqrt(4))])
def test_an_adapter_adds_scale_times_b_a_x(qwen_base: Path, samples: Load, rslora: bool, scale: float) -> None:
    """arXiv 2106.09685, and 2312.03732 for the square root."""
    model, _ = samples(qwen_base)
    weight = model.model.layers[0].mlp.up_proj.weight.detach().clone()
    adapted = adapt(model, TuneSettings(lora_rank=4, lora_alpha=10, rslora=rslora, lora_targets="up_proj"))
    layer = adapted.get_base_model().model.layers[0].mlp.up_proj
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    torch.nn.init.normal_(b, std=0.5)
    x = torch.randn(3, 32)
    expected = x @ (weight + scale * b @ a).T
    assert torch.allclose(layer(x), expected, atol=1e-5)


def test_dropout_is_in_training_only(qwen_base: Path, samples: Load) -> None:
    model, rendered = samples(qwen_base)
    adapted = adapt(model, TuneSettings(lora_dropout=0.5))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(0, 0.1)
    batch = collate(rendered[:2], 0)
    training = [token_nats(adapted.train(), batch) for _ in range(2)]
    resting = [token_nats(adapted.eval(), batch) for _ in range(2)]
    assert not torch.equal(*training)
    assert torch.equal(*resting)
    assert mean_nats(adapted.train(), rendered[:2], 1000, 0) == pytest.approx(resting[0].mean().item(), abs=1e-6)
    assert adapted.training


def test_targets_can_be_named(qwen_base: Path, samples: Load) -> None:
    model, _ = samples(qwen_base)
    adapted = adapt(model, TuneSettings(lora_targets="q_proj, v_proj"))
    trained = {name.split(".lora_")[0].rpartition(".")[2] for name, p in adapted.named_parameters() if p.requires_grad}
    assert trained == {"q_proj", "v_proj"}


@pytest.mark.parametrize("targets", ["query", "q_proj,query", ""])
def test_an_unknown_target_is_an_error_that_lists_the_known(qwen_base: Path, samples: Load, targets: str) -> None:
    model, _ = samples(qwen_base)
    with pytest.raises(ConfigError, match=r"no linear layer `(query|)`; it has .*gate_proj.*q_proj"):
        adapt(model, TuneSettings(lora_targets=targets))
