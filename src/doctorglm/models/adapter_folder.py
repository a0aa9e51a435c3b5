"""A published adapter written anew in today's PEFT format: pickles as safetensors, `enable_lora` as an ordinary LoRA.

Values and types stay as they are, zeros excepted that `models.merged_linear` puts between blocks. It remains an
adapter: what `serve` and the other targets of `convert` demand of one, they demand of the new folder.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import GlmConfig

from doctorglm.errors import ModelError
from doctorglm.models.adapters import base_fingerprint, compare_saved, refuse_useless
from doctorglm.models.chatglm.config import ChatGLMConfig, generation_of
from doctorglm.models.chatglm2.adapter import is_official, native_config, native_tensors
from doctorglm.models.chatglm2.config import ChatGLM2Config
from doctorglm.models.chatglm2.names import native_shapes
from doctorglm.models.convert import new_folder, refuse_target, require_room
from doctorglm.models.loading import base_folder
from doctorglm.models.merged_linear import is_merged_linear, ordinary_config, ordinary_tensors
from doctorglm.models.plans import carry
from doctorglm.models.weights import Shapes, catalogue, read_config, tensors_of, weight_files
from doctorglm.runs import read_json, write_json

_CONFIG, _WEIGHTS, _BASE = "adapter_config.json", "adapter_model.safetensors", "base.json"
_PUBLISHED = (_WEIGHTS, "adapter_model.bin", "pytorch_model.bin")
_CARRIED = ("LICENSE*", "NOTICE*", "README*.md", _BASE)
_OF_2023 = ("enable_lora", "merge_weights")
"""Settings that PEFT has no longer."""


def to_peft(source: Path, target: Path, base: str | None = None) -> dict[str, Any]:
    """Writes the adapter of `source` to the new folder `target`, whole or not at all; returns what was done.

    With a `base` its matrices are compared with the adapter's, and its fingerprint is kept, so that no other is used.
    Raises ConfigError for a target that is there, ModelError for an adapter that cannot be read, is damaged, empty, not
    finite or does nothing, and for one that does not fit the base.
    """
    refuse_target(source, target)
    where = source / _CONFIG
    config = _config(where)
    tensors, merged = tensors_of(_published(source)), is_merged_linear(config)
    kept = {key: value for key, value in config.items() if key not in _OF_2023}
    ours = ordinary_config(where, config) if merged else {}
    written = {"peft_type": "LORA", **kept, **ours}
    if merged:
        tensors = ordinary_tensors(where, tensors, config)
    if is_official(tensors):
        tensors = native_tensors(where, tensors, _second_generation(where, base))
        written |= native_config(where, written)
    refuse_useless(target, tensors)
    if base is not None:
        _refuse_another_shape(source, tensors, base_folder(base))
        written["base_model_name_or_path"] = str(base_folder(base))
    size = sum(value.nbytes for value in tensors.values())
    require_room(target, size)
    with new_folder(target) as folder:
        save_file(tensors, folder / _WEIGHTS, metadata={"format": "pt"})
        compare_saved(folder / _WEIGHTS, tensors, load_file(folder / _WEIGHTS))
        write_json(folder / _CONFIG, written)
        carry(source, folder, _CARRIED)
        if base is not None:
            write_json(folder / _BASE, {"sha256": base_fingerprint(base_folder(base))})
    return {
        "out": str(target),
        "family": "enable_lora" if merged else str(written["peft_type"]).lower(),
        "to": "peft",
        "tensors": len(tensors),
        "bytes": size,
        "rank": written.get("r"),
        "alpha": written.get("lora_alpha"),
    }


def _config(where: Path) -> dict[str, Any]:
    config = read_json(where) if where.is_file() else None
    if not isinstance(config, dict):
        raise ModelError(
            en=f"--to peft: {where}: no such file, or not an adapter's configuration. Give the folder of an adapter, "
            f"with its {_CONFIG}.",
            zh=f"--to peft：{where}：文件不存在，或不是适配器的配置。请给出含 {_CONFIG} 的适配器文件夹。",
        )
    return config


def _published(folder: Path) -> Path:
    """The one file of the adapter's tensors."""
    for name in _PUBLISHED:
        if (folder / name).is_file():
            return folder / name
    found = sorted(file for pattern in ("*.bin", "*.pt", "*.safetensors") for file in folder.glob(pattern))
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.name for file in found[:3]) or "-"
    raise ModelError(
        en=f"{folder}: none of {', '.join(_PUBLISHED)}, and {len(found)} other files of weights ({names}) where one is "
        "needed. Fetch the adapter again.",
        zh=f"{folder}：没有 {'、'.join(_PUBLISHED)}；其他权重文件有 {len(found)} 个（{names}），应只有一个。"
        "请重新下载适配器。",
    )


def _refuse_another_shape(source: Path, tensors: Mapping[str, torch.Tensor], base: Path) -> None:
    """Raises ModelError where a LoRA's product has another shape than the matrix it is added to."""
    shapes = _base_shapes(base)
    for name, a_RI in tensors.items():
        module, found, _ = name.removeprefix("base_model.model.").partition(".lora_A.weight")
        b_OR = tensors.get(name.replace(".lora_A.", ".lora_B."))
        if not found or b_OR is None:
            continue
        needed, given = (b_OR.shape[0], *a_RI.shape[1:]), shapes.get(f"{module}.weight")
        if given != needed:
            raise ModelError(
                en=f"{source}: made for another base: {module} is {list(needed)} in the adapter and "
                f"{list(given) if given else 'missing'} in {base}. Give the base that it was tuned on.",
                zh=f"{source}：适配器属于另一个基座：{module} 在适配器中为 {list(needed)}，在 {base} 中为 "
                f"{list(given) if given else '缺失'}。请给出训练该适配器所用的基座。",
            )


def _base_shapes(base: Path) -> Shapes:
    """Name -> shape of the base's tensors as they are loaded."""
    values, where = read_config(base), str(base / "config.json")
    if values.get("model_type") == ChatGLMConfig.model_type and generation_of(values, where) == 2:
        return native_shapes(ChatGLM2Config.from_dict(values | {"_name_or_path": where}).native())
    return {name: one.shape for name, one in catalogue(weight_files(base)).items()}


def _second_generation(where: Path, base: str | None) -> Any:
    """The GlmConfig of a base that is ChatGLM2 or ChatGLM3, official or converted."""
    if base is not None:
        folder = base_folder(base)
        values, place = read_config(folder), str(folder / "config.json")
        if values.get("model_type") == GlmConfig.model_type:
            return GlmConfig.from_dict(values)
        if values.get("model_type") == ChatGLMConfig.model_type and generation_of(values, place) == 2:
            return ChatGLM2Config.from_dict(values | {"_name_or_path": place}).native()
    raise ModelError(
        en=f"{where}: tuned on the published code of ChatGLM2 or ChatGLM3, whose matrix of queries, keys and values is "
        "three here. Give that base, official or converted: --base MODEL.",
        zh=f"{where}：该适配器是用 ChatGLM2 或 ChatGLM3 的官方代码训练的，其查询、键、值矩阵在这里是三个。"
        "请用 --base MODEL 给出该基座（官方或转换后的）。",
    )
