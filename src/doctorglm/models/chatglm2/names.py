"""Which tensors an official ChatGLM2 or ChatGLM3 holds, and which of GLM's each of them becomes; and the way back.

Only names change, and one matrix of queries, keys and values becomes three, packed ones and their scales too; no value
is computed.
Source: the published `pytorch_model.bin.index.json` and transformers' `GlmForCausalLM`.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import torch

from doctorglm.models.weights import Stored
from doctorglm.models.writing import Output, Read, renamed

IGNORED = "transformer.rotary_pos_emb.inv_freq"
"""In every official checkpoint, read by nobody."""
PREFIX = "transformer.prefix_encoder."
"""With this the names of a P-tuning prefix begin."""
NATIVE_PREFIX = "model.prefix_encoder."
"""The same where it is within GLM."""

_ONCE = {
    "transformer.embedding.word_embeddings.weight": "model.embed_tokens.weight",
    "transformer.encoder.final_layernorm.weight": "model.norm.weight",
    "transformer.output_layer.weight": "lm_head.weight",
}
_IN_LAYER = {
    "input_layernorm": "input_layernorm",
    "self_attention.dense": "self_attn.o_proj",
    "post_attention_layernorm": "post_attention_layernorm",
    "mlp.dense_h_to_4h": "mlp.gate_up_proj",
    "mlp.dense_4h_to_h": "mlp.down_proj",
}
_OFFICIAL, _NATIVE = "transformer.encoder.layers", "model.layers"


def official_shapes(config: Any) -> dict[str, tuple[int, ...]]:
    """Official name -> shape of a GlmConfig's tensors, `inv_freq` left out; a tied head need not be there."""
    hidden, vocabulary = config.hidden_size, config.vocab_size
    queries = config.num_attention_heads * config.head_dim
    mixed = sum(_blocks(config))
    shapes: dict[str, tuple[int, ...]] = {
        "transformer.embedding.word_embeddings.weight": (vocabulary, hidden),
        "transformer.encoder.final_layernorm.weight": (hidden,),
        "transformer.output_layer.weight": (vocabulary, hidden),
    }
    for i in range(config.num_hidden_layers):
        layer = f"{_OFFICIAL}.{i}"
        shapes |= {
            f"{layer}.input_layernorm.weight": (hidden,),
            f"{layer}.self_attention.query_key_value.weight": (mixed, hidden),
            f"{layer}.self_attention.dense.weight": (hidden, queries),
            f"{layer}.post_attention_layernorm.weight": (hidden,),
            f"{layer}.mlp.dense_h_to_4h.weight": (2 * config.intermediate_size, hidden),
            f"{layer}.mlp.dense_4h_to_h.weight": (hidden, config.intermediate_size),
        }
        if config.attention_bias:
            shapes[f"{layer}.self_attention.query_key_value.bias"] = (mixed,)
    return shapes


def _blocks(config: Any) -> tuple[int, int, int]:
    """Rows of queries, keys and values, which stand one block after the other."""
    grouped = config.num_key_value_heads * config.head_dim
    return config.num_attention_heads * config.head_dim, grouped, grouped


def native_shapes(config: Any) -> dict[str, tuple[int, ...]]:
    """GLM's name -> shape of a GlmConfig's tensors."""
    shapes = official_shapes(config)
    meta = {name: Stored(None, shape, torch.float32) for name, shape in shapes.items()}
    return {output.name: output.shape for output in to_native(meta, config)}


def to_native(stored: Mapping[str, Stored], config: Any) -> list[Output]:
    """GLM's tensors from an official checkpoint's, in its order; a prefix is left out.

    They must have `official_shapes`, or be packed so.
    """
    kept = {name: one for name, one in stored.items() if name != IGNORED and not name.startswith(PREFIX)}
    return [output for name, one in kept.items() for output in _natives(name, one, config)]


def _natives(name: str, one: Stored, config: Any) -> Iterator[Output]:
    if name in _ONCE:
        yield renamed(_ONCE[name], name, one)
        return
    number, part = name.removeprefix(f"{_OFFICIAL}.").split(".", 1)
    layer, (module, _, kind) = f"{_NATIVE}.{number}", part.rpartition(".")
    if module in _IN_LAYER:
        yield renamed(f"{layer}.{_IN_LAYER[module]}.{kind}", name, one)
        return
    start = 0
    for letter, rows in zip("qkv", _blocks(config), strict=True):
        target = f"{layer}.self_attn.{letter}_proj.{kind}"
        yield Output(target, (rows, *one.shape[1:]), one.dtype, partial(_rows, name, start, start + rows))
        start += rows


def to_official(stored: Mapping[str, Stored], config: Any) -> list[Output]:
    """The official tensors from GLM's, a prefix among them; `inv_freq`, no weight, is computed.

    They must have `native_shapes`, or be packed so.
    """
    once = {native: official for official, native in _ONCE.items()}
    in_layer = {native: official for official, native in _IN_LAYER.items()}
    outputs = []
    for name, one in stored.items():
        if name in once or name.startswith(NATIVE_PREFIX):
            outputs.append(renamed(once.get(name, name.replace(NATIVE_PREFIX, PREFIX)), name, one))
            continue
        number, part = name.removeprefix(f"{_NATIVE}.").split(".", 1)
        layer, (module, _, kind) = f"{_OFFICIAL}.{number}", part.rpartition(".")
        if module in in_layer:
            outputs.append(renamed(f"{layer}.{in_layer[module]}.{kind}", name, one))
        elif module == "self_attn.q_proj":
            sources = [name.replace(".q_proj.", f".{letter}_proj.") for letter in "qkv"]
            target = f"{layer}.self_attention.query_key_value.{kind}"
            shape = (sum(_blocks(config)), *one.shape[1:])
            outputs.append(Output(target, shape, one.dtype, partial(_joined, sources)))
    return [*outputs, _frequencies(config, outputs[0].dtype)]


def _frequencies(config: Any, dtype: torch.dtype) -> Output:
    turned = config.head_dim // 2
    return Output(IGNORED, (turned // 2,), dtype, lambda _: inverse_frequencies(turned).to(dtype))


def inverse_frequencies(turned: int) -> torch.Tensor:
    """[turned/2] float32: what the official code keeps in its checkpoints, without the `rope_ratio`."""
    return 1.0 / 10000.0 ** (torch.arange(0, turned, 2, dtype=torch.float32) / turned)


def _rows(source: str, start: int, stop: int, read: Read) -> torch.Tensor:
    # a copy, so that no two parameters share a storage
    return read(source)[start:stop].clone()


def _joined(sources: list[str], read: Read) -> torch.Tensor:
    return torch.cat([read(source) for source in sources])
