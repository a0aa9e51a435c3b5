"""The shape of a base, from its config alone: the model is made of nothing (`torch.device("meta")`) and read.

So every family that loads can be planned, and the counts are those of the very classes that will be trained.
Source: https://docs.pytorch.org/docs/stable/meta.html
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import yaml
from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from doctorglm.errors import ConfigError, ModelError
from doctorglm.language import Text
from doctorglm.models import ChatGLMConfig, ChatGLMForConditionalGeneration
from doctorglm.models.checks import refuse_unknown
from doctorglm.models.loading import EMBEDDED, base_folder
from doctorglm.models.quantized.layers import count_of, packed_layers
from doctorglm.models.weights import read_config
from doctorglm.settings import nearest

_IMPOSSIBLE = (
    ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError, RuntimeError, StrictDataclassError,
)  # fmt: skip
"""What transformers raises for a config that makes no sense."""
_LATER = ("auto_map", "pre_seq_len", "prefix_projection", "quantization_bit", "quantization_embeddings")
"""Keys that say how weights are stored or tuned, which the settings of a plan say instead."""

_FUSABLE = {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}
"""The parts of a layer of the Llama shape."""


@dataclass(frozen=True, kw_only=True)
class Linear:
    """One linear map of a layer."""

    name: str
    outputs: int
    inputs: int

    @property
    def weights(self) -> int:
        """How many the matrix has."""
        return self.outputs * self.inputs


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What memory and time depend on."""

    family: str
    """transformers' `model_type`; `chatglm` is ChatGLM-6B."""
    layers: int
    hidden: int
    inner: int
    """Width of the MLP."""
    heads: int
    key_heads: int
    head: int
    """Size of a head."""
    vocabulary: int
    context: int | None
    linear: tuple[Linear, ...]
    """Those of one layer."""
    parameters: int
    """Of the whole model, tied ones once."""
    tied: bool
    head_norms: bool
    """Whether queries and keys are normed, as in Qwen3."""
    fusable: bool
    """Whether its layers are of a shape that `tune` trains as one function each on a CPU."""

    @property
    def prefix_lm(self) -> bool:
        """Whether prompts are read from both sides, so that a sequence holds one answer."""
        return self.family == ChatGLMConfig.model_type

    @property
    def queries(self) -> int:
        """Width of all queries together."""
        return self.heads * self.head

    @property
    def keys(self) -> int:
        """Width of all keys together; values have the same."""
        return self.key_heads * self.head

    @property
    def matrices(self) -> int:
        """Weights of all layers' products, without the head."""
        return self.layers * sum(one.weights for one in self.linear)

    @property
    def of_head(self) -> int:
        """Weights of the head's product."""
        return self.vocabulary * self.hidden


def shape_of(model: nn.Module) -> Shape:
    """The shape of a model, real or on the meta device; raises ModelError for one whose layers are not all alike."""
    root: Any = model
    config = root.config
    layers = _layers(model)
    linear = [_linear(layer) for layer in layers]
    if not linear or not linear[0] or any(one != linear[0] for one in linear):
        raise ModelError(
            en=f"{config.model_type}: its layers are not alike (or hold experts), and only layers that are can be "
            "planned. Tune a few steps instead (max_steps=5) and read run.json.",
            zh=f"{config.model_type}：各层结构不同（或含专家层），无法规划。请先试训几步（max_steps=5）再看 run.json。",
        )
    heads = int(config.num_attention_heads)
    embedding, head = root.get_input_embeddings().weight, root.get_output_embeddings().weight
    size = int(getattr(config, "head_dim", None) or config.hidden_size // heads)
    names = {name.rpartition(".")[2] for name, _ in layers[0].named_modules()}
    return Shape(
        family=str(config.model_type),
        layers=len(layers),
        hidden=int(config.hidden_size),
        inner=int(config.intermediate_size),
        heads=heads,
        key_heads=int(getattr(config, "num_key_value_heads", None) or heads),
        head=size,
        vocabulary=int(head.shape[0]),
        context=getattr(config, "max_position_embeddings", None),
        linear=linear[0],
        parameters=_parameters(model, layers, linear[0]),
        tied=embedding is head,
        head_norms="q_norm" in names,
        fusable=config.model_type == ChatGLMConfig.model_type or {n for n, _ in layers[0].named_children()} == _FUSABLE,
    )


def _parameters(model: nn.Module, layers: list[nn.Module], linear: tuple[Linear, ...]) -> int:
    """Weights of the base: matrices by their shapes, since packed ones have fewer numbers; no adapter, no prefix."""
    maps = [m for layer in layers for name, m in layer.named_modules() if isinstance(m, nn.Linear)]
    matrices = {id(m.weight) for m in maps}
    others = sum(
        p.numel()
        for name, p in model.named_parameters()
        if id(p) not in matrices and "lora_" not in name and "prefix" not in name
    )
    tables = sum(count_of(layer) for layer in packed_layers(model) if id(layer.weight) not in matrices)
    return others + tables + len(layers) * sum(one.weights for one in linear)


def _layers(model: nn.Module) -> list[nn.Module]:
    """The decoder's layers: the first list of that name."""
    for module in model.modules():
        if isinstance(layers := getattr(module, "layers", None), nn.ModuleList):
            return list(layers)
    return []


def _linear(layer: nn.Module) -> tuple[Linear, ...]:
    """The linear maps of a layer; with adapters, the maps that they stand beside."""
    found = []
    for name, module in layer.named_modules():
        if isinstance(module, nn.Linear) and "lora_" not in name:
            called = name.removesuffix(".base_layer").rpartition(".")[2]
            found.append(Linear(name=called, outputs=module.out_features, inputs=module.in_features))
    matrices = {id(p) for p in layer.parameters() if p.dim() > 2}
    return () if matrices else tuple(found)


@dataclass(frozen=True, kw_only=True)
class Base:
    """A base to be planned: its shape, and its folder where there is one."""

    name: str
    shape: Shape
    folder: Path | None
    """None for a base that is known by name alone."""
    bits: int = 0
    """Of weights that are stored quantised; 0 where they are not."""
    embeddings: bool = False
    """Whether their embedding and head are, too."""


@cache
def known() -> dict[str, Any]:
    """The published bases whose shapes this package knows, by name."""
    text = resources.files("doctorglm.plan").joinpath("bases.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def base_of(name: str) -> Base:
    """The base of a folder with a config.json, of "embedded" or of a known name.

    Raises ConfigError for a name that is none of these, ModelError for a config.json that cannot be read.
    """
    folder = base_folder(name)
    if name != EMBEDDED and not folder.exists():
        if name.lower() not in known():
            raise _unknown(name)
        return Base(name=name, shape=shape_of(_empty(known()[name.lower()]["config"], name)), folder=None)
    shape, config = shape_of(without_weights(folder)), read_config(folder)
    bits = int(config.get("quantization_bit") or 0)
    embeddings = bool(bits and config.get("quantization_embeddings"))
    return Base(name=name, shape=shape, folder=folder, bits=bits, embeddings=embeddings)


def without_weights(folder: Path) -> nn.Module:
    """The model of a folder's config.json on the meta device; raises ModelError for one that makes no model."""
    values = read_config(folder)
    refuse_unknown(folder, values)
    return _empty(values, str(folder / "config.json"))


def few_layers(base: Base, layers: int) -> Any:
    """The config of a base with its first `layers` layers and nothing else changed; raises ModelError as `base_of`."""
    values = known()[base.name.lower()]["config"] if base.folder is None else read_config(base.folder)
    where = base.name if base.folder is None else str(base.folder / "config.json")
    config = _config(values, where)
    if kinds := getattr(config, "layer_types", None):
        config.layer_types = kinds[:layers]
    config.num_hidden_layers = layers
    return config


def model_of(config: Any) -> nn.Module:
    """The model of a config, on the device and with the numbers that torch makes where it is called."""
    first = isinstance(config, ChatGLMConfig)
    made: nn.Module = ChatGLMForConditionalGeneration(config) if first else AutoModelForCausalLM.from_config(config)
    return made


def _empty(values: dict[str, Any], where: str) -> nn.Module:
    """The model without weights."""
    try:
        with torch.device("meta"):
            return model_of(_config(values, where))
    except _IMPOSSIBLE as error:
        said = " ".join(str(error).split())[:200]
        raise ModelError(
            en=f"{where}: no model can be made of it ({said}). Use the published config.json.",
            zh=f"{where}：无法据此构造模型（{said}）。请使用官方 config.json。",
        ) from error


def _config(values: dict[str, Any], where: str) -> Any:
    """What transformers makes of a config.json, without what it says of how weights are stored or tuned."""
    kept = {key: value for key, value in values.items() if key not in _LATER} | {"_name_or_path": where}
    if kept["model_type"] == ChatGLMConfig.model_type:
        config = ChatGLMConfig.from_dict(kept)
        return config if isinstance(config, ChatGLMConfig) else config.native()
    return AutoConfig.for_model(**kept)


def _unknown(name: str) -> ConfigError:
    names = [EMBEDDED, *known()]
    near = nearest(name.lower(), names)
    hint = Text(en=f" Did you mean `{near}`?", zh=f"是否要写 `{near}`？") if near else Text(en="", zh="")
    return ConfigError(
        en=f"--base {name}: no such folder, and no known name.{hint.en} Give a folder with config.json (weights are "
        f"not needed), or one of {', '.join(names)}.",
        zh=f"--base {name}：没有这个文件夹，也不是已知名称。{hint.zh}请给出含 config.json 的文件夹（无需权重），"
        f"或以下名称之一：{'、'.join(names)}。",
    )
