"""A model's linear layers quantised in place, and back; what stays as it is: norms, biases, and, unless it is asked
for, embedding and head."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from doctorglm.errors import ModelError
from doctorglm.models.quantized.embedding import QuantizedEmbedding, share
from doctorglm.models.quantized.formats import Quantization
from doctorglm.models.quantized.linear import QuantizedLinear

PackedLayer = QuantizedLinear | QuantizedEmbedding


def quantize(
    model: Any, kind: Quantization, where: str, device: torch.device | None = None, *, embeddings: bool = False
) -> None:
    """Packs every linear layer but the head and a prefix's, in place, in turn; all other weights are frozen too.

    With `embeddings` the embedding and the head are packed as well, tied ones once; that is for ChatGLM-6B in INT8 or
    INT4, which `checks.refuse_packed_embeddings` knows. A weight is packed on `device` and let go. Raises ModelError
    with `where` for a model without linear layers, and for a weight that cannot be packed.
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
    at = device or model.device
    for name in linear:
        module = model.get_submodule(name).to(at)
        model.set_submodule(name, QuantizedLinear.of(module, kind, f"{where}: {name}"))
    if embeddings:
        _pack_table(model, kind, where, at)
    model.requires_grad_(False)
    _note_bits(model, {"int8": 8, "int4": 4}.get(kind, 0), embeddings)


def _pack_table(model: Any, kind: Quantization, where: str, at: torch.device) -> None:
    """Packs embedding and head; a head that is tied to the embedding shares its packed rows."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    names = {id(module): name for name, module in model.named_modules()}
    tied = head.weight is embedding.weight
    table = QuantizedEmbedding.of(embedding.to(at), kind, f"{where}: {names[id(embedding)]}")
    if tied:
        made = QuantizedLinear(head.in_features, head.out_features, kind, bias=False, device="meta")
        share(table, made)
    else:
        made = QuantizedLinear.of(head.to(at), kind, f"{where}: {names[id(head)]}")
    model.set_submodule(names[id(embedding)], table)
    model.set_submodule(names[id(head)], made.train(head.training))


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
    """Puts plain layers with the unpacked weights, in 32 bits, in place of quantised ones, below adapters too.

    Layers that shared their packed weight share the unpacked one.
    """
    unpacked: dict[int, nn.Parameter] = {}
    for name, layer in list(_quantized(model)):
        if id(layer.weight) not in unpacked:
            unpacked[id(layer.weight)] = nn.Parameter(layer.dequantized(), requires_grad=False)
        model.set_submodule(name, _plain(layer, unpacked[id(layer.weight)]).train(layer.training))
    _note_bits(model, 0)


def _plain(layer: PackedLayer, weight: nn.Parameter) -> nn.Module:
    made: nn.Linear | nn.Embedding
    with torch.device("meta"):
        if isinstance(layer, QuantizedEmbedding):
            made = nn.Embedding(layer.num_embeddings, layer.embedding_dim)
        else:
            made = nn.Linear(layer.in_features, layer.out_features, bias=False)
    made.weight = weight
    if isinstance(layer, QuantizedLinear):
        made.bias = layer.bias
    return made


def _note_bits(model: Any, bits: int, embeddings: bool = False) -> None:
    """ChatGLM-6B's configuration says how its weights are packed, so that what is saved can be read."""
    if hasattr(getattr(model, "config", None), "quantization_bit"):
        model.config.quantization_bit = bits
        model.config.quantization_embeddings = embeddings


def quantization_of(model: nn.Module) -> Quantization | None:
    """What the linear layers are packed in; None where they are not."""
    return next((layer.kind for _, layer in _quantized(model)), None)


def packs_embeddings(model: nn.Module) -> bool:
    """Whether the embedding is packed, and the head with it."""
    return any(isinstance(layer, QuantizedEmbedding) for _, layer in _quantized(model))


def count_of(layer: PackedLayer) -> int:
    """Weights of a packed layer, counted one by one."""
    if isinstance(layer, QuantizedEmbedding):
        return layer.num_embeddings * layer.embedding_dim
    return layer.in_features * layer.out_features


def packed_layers(model: nn.Module) -> list[PackedLayer]:
    """All quantised layers; of those that share their weight only the first."""
    found: dict[int, PackedLayer] = {}
    for _, layer in _quantized(model):
        found.setdefault(id(layer.weight), layer)
    return list(found.values())


def parameter_count(model: nn.Module) -> int:
    """Weights of the model, packed ones counted one by one, scales not at all; a tied one counts once."""
    return sum(map(count_of, packed_layers(model))) + sum(p.numel() for p in model.parameters())


def weight_bytes(model: nn.Module) -> int:
    """What weights and scales take up, in bytes; a tied one counts once."""
    packed: int = sum(layer.weight.nbytes + layer.weight_scale.nbytes for layer in packed_layers(model))
    return packed + sum(p.nbytes for p in model.parameters())


def _quantized(model: nn.Module) -> Iterator[tuple[str, PackedLayer]]:
    return ((name, m) for name, m in model.named_modules() if isinstance(m, QuantizedLinear | QuantizedEmbedding))
