"""Adapters in PEFT's format, LoRA and prefixes: saved whole, read back, attached only to the base they were made for.

Source: PEFT, https://github.com/huggingface/peft.
"""

import hashlib
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from doctorglm.errors import ModelError
from doctorglm.models.prefix.attention import encoder_of
from doctorglm.models.prefix.files import FOLDER, attach_prefix, is_prefix, write_prefix
from doctorglm.models.quantized.formats import Quantization, named
from doctorglm.models.quantized.layers import quantization_of
from doctorglm.models.weights import GGUF, shapes_of, weight_files
from doctorglm.runs import read_json, sha256_file, sync_directory, write_json

_BASE = "base.json"
_WEIGHTS = "adapter_model.safetensors"
_VOCABULARIES = ("ice_text.model", "tokenizer.model", "tokenizer.json", "vocab.json", "merges.txt")


def base_fingerprint(folder: Path) -> str:
    """The hex sha256 of a base: of its weight files and its vocabulary, in order; config.json does not count.

    A GGUF, which has its vocabulary within, has the same under any name. Raises ModelError when there are no weights.
    """
    digest = hashlib.sha256()
    weights = weight_files(folder)
    if weights[0].suffix.lower() == GGUF:
        digest.update(f"{GGUF}\0{sha256_file(weights[0])}\n".encode())
        return digest.hexdigest()
    vocabularies = [folder / name for name in _VOCABULARIES if (folder / name).is_file()]
    for file in [*weights, *vocabularies]:
        digest.update(f"{file.name}\0{sha256_file(file)}\n".encode())
    return digest.hexdigest()


def trained_on(adapter: Path) -> Quantization | None:
    """What the base was quantised to while the adapter was trained; None where it was not, or nothing is recorded."""
    found = read_json(adapter / _BASE).get("quantization") if (adapter / _BASE).is_file() else None
    return None if found is None else named(str(found), str(adapter / _BASE))


def save_adapter(model: Any, out: Path, fingerprint: str) -> None:
    """Writes the adapter of a PEFT model, or a prefix, with its base's fingerprint and quantisation, or nothing.

    A prefix is written in the published format too (`prefix.files`). The file is read back and compared with memory.
    Raises ModelError for an adapter that is empty, not finite or does nothing (a B of zeros), and then leaves `out` as
    it was.
    """
    # a base with a prefix among its weights may have a LoRA besides
    prefix = encoder_of(model) is not None and not hasattr(model, "peft_config")
    write = write_prefix if prefix else _write_peft
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        tensors = write(model, temporary)
        (temporary / "README.md").unlink(missing_ok=True)
        kind = quantization_of(model)
        made_for = {"sha256": fingerprint, **({"quantization": kind} if kind else {})}
        for folder in (temporary, temporary / FOLDER):
            if folder.is_dir():
                write_json(folder / _BASE, made_for)
        compare_saved(temporary / _WEIGHTS, tensors, load_file(temporary / _WEIGHTS))
        for file in temporary.rglob("*"):
            file.chmod(0o700 if file.is_dir() else 0o600)
        shutil.rmtree(out, ignore_errors=True)
        temporary.replace(out)
        sync_directory(out.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_peft(model: Any, folder: Path) -> dict[str, torch.Tensor]:
    """Writes a PEFT model's adapter, and returns its tensors."""
    from peft import get_peft_model_state_dict  # half a second, for those who need it

    # left to itself, PEFT looks for the base's configuration, also at the hub, and takes that of ChatGLM2 for GLM's
    tensors = dict(get_peft_model_state_dict(model, save_embedding_layers=False))
    refuse_useless(folder, tensors)
    model.save_pretrained(folder, save_embedding_layers=False)
    return tensors


def refuse_useless(where: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Raises ModelError for an adapter that is empty, not finite or does nothing (a B of zeros)."""
    zero = [name for name, value in tensors.items() if ".lora_B." in name and not value.any()]
    infinite = [name for name, value in tensors.items() if not value.isfinite().all()]
    if not tensors or zero or infinite:
        name = (infinite or zero or [str(where)])[0]
        en = "holds no tensors" if not tensors else "is not finite" if infinite else "is all zeros: nothing was learned"
        zh = "不含任何张量" if not tensors else "含有 NaN 或无穷大" if infinite else "全为零：什么也没有学到"
        raise ModelError(
            en=f"adapter not saved: {name} {en}. Check the learning rate, the labels and the target modules.",
            zh=f"未保存适配器：{name} {zh}。请检查学习率、标签和目标模块。",
        )


def compare_saved(where: Path, memory: dict[str, torch.Tensor], disk: dict[str, torch.Tensor]) -> None:
    """Raises ModelError unless the file `where`, as read back (`disk`), holds exactly what is in memory."""
    memory = {name: value.detach().cpu() for name, value in memory.items()}
    wrong = [name for name in memory if name not in disk or not torch.equal(disk[name].float(), memory[name].float())]
    wrong += [name for name in disk if name not in memory]
    if wrong:
        raise ModelError(
            en=f"{where}: {len(wrong)} tensors differ between file and memory, first {wrong[0]}. "
            "The file is damaged or was made for another model; save or fetch it again.",
            zh=f"{where}：有 {len(wrong)} 个张量与内存不一致，首个为 {wrong[0]}。"
            "文件已损坏，或属于另一个模型；请重新保存或下载。",
        )


def attach_adapter(model: Any, folder: Path, base: Path) -> Any:
    """The model of the folder `base` with the adapter of `folder`; raises ModelError as `refuse_adapter`."""
    refuse_adapter(folder, base)
    return attach_checked(model, folder)


def refuse_adapter(folder: Path, base: Path) -> None:
    """Raises ModelError for an adapter that is incomplete or was made for another base, by their files alone."""
    if is_prefix(folder):
        _refuse_another_base(folder, base)
        return
    for name in ("adapter_config.json", _WEIGHTS):
        if not (folder / name).is_file():
            raise ModelError(
                en=f"{folder / name}: no such file, so {folder} is not an adapter in PEFT's format. "
                "Give the `adapter` folder that `doctorglm tune` left.",
                zh=f"{folder / name}：文件不存在，{folder} 不是 PEFT 格式的适配器。"
                "请给出 `doctorglm tune` 生成的 adapter 目录。",
            )
    _refuse_another_base(folder, base)
    if not shapes_of([folder / _WEIGHTS]):
        raise ModelError(
            en=f"{folder / _WEIGHTS}: holds no tensors. Tune again; the adapter was never saved.",
            zh=f"{folder / _WEIGHTS}：不含任何张量。请重新微调；适配器并未保存。",
        )
    _refuse_prompt_learning(folder)
    _refuse_other_ranks(folder)


def attach_checked(model: Any, folder: Path) -> Any:
    """The model with an adapter that `refuse_adapter` has passed; raises ModelError when they do not fit."""
    if is_prefix(folder):
        return attach_prefix(model, folder)
    from peft import PeftModel, get_peft_model_state_dict

    try:
        with warnings.catch_warnings():
            # what PEFT warns about here, `compare_saved` refuses; and it asks transformers 5.24 things by old names
            warnings.simplefilter("ignore")
            adapted = PeftModel.from_pretrained(model, str(folder))
    except (ValueError, RuntimeError, KeyError) as error:
        raise _another_base(folder, str(error).strip().splitlines()[0], type(model).__name__) from None
    attached = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    compare_saved(folder / _WEIGHTS, attached, load_file(folder / _WEIGHTS))
    return adapted


def _refuse_another_base(folder: Path, base: Path) -> None:
    if (folder / _BASE).is_file():
        made_for, given = str(read_json(folder / _BASE).get("sha256")), base_fingerprint(base)
        if made_for != given:
            raise _another_base(folder, f"sha256 {made_for[:12]}...", f"sha256 {given[:12]}...")


def _refuse_prompt_learning(folder: Path) -> None:
    from peft import PeftConfig

    try:
        config = PeftConfig.from_pretrained(str(folder))
        if config.peft_type is None:
            raise ValueError("peft_type is missing")
    except (ValueError, TypeError, KeyError, json.JSONDecodeError) as error:
        raise ModelError(
            en=f"{folder / 'adapter_config.json'}: not a PEFT configuration ({error}). Fetch the adapter again.",
            zh=f"{folder / 'adapter_config.json'}：不是 PEFT 配置（{error}）。请重新下载适配器。",
        ) from None
    if config.is_prompt_learning:
        raise ModelError(
            en=f"{folder}: peft_type {config.peft_type.value} would lose its prompt while generating. "
            "Use a LoRA adapter or a prefix (PREFIX_TUNING).",
            zh=f"{folder}：peft_type {config.peft_type.value} 在生成时会丢失提示。"
            "请使用 LoRA 适配器或前缀（PREFIX_TUNING）。",
        )


def _refuse_other_ranks(folder: Path) -> None:
    """Raises ModelError when LoRA's tensors have a rank that the configuration beside them does not name."""
    config = read_json(folder / "adapter_config.json")
    if config.get("peft_type") != "LORA":
        return
    named = {config.get("r"), *(config.get("rank_pattern") or {}).values()}
    for name, shape in shapes_of([folder / _WEIGHTS]).items():
        rank = shape[0] if ".lora_A." in name else shape[1] if ".lora_B." in name else None
        if rank is not None and rank not in named:
            said = ", ".join(map(str, sorted(named, key=str)))
            raise ModelError(
                en=f"{folder / 'adapter_config.json'}: says rank {said}, but {name} in {_WEIGHTS} has rank {rank}. "
                "The two files are of different adapters; fetch or save both again.",
                zh=f"{folder / 'adapter_config.json'}：秩为 {said}，而 {_WEIGHTS} 中的 {name} 秩为 {rank}。"
                "两个文件来自不同的适配器；请重新下载或保存。",
            )


def _another_base(folder: Path, made_for: str, given: str) -> ModelError:
    return ModelError(
        en=f"{folder}: this adapter was made for another base ({made_for}; here {given}). "
        "Give the base that it was tuned on, or tune it again on this one.",
        zh=f"{folder}：该适配器是为另一个基座训练的（{made_for}；当前 {given}）。"
        "请使用训练时的基座，或在此基座上重新微调。",
    )
