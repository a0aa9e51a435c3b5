"""What an official ChatGLM2 or ChatGLM3 holds besides plain weights: linear layers in 8 or 4 bits, a P-tuning prefix.

The layers are packed as ChatGLM-6B's are (`quantized.formats`). A prefix adds no positions; its network, as published,
is as wide as the flat layout and has `hidden_size` units.
Source: https://huggingface.co/THUDM/chatglm2-6b-int4; `ptuning/` of https://github.com/THUDM/ChatGLM2-6B.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from doctorglm.errors import ModelError
from doctorglm.models.chatglm2.config import has_network, packed_in, prefix_places
from doctorglm.models.chatglm2.names import IGNORED, PREFIX, official_shapes
from doctorglm.models.prefix.encoder import PrefixEncoder, Shape
from doctorglm.models.quantized.formats import Quantization, stored_like, unpack
from doctorglm.models.weights import Checkpoint, Stored, compare_shapes, refuse_unsaid, without_tied_head
from doctorglm.models.writing import Output, Read

HEAD = "transformer.output_layer.weight"
_LINEAR = ("self_attention.query_key_value", "self_attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h")
"""What is packed of each layer; head, embedding, norms and biases stay as they are stored."""
_DROPOUT = 0.1
"""Of the prefix's keys and values in training, as published."""


def fitting_checkpoint(folder: Path, glm: Any, open_files: int = 1) -> Checkpoint:
    """The folder's tensors; raises ModelError unless they are those of an official checkpoint of this config."""
    checkpoint = Checkpoint(folder, open_files)
    shapes = {name: one.shape for name, one in checkpoint.stored.items() if name != IGNORED}
    refuse_unsaid(folder, shapes, glm)
    expected = without_tied_head(stored_shapes(glm), shapes, HEAD, glm.tie_word_embeddings)
    compare_shapes(folder, expected, shapes)
    plain = next((name for name in _packed(shapes) if checkpoint.stored[name].dtype != torch.int8), None)
    if packed_in(glm) and plain:
        raise ModelError(
            en=f"{folder}: {plain} is of type {checkpoint.stored[plain].dtype}, and quantised weights are int8. "
            "Use the config.json that came with the weights.",
            zh=f"{folder}：{plain} 的类型为 {checkpoint.stored[plain].dtype}，而量化权重应为 int8。"
            "请使用与权重配套的 config.json。",
        )
    return checkpoint


def stored_shapes(glm: Any) -> dict[str, tuple[int, ...]]:
    """Official name -> shape of all that a folder of this configuration holds, `inv_freq` left out."""
    shapes = official_shapes(glm)
    if kind := packed_in(glm):
        for name in _packed(shapes):
            packed, _, scales = stored_like(kind, *shapes[name])
            shapes |= {name: packed, f"{name}_scale": (scales,)}
    with torch.device("meta"):
        encoder = prefix_of(glm, network=has_network(glm))
    own = {} if encoder is None else encoder.state_dict()
    return shapes | {f"{PREFIX}{name}": tuple(tensor.shape) for name, tensor in own.items()}


def _packed(shapes: Mapping[str, Any]) -> list[str]:
    return [name for name in shapes if name.endswith(tuple(f"{linear}.weight" for linear in _LINEAR))]


def prefix_of(glm: Any, *, network: bool = False) -> PrefixEncoder | None:
    """An encoder for the prefix that such a folder holds, with torch's random numbers; None where it holds none."""
    if not (places := prefix_places(glm)):
        return None
    shape = Shape(glm.num_hidden_layers, glm.num_key_value_heads, glm.head_dim)
    return PrefixEncoder(places, shape, (shape.width, glm.hidden_size) if network else None, _DROPOUT)


def flat_prefix(glm: Any, read: Read) -> torch.Tensor | None:
    """The prefix of a checkpoint in the flat layout, float32, with what its network makes where it has one."""
    encoder = prefix_of(glm, network=has_network(glm))
    if encoder is None:
        return None
    encoder.load_state_dict({name: read(f"{PREFIX}{name}").float() for name in encoder.state_dict()})
    with torch.no_grad():
        flat: torch.Tensor = encoder()
    return flat.clone()


def unpacked(stored: Mapping[str, Stored], kind: Quantization) -> dict[str, Stored]:
    """The tensors of a packed checkpoint as they are once their rows are numbers in 32 bits, and scales are gone."""
    plain = {name: one for name, one in stored.items() if not name.endswith("_scale")}
    for name in _packed(plain):
        outputs, columns = plain[name].shape
        plain[name] = Stored(None, (outputs, columns * (2 if kind == "int4" else 1)), torch.float32)
    return plain


def unpacking(output: Output, kind: Quantization) -> Output:
    """The same tensor, made from a packed checkpoint by way of `unpacked`."""
    return Output(output.name, output.shape, output.dtype, lambda read: output.make(partial(_numbers, read, kind)))


def _numbers(read: Read, kind: Quantization, name: str) -> torch.Tensor:
    """A tensor of a packed checkpoint as it is computed with."""
    tensor = read(name)
    if not _packed({name: None}):
        return tensor
    out_OI = torch.empty(tensor.shape[0], tensor.shape[1] * (2 if kind == "int4" else 1))
    return unpack(tensor, read(f"{name}_scale").float(), kind, out_OI)
