"""Linear layers by oneDNN's products: the same numbers, and a model that is as it was afterwards."""

import pytest
import torch
from torch import nn

from doctorglm.models.products import by_products


class Wrapped(nn.Linear):
    """A layer of another class, as quantised ones are; it keeps its own forward."""


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(24, 40), nn.GELU(), nn.Linear(40, 8, bias=False), Wrapped(8, 3))
    layers.device = torch.device("cpu")  # type: ignore[assignment]
    return layers


@pytest.mark.parametrize("shape", [(1, 24), (16, 24), (2, 7, 24)])
@torch.inference_mode()
def test_the_same_numbers(model: nn.Module, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    expected = model(x)
    with by_products(model):
        found = model(x)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_the_model_is_as_it_was_even_after_an_error(model: nn.Module) -> None:
    with pytest.raises(KeyboardInterrupt), by_products(model):
        with by_products(model):  # a second answer at the same time
            assert "forward" in vars(model[0]) and "forward" not in vars(model[3])
        assert "forward" in vars(model[0]), "the inner one takes away nothing that is not its own"
        raise KeyboardInterrupt
    assert not any("forward" in vars(module) for module in model.modules())


@torch.inference_mode()
def test_half_precision_goes_its_own_way(model: nn.Module) -> None:
    half, x = model.to(torch.bfloat16), torch.randn(3, 24, dtype=torch.bfloat16)
    expected = half(x)
    with by_products(half):
        assert torch.equal(half(x), expected)
