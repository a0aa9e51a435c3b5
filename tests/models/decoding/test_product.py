"""Products by compiled code against float64, on every kind of weight, and what it is not asked to do."""

from typing import Any

import pytest
import torch
from torch import nn

from doctorglm.models.decoding import compiled
from doctorglm.models.decoding.product import MOST_ROWS, few_rows
from doctorglm.models.half import HalfLinear
from doctorglm.models.quantized.linear import QuantizedLinear

KINDS = ["int4", "int8", torch.float16, torch.bfloat16]

needs_compiler = pytest.mark.skipif(compiled.kernels() is None, reason="no compiler, or another processor")


def made(kind: Any, outputs: int, inputs: int, bias: bool = True) -> tuple[Any, torch.Tensor]:
    """A layer, and its weight as it is stored, in float64."""
    torch.manual_seed(outputs + inputs)
    plain = nn.Linear(inputs, outputs, bias=bias)
    if isinstance(kind, str):
        layer: Any = QuantizedLinear.of(plain, kind, "w")  # type: ignore[arg-type]
        return layer, by_hand(layer, kind)
    layer = HalfLinear.of(plain.to(kind))
    return layer, layer.weight.detach().double()


def by_hand(layer: Any, kind: str) -> torch.Tensor:
    """The weight as the published layout says it: a scale a row, of INT4 the even column in the high nibble."""
    stored = layer.weight.numpy()
    if kind == "int4":
        both = [((byte >> 4 & 15), (byte & 15)) for byte in stored.astype("int64").reshape(-1)]
        values = [v - 16 if v > 7 else v for pair in both for v in pair]
        levels = torch.tensor(values, dtype=torch.float64).view(layer.out_features, layer.in_features)
    else:
        levels = torch.from_numpy(stored).double()
    return levels * layer.weight_scale.double()[:, None]


def allowed(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Of each output the most that it may be off: float32's rounding of its terms."""
    return 1e-6 * (x.double().abs() @ weight.abs().t()) + 1e-7


def apart(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found.double() - expected).norm() / expected.norm())


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> compiled.Kernels:
    """The code of a processor of 2013, without AVX-512."""
    flags = tuple("-march=haswell" if flag == "-march=native" else flag for flag in compiled.FLAGS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(compiled, "FLAGS", flags)
        return compiled._loaded(compiled.compiled(compiled.found_compiler() or [], tmp_path_factory.mktemp("older")))


@pytest.fixture(params=["this processor", "an older one"])
def function(request: pytest.FixtureRequest, older: compiled.Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `few_rows` calls."""
    if request.param == "an older one":
        monkeypatch.setattr("doctorglm.models.decoding.product.kernels", lambda: older)


@needs_compiler
@pytest.mark.usefixtures("function")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 128), (7, 640), (33, 512), (70, 1152)])
@pytest.mark.parametrize("count", [1, 3, MOST_ROWS])
def test_it_is_the_product_with_the_stored_weight(kind: Any, size: tuple[int, int], count: int) -> None:
    """Rows that fill no strip and no four; blocks that are whole, and a last one that is not."""
    layer, weight = made(kind, *size)
    x = torch.randn(count, size[1]) * torch.rand(size[1]).pow(3) * 30
    out = few_rows(x, layer.weight, layer.bias, getattr(layer, "weight_scale", None), getattr(layer, "kind", None))
    assert out is not None and out.dtype == torch.float32
    expected = x.double() @ weight.t() + layer.bias.double()
    assert bool(((out - expected).abs() <= allowed(x, weight)).all())
    with torch.inference_mode():
        assert torch.equal(layer(x), out)
    for one in range(count):
        alone = layer(x[one][None, None])
        assert torch.equal(alone[0, 0], out[one]), "a row does not depend on those beside it"


@needs_compiler
@pytest.mark.usefixtures("function")
@pytest.mark.parametrize("kind", ["int4", "int8"])
def test_every_level_counts_as_what_it_is(kind: Any) -> None:
    """All 16 or 256 levels, each alone against x = 1: the sum is the level."""
    levels = list(range(-8, 8)) if kind == "int4" else list(range(-128, 128))
    layer = QuantizedLinear(256, len(levels), kind, bias=False)
    place = 77  # odd: the low nibble
    for where, level in enumerate(levels):
        if kind == "int8":
            layer.weight[where, place] = level
        else:
            layer.weight[where, place // 2] = level & 15
    layer.weight_scale.fill_(0.5)
    x = torch.zeros(1, 256)
    x[0, place] = 3.0
    with torch.inference_mode():
        torch.testing.assert_close(layer(x)[0], torch.tensor(levels) * 1.5, atol=1e-5, rtol=1e-5)


@needs_compiler
@pytest.mark.usefixtures("function")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_stays_none(kind: Any, bad: float) -> None:
    layer, _ = made(kind, 8, 640)
    x = torch.randn(1, 640)
    x[0, 3] = bad
    with torch.inference_mode():
        assert not layer(x).isfinite().any()


@needs_compiler
@pytest.mark.parametrize("kind", ["int4", "int8"])
@pytest.mark.parametrize("x", [torch.zeros(1, 640), torch.full((1, 640), 1e-42)])
def test_zeros_and_almost_zeros_give_the_bias(kind: Any, x: torch.Tensor) -> None:
    layer, _ = made(kind, 8, 640)
    with torch.inference_mode():
        assert torch.equal(layer(x)[0], layer.bias)


@needs_compiler
@pytest.mark.parametrize("kind", KINDS)
def test_training_takes_the_way_that_has_a_gradient(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, weight = made(kind, 20, 128)
    x, dy = torch.randn(2, 128, requires_grad=True), torch.randn(2, 20)
    (dx,) = torch.autograd.grad(layer(x), x, dy)
    torch.testing.assert_close(dx.double(), dy.double() @ weight, atol=1e-6, rtol=1e-6)
    layer.bias.requires_grad_(True)
    if isinstance(kind, str):
        layer(torch.randn(2, 128)).backward(dy)
        torch.testing.assert_close(layer.bias.grad, dy.sum(0))


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_compiler_the_same_comes_out(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, weight = made(kind, 33, 640)
    x = torch.randn(2, 640)
    monkeypatch.setattr("doctorglm.models.decoding.product.kernels", lambda: None)
    assert (
        few_rows(x, layer.weight, layer.bias, getattr(layer, "weight_scale", None), getattr(layer, "kind", None))
        is None
    )
    with torch.inference_mode():
        assert apart(layer(x), x.double() @ weight.t() + layer.bias.double()) < 1e-6


def test_what_it_is_not_made_for_is_left_to_torch() -> None:
    layer, _ = made("int4", 20, 128)
    given = (layer.weight, layer.bias, layer.weight_scale, "int4")
    assert few_rows(torch.randn(MOST_ROWS + 1, 128), *given) is None  # type: ignore[arg-type]
    assert few_rows(torch.randn(1, 128).double(), *given) is None  # type: ignore[arg-type]
    assert few_rows(torch.randn(128, 2).t(), *given) is None  # type: ignore[arg-type]
    odd, _ = made("int4", 20, 96)
    assert few_rows(torch.randn(1, 96), odd.weight, odd.bias, odd.weight_scale, "int4") is None
    four = QuantizedLinear.of(nn.Linear(128, 20), "nf4", "w")
    assert few_rows(torch.randn(1, 128), four.weight, four.bias, four.weight_scale, "nf4") is None
    whole = nn.Linear(128, 20)
    assert few_rows(torch.randn(1, 128), whole.weight.detach(), None) is None
