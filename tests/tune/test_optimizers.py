"""Lion by hand, Muon against singular vectors in float64, and the schedule's numbers."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from doctorglm.render import Sample
from doctorglm.tune.adapt import adapt
from doctorglm.tune.optimizers import Lion, Muon, optimizers_for, orthogonal, rate_at
from doctorglm.tune.settings import TuneSettings

Load = Callable[..., tuple[Any, list[Sample]]]


def parameter(*values: float) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(values, dtype=torch.float64))


def test_two_steps_of_lion_by_hand() -> None:
    """lr 0.1, betas (0.9, 0.99), decay 0.5; arXiv 2302.06675, algorithm 2."""
    weight = parameter(1.0, -2.0, 3.0)
    lion = Lion([weight], lr=0.1, betas=(0.9, 0.99), weight_decay=0.5)
    weight.grad = torch.tensor([0.4, -0.2, 0.0], dtype=torch.float64)
    lion.step()
    # momentum was 0: the signs are the gradient's; 1 * 0.95 - 0.1, -2 * 0.95 + 0.1, 3 * 0.95
    assert weight.tolist() == pytest.approx([0.85, -1.8, 2.85])
    weight.grad = torch.tensor([-0.03, -0.2, 0.1], dtype=torch.float64)
    lion.step()
    # momentum 0.004, -0.002, 0; 0.9 * 0.004 - 0.1 * 0.03 = 0.0006 > 0 although the gradient is negative
    assert weight.tolist() == pytest.approx([0.85 * 0.95 - 0.1, -1.8 * 0.95 + 0.1, 2.85 * 0.95 - 0.1])
    assert lion.state[weight]["momentum"].tolist() == pytest.approx([0.99 * 0.004 - 0.0003, -0.00398, 0.001])


def test_lion_leaves_a_parameter_without_gradient_alone() -> None:
    weight = parameter(1.0)
    Lion([weight], lr=0.1, weight_decay=0.5).step()
    assert weight.tolist() == [1.0]


@pytest.mark.parametrize("shape", [(8, 8), (24, 6), (5, 17)])
def test_orthogonal_keeps_the_singular_vectors_and_levels_the_values(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(*shape, dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    level = left.mT @ orthogonal(matrix) @ right.mT
    assert torch.allclose(level, torch.diag(level.diagonal()), atol=1e-9)
    # the quintic's own value for each singular value, iterated as scalars
    expected = values / values.norm()
    for _ in range(5):
        expected = 3.4445 * expected - 4.7750 * expected**3 + 2.0315 * expected**5
    assert torch.allclose(level.diagonal(), expected, atol=1e-6)
    assert float(level.diagonal().min()) > 0.65 and float(level.diagonal().max()) < 1.25


def test_two_steps_of_muon_by_hand() -> None:
    """Nesterov momentum 0.95, decay 0.1, and a rate times sqrt(3) for a matrix three times as tall as wide."""
    torch.manual_seed(1)
    start, one, two = (torch.randn(9, 3, dtype=torch.float64) for _ in range(3))
    weight = torch.nn.Parameter(start.clone())
    muon = Muon([weight], lr=0.2, weight_decay=0.1)
    expected, momentum = start, torch.zeros(9, 3, dtype=torch.float64)
    for gradient in (one, two):
        weight.grad = gradient.clone()
        muon.step()
        momentum = 0.95 * momentum + 0.05 * gradient
        update = orthogonal(0.05 * gradient + 0.95 * momentum)
        expected = expected * (1 - 0.2 * 0.1) - 0.2 * math.sqrt(3) * update
        assert torch.allclose(weight, expected, atol=1e-12)


def groups(model: Any, **values: Any) -> list[tuple[type, float, list[tuple[int, float]]]]:
    """(optimizer, rate, [(parameters, decay), ...]) of every optimizer."""
    made = optimizers_for(model, TuneSettings(**values))
    return [
        (type(o), o.param_groups[0]["lr"], [(len(g["params"]), g["weight_decay"]) for g in o.param_groups])
        for o in made
    ]


def test_decay_is_for_matrices_and_every_weight_is_in_one_optimizer(base: Path, samples: Load) -> None:
    model, _ = samples(base)
    adapt(model, TuneSettings(method="full"))
    flat = sum(p.ndim < 2 for p in model.parameters())
    matrices = sum(p.ndim >= 2 for p in model.parameters())
    for optimizer, kind in (("adamw", torch.optim.AdamW), ("lion", Lion)):
        found = groups(model, optimizer=optimizer, learning_rate=0.3, weight_decay=0.1)
        assert found == [(kind, 0.3, [(matrices, 0.1), (flat, 0.0)])]


def test_muon_is_for_hidden_matrices(base: Path, samples: Load) -> None:
    model, _ = samples(base)
    adapt(model, TuneSettings(method="full"))
    muon, adamw = optimizers_for(model, TuneSettings(optimizer="muon", muon_learning_rate=0.5, learning_rate=0.3))
    hidden = {id(p) for name, p in model.named_parameters() if p.ndim == 2 and "layers." in name}
    assert hidden and {id(p) for g in muon.param_groups for p in g["params"]} == hidden
    rest = {id(p) for p in model.parameters()} - hidden
    assert rest and {id(p) for g in adamw.param_groups for p in g["params"]} == rest
    assert (muon.param_groups[0]["lr"], adamw.param_groups[0]["lr"]) == (0.5, 0.3)


def test_frozen_weights_are_in_no_optimizer(qwen_base: Path, samples: Load) -> None:
    model, _ = samples(qwen_base)
    adapted = adapt(model, TuneSettings())
    trained = {id(p) for p in adapted.parameters() if p.requires_grad}
    for optimizer in ("adamw", "lion", "muon"):
        made = optimizers_for(adapted, TuneSettings(optimizer=optimizer))
        assert {id(p) for o in made for g in o.param_groups for p in g["params"]} == trained


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        # 2 of 10 steps of warm-up, then 8 steps from 1 to 0.2
        ("constant", [0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
        ("linear", [0.5, 1, *(1 - 0.8 * i / 7 for i in range(8))]),
        ("cosine", [0.5, 1, *(0.2 + 0.4 * (1 + math.cos(math.pi * i / 7)) for i in range(8))]),
    ],
)
def test_the_schedule_by_hand(schedule: Any, shares: list[float]) -> None:
    settings = TuneSettings(schedule=schedule, warmup=0.2, final_learning_rate=0.2)
    assert [rate_at(step, 10, settings) for step in range(10)] == pytest.approx(shares)


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("warmup", [0.0, 0.05, 1.0])
@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_rates_stay_between_nothing_and_the_peak(schedule: Any, warmup: float, steps: int) -> None:
    settings = TuneSettings(schedule=schedule, warmup=warmup, final_learning_rate=0)
    rates = [rate_at(step, steps, settings) for step in range(steps)]
    assert all(0 <= rate <= 1 for rate in rates)
    assert max(rates) == 1


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_adamw_updates_in_one_kernel(qwen_base: Path, samples: Load, optimizer: Any) -> None:
    """And gives what its operations one by one give."""
    model, _ = samples(qwen_base)
    adapt(model, TuneSettings(method="full"))
    made = optimizers_for(model, TuneSettings(optimizer=optimizer, weight_decay=0.1))[-1]
    assert isinstance(made, torch.optim.AdamW) and all(group["fused"] for group in made.param_groups)
    ours = [p for group in made.param_groups for p in group["params"]]
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in ours]
    decays = [group["weight_decay"] for group in made.param_groups for _ in group["params"]]
    plain = torch.optim.AdamW(
        [{"params": [p], "weight_decay": d} for p, d in zip(theirs, decays, strict=True)], 1e-3, foreach=False
    )
    for _ in range(3):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        made.step()
        plain.step()
    assert all(torch.allclose(a, b, rtol=1e-5, atol=1e-7) for a, b in zip(ours, theirs, strict=True))
