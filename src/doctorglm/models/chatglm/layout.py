"""ChatGLM-6B's tensors as they are, complete as published, or without the image tokens of its first vocabulary.

The vocabulary of March 2023 put 20,000 image tokens before the text; the later one begins at the text, and is otherwise
the same, as are the weights. Source: https://huggingface.co/THUDM/chatglm-6b, its history and its index of weights.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from doctorglm.errors import ConfigError
from doctorglm.models.chatglm.config import IMAGE_TOKENS, IMAGE_VOCABULARY, ChatGLMConfig
from doctorglm.models.weights import Stored
from doctorglm.models.writing import Output, Read, renamed

EMBEDDING, HEAD = "transformer.word_embeddings.weight", "lm_head.weight"
SCALE = "_scale"
"""What a packed tensor's scales are called by, behind its own name."""
_IDS = ("bos", "eos", "mask", "gmask", "pad")
_BASE = 10_000.0


def official_values(config: ChatGLMConfig, values: Mapping[str, Any]) -> dict[str, Any]:
    """The published config.json for `config`; of the folder's own `values` the type of the weights is kept."""
    keys = ("hidden_size", "inner_hidden_size", "layernorm_epsilon", "max_sequence_length", "num_attention_heads",
            "num_layers", "position_encoding_2d", "use_cache", "vocab_size", "tie_word_embeddings")  # fmt: skip
    dtype = values.get("dtype") or values.get("torch_dtype")
    return {
        "model_type": "chatglm",
        "architectures": ["ChatGLMModel"],
        **{f"{name}_token_id": getattr(config, f"{name}_token_id") for name in _IDS},
        **{key: getattr(config, key) for key in keys},
        **({"torch_dtype": str(dtype).removeprefix("torch.")} if dtype else {}),
        **(_packed(config) if config.quantization_bit else {}),
    }


def _packed(config: ChatGLMConfig) -> dict[str, Any]:
    return {key: getattr(config, key) for key in ("quantization_bit", "quantization_embeddings")}


def completed(stored: Mapping[str, Stored], outputs: list[Output], config: ChatGLMConfig) -> list[Output]:
    """The tensors with those that published checkpoints have too: a tied head, and frequencies that nobody reads."""
    made = list(outputs)
    if HEAD not in stored:
        table = {output.name: output for output in outputs if output.name in (EMBEDDING, EMBEDDING + SCALE)}
        made += [Output(name.replace(EMBEDDING, HEAD), one.shape, one.dtype, one.make) for name, one in table.items()]
    turned = config.hidden_size // config.num_attention_heads // (2 if config.position_encoding_2d else 1)
    for i in range(config.num_layers):
        name = f"transformer.layers.{i}.attention.rotary_emb.inv_freq"
        if name not in stored:
            made.append(Output(name, (turned // 2,), torch.float16, lambda _: _frequencies(turned)))
    return made


def _frequencies(turned: int) -> torch.Tensor:
    return (1.0 / _BASE ** (torch.arange(0, turned, 2, dtype=torch.float32) / turned)).half()


def refuse_without_images(where: Path, config: ChatGLMConfig) -> None:
    """Raises ConfigError for a model whose vocabulary has no image tokens."""
    if config.vocab_size != IMAGE_VOCABULARY:
        raise ConfigError(
            en=f"--slim: {where}: vocab_size={config.vocab_size}; only the {IMAGE_VOCABULARY} tokens of ChatGLM-6B's "
            "first vocabulary have image tokens to drop. Leave --slim out.",
            zh=f"--slim：{where}：vocab_size={config.vocab_size}；只有 ChatGLM-6B 最初的 {IMAGE_VOCABULARY} 个 token "
            "的词表才有可去掉的图像 token。请去掉 --slim。",
        )


def slim_values(values: Mapping[str, Any], config: ChatGLMConfig) -> dict[str, Any]:
    """A config.json's values for the later vocabulary: every id is 20,000 lower."""
    ids = {f"{name}_token_id": getattr(config, f"{name}_token_id") - IMAGE_TOKENS for name in _IDS}
    return {**values, "vocab_size": config.vocab_size - IMAGE_TOKENS, **ids}


def slim(stored: Mapping[str, Stored]) -> list[Output]:
    """The tensors without the rows of image tokens."""
    return [_shorter(name, one) if name.removesuffix(SCALE) in (EMBEDDING, HEAD) else renamed(name, name, one)
            for name, one in stored.items()]  # fmt: skip


def _shorter(name: str, one: Stored) -> Output:
    def rows(read: Read) -> torch.Tensor:
        return read(name)[IMAGE_TOKENS:].clone()

    return Output(name, (one.shape[0] - IMAGE_TOKENS, *one.shape[1:]), one.dtype, rows)
