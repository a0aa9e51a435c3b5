"""A model's linear layers quantised in place, and back; what stays as it is: head, embeddings, norms, biases."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from doctorglm.errors import ModelError
from doctorglm.models.quantized.formats import Quantization
from doctorglm.models.quantized.linear import QuantizedLinear


def quantize(model: Any, kind: Quantization, where: str, device: torch.device | None = None) -> None:
    """Packs every linear layer but the head and a prefix's, in place, one after another; all other weights are frozen.

    A weight is packed on `device` and let go. Raises ModelError with `where` for a model without linear layers,
    and for a weight that cannot be packed.
    """
    head = model.get_output_embeddings()
    linear = [
        name for name, m in model.named_modules() if type(m) is nn.Linear and m is not head and not _learned(name)
    ]
    if not linear:
        raise ModelError(
            en=f"{where}: {type(model).__name__} has no linear layers that could be quantised. "
            "Use it as it is: --quantization none, or --method lora.",
            zh=f"{where}：{type(model).__name__} 没有可量化的线性层。"
            "请直接使用：--quantization none，或 --method lora。",
        )
    for name in linear:
        module = model.get_submodule(name).to(device or model.device)
        model.set_submodule(name, QuantizedLinear.of(module, kind, f"{where}: {name}"))
    model.requires_grad_(False)
    _note_bits(model, {"int8": 8, "int4": 4}.get(kind, 0))


def _learned(name: str) -> bool:
    """Whether this is of the network that makes a prefix."""
    return ".prefix_encoder." in name


def make_room(layers: nn.Module, kind: Quantization) -> None:
    """Puts empty quantised layers in place of linear ones, for weights that are stored so."""
    for name, module in list(layers.named_modules()):
        if type(module) is nn.Linear:
            bias, device = module.bias is not None, module.weight.device
            made = QuantizedLinear(module.in_features, module.out_features, kind, bias=bias, device=device)
            layers.set_submodule(name, made)


def dequantize(model: nn.Module) -> None:
    """Puts plain layers with the unpacked weights, in 32 bits, in place of quantised ones, below adapters too."""
    for name, layer in list(_quantized(model)):
        with torch.device("meta"):
            plain = nn.Linear(layer.in_features, layer.out_features, bias=False)
        plain.weight = nn.Parameter(layer.dequantized(), requires_grad=False)
        plain.bias = layer.bias
        model.set_submodule(name, plain.train(layer.training))
    _note_bits(model, 0)


def _note_bits(model: Any, bits: int) -> None:
    """ChatGLM-6B's configuration says how its weights are packed, so that what is saved can be read."""
    if hasattr(getattr(model, "config", None), "quantization_bit"):
        model.config.quantization_bit = bits


def quantization_of(model: nn.Module) -> Quantization | None:
    """What the linear layers are packed in; None where they are not."""
    return next((layer.kind for _, layer in _quantized(model)), None)


def parameter_count(model: nn.Module) -> int:
    """Weights of the model, packed ones counted one by one, scales not at all."""
    packed: int = sum(layer.in_features * layer.out_features for _, layer in _quantized(model))
    return packed + sum(p.numel() for p in model.parameters())


def weight_bytes(model: nn.Module) -> int:
    """What weights and scales take up, in bytes; a tied one counts once."""
    packed: int = sum(layer.weight.nbytes + layer.weight_scale.nbytes for _, layer in _quantized(model))
    return packed + sum(p.nbytes for p in model.parameters())


def _quantized(model: nn.Module) -> Iterator[tuple[str, QuantizedLinear]]:
    return ((name, m) for name, m in model.named_modules() if isinstance(m, QuantizedLinear))
