"""From a folder of weights to a model and its tokenizer, or to an error that names the file and the remedy.

Everything is checked before the model is built. No code from a folder is run.
"""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, GlmConfig, PreTrainedModel
from transformers.utils import logging

from doctorglm import machine
from doctorglm.errors import ModelError
from doctorglm.models.adapters import attach_checked, refuse_adapter, trained_on
from doctorglm.models.chatglm.config import ChatGLMConfig, generation_of, refuse_unsupported
from doctorglm.models.chatglm.model import ChatGLMForConditionalGeneration
from doctorglm.models.chatglm2.config import ChatGLM2Config
from doctorglm.models.chatglm2.model import ChatGLM2ForCausalLM
from doctorglm.models.chatglm2.tokenizer import ChatGLM2Tokenizer
from doctorglm.models.checks import (
    VOCABULARIES,
    check_first,
    first_tokenizer,
    refuse_packed_embeddings,
    refuse_unknown,
    second_tokenizer,
)
from doctorglm.models.gguf_file import load_gguf
from doctorglm.models.half import HALF, keep_half
from doctorglm.models.prefix.attention import encoder_of
from doctorglm.models.quantized.formats import OF_BITS, Quantization
from doctorglm.models.quantized.layers import quantize
from doctorglm.models.weights import Checkpoint, Shapes, Stored, catalogue, gguf_file, read_config, weight_files
from doctorglm.runs import note, read_json

EMBEDDED = "embedded"
_WITH_ROOM = 1.1
"""Of the weights' size in 32 bits, what must be free: a tenth more for the cache and what is computed."""
_LOADING_FAILED = (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError, pickle.UnpicklingError)


def base_folder(base: str | Path) -> Path:
    """The folder (or .gguf file) of a base model; "embedded" is the one inside this package."""
    return Path(__file__).parent / "embedded" if str(base) == EMBEDDED else Path(base)


def best_device() -> torch.device:
    """The GPU in use, which is the first unless torchrun's process has another, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", torch.cuda.current_device() if torch.cuda.is_initialized() else 0)


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
    *,
    frozen: bool = True,
    quantization: Quantization | Literal["none"] | None = None,
    quantization_embeddings: bool = False,
    lean: bool = False,
) -> tuple[PreTrainedModel, Any]:
    """The model of a folder, a .gguf file or "embedded", with its adapter if one is given, and its tokenizer.

    Left out, `device` is `best_device()` and `dtype` is `best_dtype(device)`; an adapter is always in 32 bits.
    A half-precision model that does not fit into the CPU's free memory in 32 bits keeps its weights as they are stored,
    mapped from their files, and computes in 32 bits (`models.half`); this is said on stderr. `frozen=False`, for a
    model whose every weight is trained, prevents that. A GGUF is unpacked to `dtype`, whatever it was packed in.
    `quantization` packs the linear layers while they are loaded; left out, it is what the adapter was trained on, and
    "none" leaves the weights as they are stored. `quantization_embeddings` packs the embedding and the
    head too, of a ChatGLM-6B in int8 or int4. `lean` is for a model that only answers: on a CPU, what stands beside
    packed weights stays in half precision however much memory is free.
    Raises ModelError for missing, truncated or unknown files, for weights, a vocabulary or an adapter that do not fit
    the model, for a pickle that could run code, and for a quantisation that the folder, or `frozen`, rules out.
    """
    logging.disable_progress_bar()
    device = best_device() if device is None else device
    dtype = best_dtype(device) if dtype is None else dtype
    folder = base_folder(base)
    kind = _packed_on_load(folder, adapter, quantization, frozen)
    if quantization_embeddings:
        refuse_packed_embeddings(folder, kind)
    if adapter is not None:
        refuse_adapter(Path(adapter), folder)  # before gigabytes are read for nothing
    if (gguf := gguf_file(folder)) is not None:
        model, tokenizer = load_gguf(gguf, dtype)
        _refuse_larger_vocabulary(gguf, tokenizer, model)
        if kind:
            quantize(model, kind, str(gguf), device)
    else:
        model, tokenizer = _load_folder(folder, dtype, device, frozen, kind, quantization_embeddings, lean)
    try:
        model.to(device)
    except torch.OutOfMemoryError as error:
        raise _no_memory(folder, model, device) from error
    if adapter is not None:
        model = attach_checked(model, Path(adapter))
    return model.eval(), tokenizer


def _no_memory(folder: Path, model: PreTrainedModel, device: torch.device) -> ModelError:
    """Of a model that a GPU cannot hold: how much it is, how much is free, and what is smaller by how much."""
    needed = sum(p.nbytes for p in model.parameters()) / 1e9
    free = (torch.cuda.mem_get_info(device)[0] + sum(p.nbytes for p in model.parameters() if p.is_cuda)) / 1e9
    return ModelError(
        en=f"{folder}: {needed:.1f} GB of weights, and {free:.1f} GB are free on {device}. End what else runs there, "
        f"choose another with CUDA_VISIBLE_DEVICES, or pack the weights: --quantization int8 saves about "
        f"{needed / 2:.1f} GB of 16-bit weights, int4 {needed * 3 / 4:.1f} GB (for tune: --method qlora).",
        zh=f"{folder}：权重共 {needed:.1f} GB，而 {device} 只剩 {free:.1f} GB。请结束占用它的其他程序，"
        f"用 CUDA_VISIBLE_DEVICES 换一块，或量化权重：对 16 位权重，--quantization int8 约省 {needed / 2:.1f} GB，"
        f"int4 约省 {needed * 3 / 4:.1f} GB（tune 用 --method qlora）。",
    )


def stored_quantization(folder: Path) -> Quantization | None:
    """What the linear weights of a folder are packed in already; None for any other base."""
    if gguf_file(folder) is not None:
        return None
    config = read_config(folder)
    bits = config.get("quantization_bit") if config.get("model_type") == ChatGLMConfig.model_type else None
    return OF_BITS.get(bits) if isinstance(bits, int) else None


def _packed_on_load(folder: Path, adapter: Path | None, asked: str | None, frozen: bool) -> Quantization | None:
    """What weights are packed in while they are loaded; raises ModelError where that cannot be."""
    stored = stored_quantization(folder)
    wanted: Any = None if asked == "none" else asked or (trained_on(adapter) if adapter is not None else None)
    if not frozen and (stored or wanted):
        raise ModelError(
            en=f"{folder}: weights in {stored or wanted} are frozen, and cannot be trained themselves. "
            "Use --method lora on them, or the weights in 16 or 32 bits.",
            zh=f"{folder}：{stored or wanted} 权重是冻结的，不能直接训练。"
            "请用 --method lora，或使用 16 位、32 位的权重。",
        )
    if stored and wanted and wanted != stored:
        raise ModelError(
            en=f"{folder}: its weights are in {stored} already; what rounding took cannot be had back for {wanted}. "
            f"Use --quantization {stored} (for tune: quantization={stored}), or the weights in 16 or 32 bits.",
            zh=f"{folder}：权重已是 {stored}，舍入掉的信息无法为 {wanted} 恢复。"
            f"请用 --quantization {stored}（tune 用 quantization={stored}），或使用 16 位、32 位的权重。",
        )
    return None if stored else wanted


def _load_folder(
    folder: Path,
    dtype: torch.dtype,
    device: torch.device,
    frozen: bool,
    kind: Quantization | None,
    embeddings: bool,
    lean: bool,
) -> tuple[PreTrainedModel, Any]:
    config = read_config(folder)
    refuse_unknown(folder, config)
    stored = catalogue(weight_files(folder))
    shapes = {name: one.shape for name, one in stored.items()}
    vectors = _exact_vectors(config, stored)
    half, half_bytes = _one_half({name: one for name, one in stored.items() if name not in vectors})
    lean = lean and (kind is not None or stored_quantization(folder) is not None)
    may_keep = frozen and half is not None and (device.type, dtype) == ("cpu", torch.float32)
    keep = may_keep and (lean or (not kind and not _fits(folder, half, half_bytes)))
    # packed from what is stored, and mapped from it, so that no whole copy is made
    read = half if half is not None and (kind or keep) else dtype
    if config["model_type"] == ChatGLMConfig.model_type:
        model, tokenizer = _load_chatglm(folder, config, shapes, read)
    else:
        model, tokenizer = _load_native(folder, read)
    if kind:
        quantize(model, kind, str(folder), device, embeddings=embeddings)
        unpacked = 2 * sum(p.numel() for p in model.parameters())
        keep = may_keep and (lean or not _fits(folder, half, unpacked))
    if keep:
        keep_half(model)
    elif kind:
        model.to(dtype)
    if read != dtype:
        _put_back(model, folder, vectors)
    return model, tokenizer


def _exact_vectors(config: Mapping[str, Any], stored: Mapping[str, Stored]) -> list[str]:
    """Norms and biases of ChatGLM-6B that are stored in 32 bits beside weights in 16, as published."""
    if config["model_type"] != ChatGLMConfig.model_type or generation_of(config, "config.json") != 1:
        return []
    return [n for n, one in stored.items() if one.dtype == torch.float32 and len(one.shape) == 1 and not _apart(n)]


def _put_back(model: PreTrainedModel, folder: Path, names: Sequence[str]) -> None:
    """Reads the vectors again, which reading a model in half precision has rounded."""
    held = dict(model.named_parameters()) | dict(model.named_buffers(remove_duplicate=False))
    checkpoint = Checkpoint(folder) if names else None
    for name in names:
        assert checkpoint is not None
        held[name].data.copy_(checkpoint.read(name))


def _one_half(stored: Mapping[str, Stored]) -> tuple[torch.dtype | None, int]:
    """The half precision that all weights are stored in, and their bytes; None where types are mixed.

    32-bit weights among them would be rounded. Packed ones are no numbers of their own.
    """
    weights = {name: one for name, one in stored.items() if one.dtype.is_floating_point and not _apart(name)}
    types = {one.dtype for one in weights.values()}
    only = next(iter(types)) if len(types) == 1 else None
    return (only if only in HALF else None), sum(one.size for one in weights.values())


def _fits(folder: Path, half_type: torch.dtype | None, half: int) -> bool:
    """Whether weights of so many bytes in half precision fit into memory in 32 bits; says so where they do not."""
    free = machine.main_memory().available
    if 2 * _WITH_ROOM * half <= free:
        return True
    kind, gb = str(half_type).removeprefix("torch."), 1e9
    scarce = half > free
    note(
        en=f"{folder}: {2 * half / gb:.1f} GB in 32 bits, and {free / gb:.1f} GB of memory are free; the weights stay "
        f"in {kind} ({half / gb:.1f} GB) and are widened piece by piece while they are used."
        + (" Not even that fits: they will be read from the disk again and again, which is slow." if scarce else ""),
        zh=f"{folder}：32 位需要 {2 * half / gb:.1f} GB，而可用内存为 {free / gb:.1f} GB；权重保持 {kind}"
        f"（{half / gb:.1f} GB），计算时逐块转换为 32 位。"
        + ("连这也放不下：权重会反复从磁盘读取，速度很慢。" if scarce else ""),
    )
    return False


def _apart(name: str) -> bool:
    """Whether this is read in its own way: frequencies of rotary never, a prefix in 32 bits always."""
    return name.endswith("inv_freq") or ".prefix_encoder." in name


def _load_chatglm(
    folder: Path, values: dict[str, Any], shapes: Shapes, dtype: torch.dtype
) -> tuple[PreTrainedModel, Any]:
    where = str(folder / "config.json")
    if generation_of(values, where) == 2:
        config = ChatGLM2Config.from_dict(values | {"_name_or_path": where})
        tokenizer: Any = second_tokenizer(folder, config)
        model = _from_pretrained(ChatGLM2ForCausalLM, folder, dtype)
    else:
        refuse_unsupported(values, where)
        config = ChatGLMConfig.from_dict(values)
        check_first(folder, config, shapes)
        tokenizer = first_tokenizer(folder, config)
        model = _from_pretrained(ChatGLMForConditionalGeneration, folder, dtype)
    if (encoder := encoder_of(model)) is not None:
        encoder.requires_grad_(False)  # it then is made once and not for every token
    return model, tokenizer


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a folder alone; raises ModelError where there is none that can be used."""
    config = read_config(folder)
    if config["model_type"] == ChatGLMConfig.model_type:
        where = str(folder / "config.json")
        if generation_of(config, where) == 1:
            return first_tokenizer(folder, ChatGLMConfig.from_dict(config))
        return second_tokenizer(folder, ChatGLM2Config.from_dict(config | {"_name_or_path": where}))
    if _names_ours(folder):
        return second_tokenizer(folder, GlmConfig.from_pretrained(folder))
    try:
        # without any file transformers makes an empty vocabulary up
        if not any(file for pattern in VOCABULARIES for file in folder.glob(pattern)):
            raise OSError(f"none of {', '.join(VOCABULARIES)} is there")
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except _LOADING_FAILED as error:
        raise ModelError(
            en=f"{folder}: no usable tokenizer ({error}). Put the tokenizer files that came with the weights there.",
            zh=f"{folder}：没有可用的分词器（{error}）。请把与权重配套的分词器文件放到这里。",
        ) from None


def _load_native(folder: Path, dtype: torch.dtype) -> tuple[PreTrainedModel, Any]:
    tokenizer = load_tokenizer(folder)
    model = _from_pretrained(AutoModelForCausalLM, folder, dtype)
    if not _names_ours(folder):
        _refuse_larger_vocabulary(folder, tokenizer, model)
    return model, tokenizer


def _refuse_larger_vocabulary(where: Path, tokenizer: Any, model: PreTrainedModel) -> None:
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ModelError(
            en=f"{where}: the tokenizer has {len(tokenizer)} tokens, the model embeds {rows}. "
            "Use the tokenizer that came with the weights.",
            zh=f"{where}：分词器有 {len(tokenizer)} 个 token，模型只有 {rows} 个。请使用与权重配套的分词器。",
        )


def _names_ours(folder: Path) -> bool:
    """Whether this is a converted ChatGLM2 or ChatGLM3; AutoTokenizer would give another class of the same ids."""
    file = folder / "tokenizer_config.json"
    if not file.is_file():
        return False
    values = read_json(file)
    return isinstance(values, dict) and values.get("tokenizer_class") == ChatGLM2Tokenizer.__name__


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
