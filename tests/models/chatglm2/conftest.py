"""Tiny random ChatGLM2s in the official layout, the slow oracle, a small vocabulary, and the published outputs."""

import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from safetensors.torch import load_file, save_file

from ..conftest import sample_texts
from .oracle import Oracle

CONFIG: dict[str, Any] = {
    "model_type": "chatglm",
    "architectures": ["ChatGLMModel"],
    "auto_map": {
        "AutoConfig": "configuration_chatglm.ChatGLMConfig",
        "AutoModel": "modeling_chatglm.ChatGLMForConditionalGeneration",
        "AutoModelForCausalLM": "modeling_chatglm.ChatGLMForConditionalGeneration",
        "AutoModelForSeq2SeqLM": "modeling_chatglm.ChatGLMForConditionalGeneration",
    },
    "add_bias_linear": False,
    "add_qkv_bias": True,
    "apply_query_key_layer_scaling": True,
    "apply_residual_connection_post_layernorm": False,
    "attention_dropout": 0.0,
    "ffn_hidden_size": 24,
    "hidden_dropout": 0.0,
    "hidden_size": 16,
    "kv_channels": 8,
    "layernorm_epsilon": 1e-5,
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "num_attention_heads": 4,
    "num_layers": 2,
    "original_rope": True,
    "padded_vocab_size": 480,
    "post_layer_norm": True,
    "rmsnorm": True,
    "seq_length": 64,
    "torch_dtype": "float32",
    "tie_word_embeddings": False,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
"""The published keys, scaled down."""
TOKENIZER_CONFIG = {
    "tokenizer_class": "ChatGLMTokenizer",
    "remove_space": False,
    "do_lower_case": False,
    "auto_map": {"AutoTokenizer": ["tokenization_chatglm.ChatGLMTokenizer", None]},
}


def random_weights(config: dict[str, Any], seed: int = 3) -> dict[str, torch.Tensor]:
    """Official name -> float32, large enough that what a layer does is seen in the logits."""
    hidden, vocabulary, ffn = config["hidden_size"], config["padded_vocab_size"], config["ffn_hidden_size"]
    queries = config["num_attention_heads"] * config["kv_channels"]
    mixed = queries + 2 * config["multi_query_group_num"] * config["kv_channels"]
    draw = torch.Generator().manual_seed(seed)

    def of(*shape: int, scale: float = 0.4, offset: float = 0.0) -> torch.Tensor:
        return torch.randn(shape, generator=draw) * scale + offset

    weights = {"transformer.embedding.word_embeddings.weight": of(vocabulary, hidden, scale=1.0)}
    for i in range(config["num_layers"]):
        layer = f"transformer.encoder.layers.{i}"
        weights[f"{layer}.input_layernorm.weight"] = of(hidden, scale=0.1, offset=1.0)
        weights[f"{layer}.self_attention.query_key_value.weight"] = of(mixed, hidden)
        if config["add_qkv_bias"]:
            weights[f"{layer}.self_attention.query_key_value.bias"] = of(mixed)
        weights[f"{layer}.self_attention.dense.weight"] = of(hidden, queries)
        weights[f"{layer}.post_attention_layernorm.weight"] = of(hidden, scale=0.1, offset=1.0)
        weights[f"{layer}.mlp.dense_h_to_4h.weight"] = of(2 * ffn, hidden)
        weights[f"{layer}.mlp.dense_4h_to_h.weight"] = of(hidden, ffn)
    weights["transformer.encoder.final_layernorm.weight"] = of(hidden, scale=0.1, offset=1.0)
    weights["transformer.output_layer.weight"] = of(vocabulary, hidden)
    return weights


INV_FREQ = "transformer.rotary_pos_emb.inv_freq"


def beside(folder: Path, vocabulary: Path) -> Path:
    """Puts the tokenizer of an official folder there."""
    (folder / "tokenizer.model").write_bytes(vocabulary.read_bytes())
    (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZER_CONFIG))
    return folder


def write_official(
    folder: Path, weights: dict[str, torch.Tensor], config: dict[str, Any], form: str = "bin shards"
) -> Path:
    """A folder as published: `inv_freq` among the weights; form is "bin", "safetensors", or either with " shards"."""
    folder.mkdir(parents=True, exist_ok=True)
    dtype = next(iter(weights.values())).dtype
    whole = {**weights, INV_FREQ: torch.ones(config["kv_channels"] // 4, dtype=dtype)}
    (folder / "config.json").write_text(json.dumps(config))
    suffix = form.split()[0]
    stem = "pytorch_model" if suffix == "bin" else "model"
    names = list(whole)
    parts = [names[: len(names) // 2], names[len(names) // 2 :]] if "shards" in form else [names]
    where = {}
    for i, part in enumerate(parts):
        file = f"{stem}-{i + 1:05d}-of-{len(parts):05d}.{suffix}" if "shards" in form else f"{stem}.{suffix}"
        tensors = {name: whole[name] for name in part}
        torch.save(tensors, folder / file) if suffix == "bin" else save_file(tensors, folder / file)
        where |= dict.fromkeys(part, file)
    if "shards" in form:
        index = json.dumps({"metadata": {"total_size": 1}, "weight_map": where})
        (folder / f"{stem}.{suffix}.index.json").write_text(index)
    return folder


@dataclass
class Official:
    """A folder, what is in it, and its oracle."""

    folder: Path
    weights: dict[str, torch.Tensor]
    config: dict[str, Any]
    oracle: Oracle


@pytest.fixture
def official(tmp_path: Path, vocabulary: Path) -> Callable[..., Official]:
    """Writes an official folder; keyword arguments change its configuration."""

    def make(name: str = "official", form: str = "bin shards", **changes: Any) -> Official:
        config = {**CONFIG, **changes}
        weights = random_weights(config)
        folder = beside(write_official(tmp_path / name, weights, config, form), vocabulary)
        return Official(folder, weights, config, Oracle(weights, config))

    return make


def train_vocabulary(texts: list[str], pieces: int, file: Path, **options: Any) -> Path:
    """A small BPE vocabulary with the published options: bytes for what is unknown, no normalisation."""
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=trained,
        model_type="bpe",
        vocab_size=pieces,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        character_coverage=1.0,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
        **options,
    )
    file.write_bytes(trained.getvalue())
    return file


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small vocabulary in the published layout."""
    return train_vocabulary(sample_texts(), 400, tmp_path_factory.mktemp("vocabulary") / "tokenizer.model")


@pytest.fixture(scope="session")
def official_vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published vocabulary, unpacked for the tests only."""
    packed = Path(__file__).parents[3].parent / "shared/reference/tokenizers/chatglm2-6b/tokenizer.model.gz"
    if not packed.is_file():
        pytest.skip("needs ../shared/reference/tokenizers, which is not beside the project")
    file = tmp_path_factory.mktemp("official") / "tokenizer.model"
    file.write_bytes(gzip.decompress(packed.read_bytes()))
    return file


@dataclass
class Published:
    """What the published code made of a tiny random model; provenance in ../shared/reference/README.md."""

    folder: Path
    weights: dict[str, torch.Tensor]
    config: dict[str, Any]
    tensors: dict[str, torch.Tensor]
    values: dict[str, Any]

    def __getitem__(self, name: str) -> torch.Tensor:
        value = self.tensors[name]
        return value.long() if value.dtype == torch.int32 else value


@pytest.fixture
def published(shared: Path, tmp_path: Path) -> Published:
    tensors = load_file(shared / "reference/chatglm2_tiny.safetensors")
    values = json.loads((shared / "reference/chatglm2_tiny.json").read_text("utf-8"))
    config = {"model_type": "chatglm", **{k: v for k, v in values["config"].items() if k != "note"}}
    weights = {n.removeprefix("weights/"): t for n, t in tensors.items() if n.startswith("weights/")}
    return Published(write_official(tmp_path / "published", weights, config), weights, config, tensors, values)
