"""Tiny random models of the families that can be exported, in transformers' or the official format."""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PreTrainedTokenizerFast,
)
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from ..chatglm2.conftest import CONFIG, TOKENIZER_CONFIG, random_weights, train_vocabulary, write_official
from ..conftest import sample_texts

TEXTS = [
    "头疼怎么办？",
    "Rest, and drink 2 glasses of water. 38.5度\n\n  多休息",
    "bisoprolol 比索洛尔, misoprostol, neoplasm, preoperative",
    "a<|im_start|>b [MASK] c",
]
"""Drugs and findings with `sop` and `eop` in them, which are names of special tokens in ChatGLM."""
QUESTIONS = ["头疼怎么办？", "咳嗽三天，38.5度，bisoprolol 能吃吗？"]
THREE = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
THREE += r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""How Llama 3 and GLM-4 cut text into words."""

CHATML = (
    "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\\nYou are made for tests.<|im_end|>\\n' }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""As Qwen2.5's, with a system message of its own where there is none."""
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\\n\\n' + (m.content | trim) + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)
GLM4 = (
    "[gMASK]<sop>{% for m in messages %}{{ '<|' + m.role + '|>\\n' + m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_FORMATS: dict[str, tuple[str, str, list[str], dict[str, str]]] = {
    "qwen2": (PRETOKENIZE_REGEX, CHATML, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], {"eos_token": "<|im_end|>"}),
    "llama": (
        THREE,
        LLAMA3,
        ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
    ),
    "glm": (
        THREE,
        GLM4,
        ["<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>", "<|user|>", "<|assistant|>",
         "<|observation|>"],
        {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"},
    ),
}  # fmt: skip
_FORMATS |= {"qwen3": _FORMATS["qwen2"], "glm4": _FORMATS["glm"]}
NATIVE = ("qwen2", "qwen3", "llama", "glm", "glm4")
OFFICIAL = ("chatglm2", "chatglm3")


def write(folder: Path, family: str, **changes: Any) -> Path:
    """A base of a family in a new folder, its answers decided by large weights; arguments change its configuration."""
    return _official(folder, family, **changes) if family in OFFICIAL else _native(folder, family, **changes)


def byte_level(family: str) -> Any:
    """A tokenizer that cuts text as the family's does."""
    words, template, special, roles = _FORMATS[family]
    raw = Tokenizer(models.BPE(ignore_merges=family == "llama"))
    split = pre_tokenizers.Split(Regex(words), behavior="isolated")
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    raw.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator([*sample_texts(), *TEXTS], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=raw, chat_template=template, **roles)


def _native(folder: Path, family: str, **changes: Any) -> Path:
    tokens = byte_level(family)
    shape = {
        "vocab_size": len(tokens) + 6,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-5,
        "eos_token_id": tokens.eos_token_id,
        "pad_token_id": None,
        "bos_token_id": None,
    }
    config = AutoConfig.for_model(family, **{**shape, **changes})
    torch.manual_seed(11)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(1.0 if "norm" in name else 0.0, 0.3)
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder


def _official(folder: Path, family: str, **changes: Any) -> Path:
    config = {**CONFIG, "hidden_size": 32, "ffn_hidden_size": 32, "seq_length": 256, **changes}
    write_official(folder, random_weights(config), config)
    train_vocabulary([*sample_texts(), *TEXTS] * 3, 400, folder / "tokenizer.model")
    (folder / "tokenizer_config.json").write_text(json.dumps({**TOKENIZER_CONFIG, "chat_format": family}))
    return folder
