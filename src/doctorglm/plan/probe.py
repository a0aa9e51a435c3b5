"""How fast this machine is, measured in a few seconds: products of a model's own shapes, and moving memory.

The products are those that training uses on a CPU (`models.products`), forward and backward, and torch.mm beside them,
which reading without gradients uses.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch

from doctorglm.models.products import product
from doctorglm.plan.shape import Shape

_FLOPS = 5e10
"""Of one round: a tenth of a second at the rate of two cores."""
_ROUNDS = 3
_WIDEST = 2048
"""Of a matrix, what is measured: beyond that its rate grows no more, and its memory does."""
_MOVED = 8_000_000
"""Numbers that are copied: more than the caches of a few cores hold."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """FLOP/s of products in 32 bits, and bytes/s of memory read and written."""

    product: float
    mm: float
    bandwidth: float


def rates_of(shape: Shape, tokens: int, *, again: bool = False) -> Rates:
    """The best of a few rounds, on at most as many rows as `tokens`.

    The same shapes are measured once a process, unless `again` is set: a machine shared with others has no one rate.
    """
    if again:
        _measured.cache_clear()
    sizes = tuple((min(one.outputs, _WIDEST), min(one.inputs, _WIDEST)) for one in shape.linear)
    return _measured(sizes, max(64, min(tokens, 2048, int(_FLOPS / (4 * sum(o * i for o, i in sizes))))))


@cache
def _measured(sizes: tuple[tuple[int, int], ...], rows: int) -> Rates:
    weights = [torch.randn(o, i) * 0.02 for o, i in sizes]
    inputs = [(torch.randn(rows, i), torch.randn(rows, o)) for o, i in sizes]
    flops = 4 * rows * sum(o * i for o, i in sizes)

    def through(of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Callable[[], None]:
        def once() -> None:
            for (x, dy), w in zip(inputs, weights, strict=True):
                of(x, w)
                of(dy, w.t())

        return once

    source, target = torch.ones(_MOVED), torch.empty(_MOVED)
    with torch.inference_mode():
        return Rates(
            product=flops / _best(through(product)),
            mm=flops / _best(through(lambda x, w: x @ w.t())),
            bandwidth=8 * _MOVED / _best(lambda: target.copy_(source)),
        )


def _best(once: Callable[[], object]) -> float:
    """Seconds of the fastest round, after one that does not count."""
    once()
    seconds = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        once()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
