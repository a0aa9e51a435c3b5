"""Tiny models written as GGUF by llama.cpp's own writer, beside the same weights in transformers' format."""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
"""The first is one that transformers adds to every vocabulary of this kind."""
LAYERS, HEADS, HIDDEN = 2, 4, 64
_BLOCK = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def tokenizer(texts: list[str], special: tuple[str, ...] = SPECIAL) -> PreTrainedTokenizerFast:
    """Byte-level BPE that splits text as Qwen2's does."""
    raw = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated")
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    raw.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=SPECIAL[-1], chat_template=CHATML)


def model(family: str, tokens: Any, tied: bool = False) -> Any:
    """A random Qwen2 or Llama whose answers vary."""
    shape = {
        "vocab_size": len(tokens),
        "hidden_size": HIDDEN,
        "intermediate_size": 96,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": tied,
        "eos_token_id": tokens.eos_token_id,
        "bos_token_id": None,
        "pad_token_id": None,
    }
    torch.manual_seed(11)
    made = Qwen2ForCausalLM(Qwen2Config(**shape)) if family == "qwen2" else LlamaForCausalLM(LlamaConfig(**shape))
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            parameter.normal_(1.0 if "norm" in name else 0.0, 0.3)
    return made.eval()


def write_gguf(
    path: Path,
    made: Any,
    tokens: Any,
    *,
    architecture: str | None = None,
    packed: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
    without: tuple[str, ...] = (),
    template: bool = True,
    parts: int = 0,
) -> Path:
    """The model and its tokenizer in one file, its matrices packed as `packed`, tensors `without` left out."""
    family = made.config.model_type
    writer = gguf.GGUFWriter(path, architecture or family)
    writer.add_context_length(made.config.max_position_embeddings)
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(made.config.intermediate_size)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(made.config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(made.config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_vocab_size(len(tokens))
    if parts:
        writer.add_uint16("split.count", parts)
    _write_tokenizer(writer, tokens, template)
    for name, value in made.state_dict().items():
        ours, values = _name(name), value.numpy()
        if ours in without or (ours == "output.weight" and made.config.tie_word_embeddings):
            continue
        if family == "llama" and (".attn_q." in ours or ".attn_k." in ours):
            values = _permuted(values, HEADS if ".attn_q." in ours else made.config.num_key_value_heads)
        kind = packed if values.ndim == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(ours, gguf.quants.quantize(np.ascontiguousarray(values), kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_tokenizer(writer: gguf.GGUFWriter, tokens: Any, template: bool) -> None:
    vocabulary = sorted(tokens.get_vocab(), key=tokens.get_vocab().get)
    kinds = [gguf.TokenType.CONTROL if word in SPECIAL else gguf.TokenType.NORMAL for word in vocabulary]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(vocabulary)
    writer.add_token_types(kinds)
    merges = json.loads(tokens.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_eos_token_id(tokens.eos_token_id)
    writer.add_add_bos_token(False)
    if template:
        writer.add_chat_template(CHATML)


def _name(name: str) -> str:
    stem, kind = name.rsplit(".", 1)
    if stem in _OUTER:
        return f"{_OUTER[stem]}.{kind}"
    _, _, number, part = stem.split(".", 3)
    return f"blk.{number}.{_BLOCK[part]}.{kind}"


def _permuted(values: np.ndarray, heads: int) -> np.ndarray:
    """Llama's query and key rows as llama.cpp stores them: `permute` of its convert_hf_to_gguf.py."""
    rows = values.reshape(heads, 2, values.shape[0] // heads // 2, *values.shape[1:])
    return rows.swapaxes(1, 2).reshape(values.shape)
