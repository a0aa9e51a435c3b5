"""The quantised layer against its unpacked weight in torch's own layer, forward and backward, and what it keeps."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from doctorglm.models.quantized import linear as module
from doctorglm.models.quantized.formats import QUANTIZATIONS, pack, unpack
from doctorglm.models.quantized.layers import (
    dequantize,
    parameter_count,
    quantization_of,
    quantize,
    weight_bytes,
)
from doctorglm.models.quantized.linear import QuantizedLinear

# PEFT asks transformers by a name that it is about to drop
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


def made(kind: str, inputs: int = 48, outputs: int = 70, bias: bool = True) -> tuple[QuantizedLinear, torch.Tensor]:
    """A layer and its weight as it should be computed with, (O, I)."""
    torch.manual_seed(0)
    plain = nn.Linear(inputs, outputs, bias=bias)
    stored, scale = pack(plain.weight, kind, "w")  # type: ignore[arg-type]
    weight = unpack(stored, scale.float(), kind, torch.empty(outputs, inputs))  # type: ignore[arg-type]
    return QuantizedLinear.of(plain, kind, "w"), weight  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", QUANTIZATIONS)
@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("tile_bytes", [1, 4 * 48 * 9, 10**6])
def test_it_computes_the_unpacked_product_and_its_gradient(
    kind: str, rows: int, bias: bool, tile_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TILE_BYTES", tile_bytes)
    layer, weight = made(kind, bias=bias)
    x, dy = torch.randn(2, rows, 48, requires_grad=True), torch.randn(2, rows, 70)
    out = layer(x)
    (dx,) = torch.autograd.grad(out, x, dy)
    added = layer.bias.detach().double() if bias else None
    expected = F.linear(x.detach().double(), weight.double(), added)
    torch.testing.assert_close(out.double(), expected, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(dx.double(), dy.double() @ weight.double(), atol=1e-6, rtol=1e-6)
    assert torch.equal(layer.dequantized(), weight)


@pytest.mark.parametrize("kind", QUANTIZATIONS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_it_computes_in_the_type_of_its_input(kind: str, dtype: torch.dtype) -> None:
    layer, weight = made(kind)
    layer = layer.to(dtype)
    assert layer.weight_scale.dtype == torch.float32 and layer.bias.dtype == dtype
    x = torch.randn(3, 48, dtype=dtype, requires_grad=True)
    out = layer(x)
    out.sum().backward()
    assert out.dtype == x.grad.dtype == dtype  # type: ignore[union-attr]
    tolerance = {torch.float64: 1e-7, torch.bfloat16: 0.05, torch.float16: 0.01}[dtype]
    expected = F.linear(x.detach().double(), weight.double(), layer.bias.detach().double())
    torch.testing.assert_close(out.detach().double(), expected, atol=tolerance, rtol=tolerance)


def test_a_bias_that_is_trained_gets_its_gradient_and_the_weight_none() -> None:
    layer, _ = made("nf4")
    layer.bias.requires_grad_(True)
    dy = torch.randn(4, 70)
    layer(torch.randn(4, 48)).backward(dy)
    torch.testing.assert_close(layer.bias.grad, dy.sum(0))
    assert [name for name, _ in layer.named_parameters()] == ["bias"]
    assert set(layer.state_dict()) == {"weight", "weight_scale", "bias"}


class _Largest(TorchDispatchMode):
    """The bytes of the largest floating-point tensor that any operation inside gives."""

    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor) and (tensor.is_floating_point() or tensor.is_complex()):
                self.bytes = max(self.bytes, tensor.nbytes)
        return out


@pytest.mark.parametrize("kind", QUANTIZATIONS)
def test_no_unpacked_weight_is_made_or_kept(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither forward nor backward gives a tensor larger than a tile, and none waits between them but x's graph."""
    tile = 4 * 512 * 16
    monkeypatch.setattr(module, "TILE_BYTES", tile)
    layer, _ = made(kind, 512, 768, bias=False)
    x = torch.randn(2, 512, requires_grad=True)
    kept: list[int] = []
    with (
        _Largest() as seen,
        torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.nbytes) or t, lambda t: t),
    ):
        layer(x).sum().backward()
    assert tile <= max(seen.bytes, tile) <= tile + 4 * 512 * 2 < 4 * 512 * 768 / 20
    assert sum(kept) <= 2 * x.nbytes


@pytest.mark.parametrize("kind", QUANTIZATIONS)
def test_a_model_is_quantised_but_for_head_embeddings_and_norms(
    kind: str, llama: Any, logits: Callable[[Any], torch.Tensor]
) -> None:
    before, weights = logits(llama), {n: p.detach().clone() for n, p in llama.named_parameters()}
    count, size = parameter_count(llama), weight_bytes(llama)
    assert count == sum(p.numel() for p in weights.values()) and size == 4 * count
    quantize(llama, kind, "llama")  # type: ignore[arg-type]
    assert quantization_of(llama) == kind and parameter_count(llama) == count
    left = {n for n, _ in llama.named_parameters()}
    assert left == {n for n in weights if "norm" in n or "embed" in n or "lm_head" in n}
    assert all(torch.equal(p, weights[n]) and not p.requires_grad for n, p in llama.named_parameters())
    per_weight = {"int8": 1, "int4": 0.5, "nf4": 0.5 + 4 / 64}[kind]
    inner = {n: w for n, w in weights.items() if n not in left}
    scales = 0 if kind == "nf4" else sum(4 * len(w) for w in inner.values())
    assert weight_bytes(llama) == 4 * sum(weights[n].numel() for n in left) + scales + per_weight * sum(
        w.numel() for w in inner.values()
    )
    packed = logits(llama)
    assert 0 < (packed - before).abs().mean() < before.abs().mean()
    dequantize(llama)
    assert quantization_of(llama) is None and {n for n, _ in llama.named_parameters()} == set(weights)
    torch.testing.assert_close(logits(llama), packed, atol=1e-4, rtol=1e-5)


def test_int8_is_near_and_4_bits_are_less_so(llama: Any, logits: Callable[[Any], torch.Tensor]) -> None:
    before, off = logits(llama), {}
    for kind in QUANTIZATIONS:
        model = copy.deepcopy(llama)
        quantize(model, kind, "llama")
        off[kind] = float((logits(model) - before).norm())
    assert off["int8"] < 0.2 * min(off["nf4"], off["int4"])


@pytest.mark.parametrize("kind", QUANTIZATIONS)
def test_adapters_beside_it_get_the_gradients_that_they_get_beside_the_unpacked_weight(kind: str, llama: Any) -> None:
    """PEFT wraps it as it is; every gradient of A, B and the loss are those of the dequantised model."""
    quantize(llama, kind, "llama")  # type: ignore[arg-type]
    torch.manual_seed(1)
    adapted = get_peft_model(llama, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    with torch.no_grad():
        for name, p in adapted.named_parameters():
            if "lora_B" in name:
                p.normal_(0, 0.1)
    reference = copy.deepcopy(adapted)
    dequantize(reference)
    assert quantization_of(reference) is None and quantization_of(adapted) == kind
    ids = torch.randint(0, 60, (2, 9))
    found = []
    for model in (adapted, reference):
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        found.append({"loss": loss.detach(), **{n: p.grad for n, p in model.named_parameters() if p.grad is not None}})
    assert found[0].keys() == found[1].keys() and len(found[0]) == 1 + 2 * 2 * 7
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], atol=1e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}")


def test_an_unpacked_sum_into_packed_weights_is_no_silent_nonsense(llama: Any) -> None:
    """PEFT itself cannot add an adapter to packed weights, and says so rather than add it to bytes."""
    for kind in QUANTIZATIONS:
        model = copy.deepcopy(llama)
        quantize(model, kind, "llama")
        adapted = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
        with pytest.raises(RuntimeError):
            adapted.merge_and_unload()
