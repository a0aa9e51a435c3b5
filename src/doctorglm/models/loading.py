"""From a folder of weights to a model and its tokenizer, or to an error that names the file and the remedy.

Everything is checked before the model is built. No code from a folder is run.
"""

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
from transformers.utils import logging

from doctorglm.errors import ModelError
from doctorglm.models.adapters import attach_adapter
from doctorglm.models.chatglm.config import ChatGLMConfig, refuse_other_families
from doctorglm.models.chatglm.model import ChatGLMForConditionalGeneration
from doctorglm.models.chatglm.tokenizer import ChatGLMTokenizer
from doctorglm.models.weights import Shapes, compare_shapes, read_config, shapes_of, weight_files

EMBEDDED = "embedded"
_SPECIAL = ("bos", "eos", "mask", "gmask", "pad")
_VOCABULARIES = ("tokenizer.json", "*.model", "vocab.*", "*.tiktoken")
_IGNORED = ".rotary_emb.inv_freq"
_LOADING_FAILED = (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError, pickle.UnpicklingError)


def base_folder(base: str | Path) -> Path:
    """The folder of a base model; "embedded" is the one inside this package."""
    return Path(__file__).parent / "embedded" if str(base) == EMBEDDED else Path(base)


def best_device() -> torch.device:
    """The first GPU where there is one (CUDA_VISIBLE_DEVICES chooses), else the CPU."""
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def best_dtype(device: torch.device) -> torch.dtype:
    """What frozen weights are held in: 32 bits on a CPU, which is slow at less; on a GPU bfloat16 where it has it."""
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def load(
    base: str | Path,
    adapter: Path | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | None = None,
) -> tuple[PreTrainedModel, Any]:
    """The model of a folder (or "embedded"), with its adapter if one is given, ready to answer, and its tokenizer.

    Left out, `device` is `best_device()` and `dtype` is `best_dtype(device)`; an adapter is always in 32 bits.
    Raises ModelError for missing, truncated or unknown files, for weights, a vocabulary or an adapter that do not fit
    the model, and for a pickle that could run code.
    """
    logging.disable_progress_bar()
    device = best_device() if device is None else device
    dtype = best_dtype(device) if dtype is None else dtype
    folder = base_folder(base)
    config = read_config(folder)
    _refuse_unknown(folder, config)
    files = weight_files(folder)
    shapes = shapes_of(files)
    if config["model_type"] == ChatGLMConfig.model_type:
        model, tokenizer = _load_chatglm(folder, config, shapes, dtype)
    else:
        model, tokenizer = _load_native(folder, dtype)
    model.to(device)
    if adapter is not None:
        model = attach_adapter(model, Path(adapter), folder)
    return model.eval(), tokenizer


def _refuse_unknown(folder: Path, config: dict[str, Any]) -> None:
    kind = config.get("model_type")
    if kind != ChatGLMConfig.model_type and kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        raise ModelError(
            en=f"{folder / 'config.json'}: unknown model_type {kind!r}. ChatGLM-6B and the language models that "
            "transformers knows (GLM-4, Qwen, Llama and others) can be loaded; code from a folder is never run.",
            zh=f"{folder / 'config.json'}：未知的 model_type {kind!r}。可加载 ChatGLM-6B"
            "以及 transformers 自带的语言模型（GLM-4、Qwen、Llama 等）；不会执行目录中的代码。",
        )


def _load_chatglm(
    folder: Path, values: dict[str, Any], shapes: Shapes, dtype: torch.dtype
) -> tuple[PreTrainedModel, ChatGLMTokenizer]:
    refuse_other_families(values, str(folder / "config.json"))
    _refuse_prefix_and_quantised(folder, shapes)
    config = ChatGLMConfig.from_dict(values)
    with torch.device("meta"):
        expected = {n: tuple(t.shape) for n, t in ChatGLMForConditionalGeneration(config).state_dict().items()}
    if config.tie_word_embeddings and "lm_head.weight" not in shapes:
        del expected["lm_head.weight"]
    compare_shapes(folder, expected, {n: shape for n, shape in shapes.items() if not n.endswith(_IGNORED)})
    tokenizer = _chatglm_tokenizer(folder, config)
    return _from_pretrained(ChatGLMForConditionalGeneration, folder, dtype), tokenizer


def _refuse_prefix_and_quantised(folder: Path, shapes: Shapes) -> None:
    name = next((n for n in shapes if ".prefix_encoder." in n or n.endswith(".weight_scale")), None)
    if name:
        raise ModelError(
            en=f"{folder}: {name} belongs to a P-tuning prefix or to quantised weights, which are not supported yet. "
            "Use the base weights in 16 or 32 bits.",
            zh=f"{folder}：{name} 属于 P-tuning 前缀或量化权重，暂不支持。请使用 16 位或 32 位的基座权重。",
        )


def _chatglm_tokenizer(folder: Path, config: ChatGLMConfig) -> ChatGLMTokenizer:
    file = folder / ChatGLMTokenizer.vocab_files_names["vocab_file"]
    if not file.is_file():
        raise ModelError(
            en=f"{file}: no such file. Put the vocabulary that came with the weights there.",
            zh=f"{file}：文件不存在。请把与权重配套的词表放到这里。",
        )
    tokenizer = ChatGLMTokenizer.from_pretrained(folder, local_files_only=True)
    wrong = [
        f"{name}_token_id {getattr(config, f'{name}_token_id')} != {getattr(tokenizer, f'{name}_token_id')}"
        for name in _SPECIAL
        if getattr(config, f"{name}_token_id") != getattr(tokenizer, f"{name}_token_id")
    ]
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
    assert isinstance(tokenizer, ChatGLMTokenizer)
    return tokenizer


def _load_native(folder: Path, dtype: torch.dtype) -> tuple[PreTrainedModel, Any]:
    try:
        # without any file transformers makes an empty vocabulary up
        if not any(file for pattern in _VOCABULARIES for file in folder.glob(pattern)):
            raise OSError(f"none of {', '.join(_VOCABULARIES)} is there")
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except _LOADING_FAILED as error:
        raise ModelError(
            en=f"{folder}: no usable tokenizer ({error}). Put the tokenizer files that came with the weights there.",
            zh=f"{folder}：没有可用的分词器（{error}）。请把与权重配套的分词器文件放到这里。",
        ) from None
    model = _from_pretrained(AutoModelForCausalLM, folder, dtype)
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ModelError(
            en=f"{folder}: the tokenizer has {len(tokenizer)} tokens, the model embeds {rows}. "
            "Use the tokenizer that came with the weights.",
            zh=f"{folder}：分词器有 {len(tokenizer)} 个 token，模型只有 {rows} 个。请使用与权重配套的分词器。",
        )
    return model, tokenizer


def _from_pretrained(model_class: Any, folder: Path, dtype: torch.dtype) -> PreTrainedModel:
    """The model with its weights; anything missing, left over or of another shape is an error."""
    try:
        model, report = model_class.from_pretrained(
            folder, dtype=dtype, trust_remote_code=False, local_files_only=True, output_loading_info=True
        )
    except _LOADING_FAILED as error:
        raise ModelError(
            en=f"{folder}: cannot be loaded ({error}). Check that config.json belongs to the weights.",
            zh=f"{folder}：无法加载（{error}）。请确认 config.json 与权重配套。",
        ) from error
    wrong = {kind: sorted(map(str, report[kind])) for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    if any(wrong.values()):
        said = "; ".join(f"{kind}: {', '.join(names[:3])}" for kind, names in wrong.items() if names)
        raise ModelError(
            en=f"{folder}: the weights do not fit the model ({said}). Use the config.json that came with them.",
            zh=f"{folder}：权重与模型不符（{said}）。请使用与权重配套的 config.json。",
        )
    loaded: PreTrainedModel = model
    return loaded
