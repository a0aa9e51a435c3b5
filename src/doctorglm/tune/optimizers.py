"""AdamW, Lion and Muon, and the schedule of their rates."""

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import torch

from doctorglm.models.products import product
from doctorglm.tune.settings import TuneSettings


class Lion(torch.optim.Optimizer):
    """Sign of an interpolated momentum, with decoupled weight decay. Source: arXiv 2302.06675, algorithm 2."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns what `closure` returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            beta_update, beta_momentum = group["betas"]
            for parameter in (p for p in group["params"] if p.grad is not None):
                momentum = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                update = momentum.lerp(parameter.grad, 1 - beta_update).sign_()
                parameter.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"])
                momentum.lerp_(parameter.grad, 1 - beta_momentum)
        return loss


class Muon(torch.optim.Optimizer):
    """Nesterov momentum made orthogonal by five Newton-Schulz steps, for matrices.

    `torch.optim.Muon` iterates in bfloat16, which a CPU computes a hundred times slower than float32; this one
    keeps the gradient's type. The rate is scaled by sqrt(max(1, rows / columns)).
    Source: https://kellerjordan.github.io/posts/muon/
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 0.02, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns what `closure` returns."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for matrix in (p for p in group["params"] if p.grad is not None):
                momentum = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
                momentum.lerp_(matrix.grad, 1 - group["momentum"])
                update = orthogonal(matrix.grad.lerp(momentum, group["momentum"]))
                scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
                matrix.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"] * scale)
        return loss


def orthogonal(matrix: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """A matrix with the singular vectors of `matrix` (rows, columns) and singular values near 1 (0.7 to 1.2)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    x: torch.Tensor = matrix.mT if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = product(x, x)
        x = product(torch.add(b * gram, product(gram, gram), alpha=c), x.mT, None, a * x)
    return x.mT if tall else x


def optimizers_for(model: Any, settings: TuneSettings) -> list[torch.optim.Optimizer]:
    """The optimizers of all trainable parameters; for `muon` one of hidden matrices, if any, and one of the rest."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "lion":
        return [Lion(_decayed(trainable, decay), lr=rate)]
    if settings.optimizer == "adamw":
        return [_adamw(_decayed(trainable, decay), rate)]
    tables = [m for m in model.modules() if isinstance(m, torch.nn.Embedding)]  # a learned prefix is one, too
    tables += [model.get_input_embeddings(), model.get_output_embeddings()]
    embeddings = {id(p) for table in tables for p in table.parameters()}
    matrices = [p for p in trainable if p.ndim == 2 and id(p) not in embeddings]
    others = [p for p in trainable if p.ndim != 2 or id(p) in embeddings]
    muon = [Muon(matrices, lr=settings.muon_learning_rate, weight_decay=decay)] if matrices else []
    return [*muon, _adamw(_decayed(others, decay), rate)]


def _adamw(groups: list[dict[str, Any]], rate: float) -> torch.optim.AdamW:
    """With all updates in one kernel, on a CPU and on a GPU; torch by itself takes a pass for each operation."""
    return torch.optim.AdamW(groups, lr=rate, fused=True)


def _decayed(parameters: list[torch.nn.Parameter], decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices, none for biases and norms."""
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


class Schedule(Protocol):
    """The settings that a rate follows; `TuneSettings` has them."""

    @property
    def warmup(self) -> float: ...  # noqa: D102
    @property
    def schedule(self) -> str: ...  # noqa: D102
    @property
    def final_learning_rate(self) -> float: ...  # noqa: D102


def rate_at(step: int, steps: int, settings: Schedule) -> float:
    """The share of the peak rate at `step` (0-based) of `steps`: linear warm-up, then the schedule to the last step."""
    rising = math.ceil(settings.warmup * steps)
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(1, steps - 1 - rising)
    falling = {"constant": 1.0, "linear": 1 - done, "cosine": 0.5 * (1 + math.cos(math.pi * done))}[settings.schedule]
    floor = settings.final_learning_rate
    return floor + (1 - floor) * falling
