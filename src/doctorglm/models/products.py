"""Matrix products by oneDNN where torch has it; torch.mm is MKL, which is slower on the processors seen here.

Shapes: T rows of x, K shared, N rows of the weight.
Source: https://github.com/uxlfoundation/oneDNN; torch's inductor calls the same operator.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import torch
from torch import nn
from torch.nn import functional

_NO_POINTWISE: tuple[str, list[float], str] = ("none", [], "")


def product(
    x_TK: torch.Tensor,
    weight_NK: torch.Tensor,
    bias_N: torch.Tensor | None = None,
    add_TN: torch.Tensor | None = None,
) -> torch.Tensor:
    """x W' + bias + add, [T,N]. Operands may be transposed views, but not slices: oneDNN copies those very slowly."""
    if x_TK.dtype == torch.float32 and x_TK.device.type == "cpu" and _has_onednn():
        linear = torch.ops.mkldnn._linear_pointwise
        if add_TN is None:
            out: torch.Tensor = linear(x_TK, weight_NK, bias_N, *_NO_POINTWISE)
            return out
        added: torch.Tensor = linear.binary(x_TK, add_TN, weight_NK, bias_N, "add")
        return added
    if add_TN is not None:
        out = torch.addmm(add_TN, x_TK, weight_NK.t())
        return out if bias_N is None else out.add_(bias_N)
    return x_TK @ weight_NK.t() if bias_N is None else torch.addmm(bias_N, x_TK, weight_NK.t())


@contextmanager
def by_products(model: Any) -> Iterator[None]:
    """Within it the plain linear layers of a model on a CPU multiply by `product`."""
    plain: list[Any] = [m for m in model.modules() if type(m) is nn.Linear and "forward" not in vars(m)]
    if model.device.type != "cpu":
        plain = []
    for module in plain:
        module.forward = partial(_linear, module)
    try:
        yield
    finally:
        for module in plain:
            del module.forward


def _linear(module: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    if x.dtype != torch.float32 or module.weight.dtype != torch.float32:
        return functional.linear(x, module.weight, module.bias)
    out: torch.Tensor = product(x.flatten(0, -2).contiguous(), module.weight, module.bias).unflatten(0, x.shape[:-1])
    return out


@cache
def _has_onednn() -> bool:
    """Whether the operator is there and computes what it should; it is not part of torch's public interface."""
    x, weight, bias, add = (
        torch.linspace(-1, 1, n).view(s) for n, s in ((12, (3, 4)), (8, (2, 4)), (2, (2,)), (6, (3, 2)))
    )
    try:
        linear = torch.ops.mkldnn._linear_pointwise
        plain = linear(x, weight, bias, *_NO_POINTWISE)
        transposed = linear(plain.t(), x.t(), None, *_NO_POINTWISE)
        added = linear.binary(x, add, weight, bias, "add")
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    expected = x @ weight.t() + bias
    return all(
        bool(torch.allclose(*pair, atol=1e-6))
        for pair in ((plain, expected), (transposed, expected.t() @ x), (added, expected + add))
    )
