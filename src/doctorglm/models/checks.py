"""What is checked about a folder of a model before it is loaded or converted.

Whoever reads an error learns the file, the value and the remedy.
"""

from pathlib import Path
from typing import Any

import torch
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from doctorglm.errors import ModelError
from doctorglm.models.chatglm.config import ChatGLMConfig, generation_of
from doctorglm.models.chatglm.model import ChatGLMForConditionalGeneration
from doctorglm.models.chatglm.tokenizer import ChatGLMTokenizer
from doctorglm.models.chatglm2.tokenizer import ChatGLM2Tokenizer
from doctorglm.models.weights import (
    Shapes,
    compare_shapes,
    gguf_file,
    read_config,
    refuse_unsaid,
    without_tied_head,
)

VOCABULARIES = ("tokenizer.json", "*.model", "vocab.*", "*.tiktoken")
"""Files of which a tokenizer has at least one."""

_SPECIAL = ("bos", "eos", "mask", "gmask", "pad")
_IGNORED = ".rotary_emb.inv_freq"


def refuse_unknown(folder: Path, config: dict[str, Any]) -> None:
    """Raises ModelError for a model that neither we nor transformers have a class for."""
    kind = config.get("model_type")
    if kind != ChatGLMConfig.model_type and kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise ModelError(
            en=f"{folder / 'config.json'}: unknown model_type {kind!r}. ChatGLM-6B, ChatGLM2, ChatGLM3 and the "
            "language models that transformers knows (GLM-4, Qwen, Llama and others) can be loaded; "
            "code from a folder is never run.",
            zh=f"{folder / 'config.json'}：未知的 model_type {kind!r}。可加载 ChatGLM-6B、ChatGLM2、ChatGLM3 "
            "以及 transformers 自带的语言模型（GLM-4、Qwen、Llama 等）；不会执行目录中的代码。",
        )


def check_first(folder: Path, config: ChatGLMConfig, shapes: Shapes) -> None:
    """Raises ModelError unless the shapes are those of ChatGLM-6B with this configuration."""
    refuse_unsaid(folder, shapes, config)
    with torch.device("meta"):
        whole = {n: tuple(t.shape) for n, t in ChatGLMForConditionalGeneration(config).state_dict().items()}
    expected = without_tied_head(whole, shapes, "lm_head.weight", config.tie_word_embeddings)
    compare_shapes(folder, expected, {n: shape for n, shape in shapes.items() if not n.endswith(_IGNORED)})


def refuse_packed_embeddings(folder: Path, kind: str | None) -> None:
    """Raises ModelError where embedding and head cannot be packed beside layers that are packed in `kind` on loading.

    They can of a ChatGLM-6B in int8 or int4, and a folder whose own are packed already has nothing left to do.
    """
    config = {} if gguf_file(folder) is not None else read_config(folder)
    where = str(folder / "config.json")
    first = config.get("model_type") == ChatGLMConfig.model_type and generation_of(config, where) == 1
    if first and (kind in ("int8", "int4") or (kind is None and config.get("quantization_embeddings"))):
        return
    raise ModelError(
        en=f"{folder}: quantization_embeddings packs embedding and head of a ChatGLM-6B whose layers are packed in "
        f"int8 or int4 while they are loaded; here it is quantization={kind or 'none'}, model_type "
        f"{config.get('model_type')!r}. Leave it out, or give it with quantization=int8 or int4 and weights in 16 or "
        "32 bits.",
        zh=f"{folder}：quantization_embeddings 打包 ChatGLM-6B 的嵌入与输出层，须与加载时的 int8 或 int4 量化同用；"
        f"此处 quantization={kind or 'none'}，model_type 为 {config.get('model_type')!r}。"
        "请去掉它，或与 quantization=int8、int4 及 16 或 32 位权重一起使用。",
    )


def first_tokenizer(folder: Path, config: ChatGLMConfig) -> ChatGLMTokenizer:
    """ChatGLM-6B's tokenizer; raises ModelError when its file is missing, damaged, or of another model."""
    tokenizer = _tokenizer(ChatGLMTokenizer, folder)
    wrong = [
        f"{name}_token_id {getattr(config, f'{name}_token_id')} != {getattr(tokenizer, f'{name}_token_id')}"
        for name in _SPECIAL
        if getattr(config, f"{name}_token_id") != getattr(tokenizer, f"{name}_token_id")
    ]
    _refuse_another_vocabulary(folder, tokenizer, config, wrong)
    assert isinstance(tokenizer, ChatGLMTokenizer)
    return tokenizer


def second_tokenizer(folder: Path, config: Any) -> ChatGLM2Tokenizer:
    """ChatGLM2's or ChatGLM3's tokenizer for a GlmConfig; raises ModelError as `first_tokenizer`."""
    tokenizer = _tokenizer(ChatGLM2Tokenizer, folder)
    ends = config.eos_token_id if isinstance(config.eos_token_id, list) else [config.eos_token_id]
    wrong = [] if tokenizer.eos_token_id in ends else [f"eos_token_id {ends} != {tokenizer.eos_token_id}"]
    _refuse_another_vocabulary(folder, tokenizer, config, wrong)
    assert isinstance(tokenizer, ChatGLM2Tokenizer)
    return tokenizer


def _tokenizer(kind: Any, folder: Path) -> Any:
    file = folder / kind.vocab_files_names["vocab_file"]
    if not file.is_file():
        raise ModelError(
            en=f"{file}: no such file. Put the vocabulary that came with the weights there.",
            zh=f"{file}：文件不存在。请把与权重配套的词表放到这里。",
        )
    return kind.from_pretrained(folder, local_files_only=True)


def _refuse_another_vocabulary(folder: Path, tokenizer: Any, config: Any, wrong: list[str]) -> None:
    file = folder / tokenizer.vocab_files_names["vocab_file"]
    if tokenizer.vocab_size > config.vocab_size:
        wrong.insert(0, f"{tokenizer.vocab_size} > {config.vocab_size}")
    if wrong:
        raise ModelError(
            en=f"{file}: not this model's vocabulary: {tokenizer.vocab_size} pieces for vocab_size="
            f"{config.vocab_size}; config.json and vocabulary differ in {'; '.join(wrong)}. "
            "Use the vocabulary that came with the weights.",
            zh=f"{file}：不是该模型的词表：{tokenizer.vocab_size} 个 token，而 vocab_size={config.vocab_size}；"
            f"config.json 与词表不一致：{'；'.join(wrong)}。请使用与权重配套的词表。",
        )
