"""Prefixes on disk: PEFT's PREFIX_TUNING format, and the published `prefix_encoder` files.

Both hold the flat layout; what a network made is written as what it makes, as PEFT does. They differ in one thing: a
key in PEFT's file goes into the cache, P positions before the text, a published one adds no positions. `turning` makes
one of the other, so that either program gives the same answers from its own file. ChatGLM-6B has one convention only.
Source: PEFT 0.21, `PrefixEncoder` and `PeftModel.get_prompt`; `ptuning/main.py` of the published ChatGLM-6B.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.chatglm.model import ChatGLMForConditionalGeneration
from doctorglm.models.prefix.attention import attach, encoder_of, shape_of
from doctorglm.models.prefix.encoder import PrefixEncoder, Shape, joined, split
from doctorglm.models.prefix.turning import turned
from doctorglm.models.weights import Checkpoint, catalogue, weight_files
from doctorglm.runs import atomic_file, read_json, write_json

FOLDER = "prefix_encoder"
"""Within an adapter's folder, the same prefix in the published format."""
_CONFIG, _WEIGHTS, _TENSOR = "adapter_config.json", "adapter_model.safetensors", "prompt_embeddings"
_PUBLISHED = "pytorch_model.bin"
_NAME = ".prefix_encoder."
_AGREE = 1e-4
"""By which share of the largest number two files of one prefix may differ: turning in 32 bits stays far below."""


def is_prefix(folder: Path) -> bool:
    """Whether the folder holds a prefix, in PEFT's or in the published format, and no other adapter or model.

    Raises ModelError for files that cannot be read.
    """
    if (folder / _CONFIG).is_file():
        config = read_json(folder / _CONFIG)
        return isinstance(config, dict) and config.get("peft_type") == "PREFIX_TUNING"
    return bool(_published_names(folder))


def refuse_prefix(folder: Path, doing: str) -> None:
    """Raises ConfigError for a prefix, which has no sum with the weights of its base."""
    if is_prefix(folder):
        raise ConfigError(
            en=f"{doing}: {folder} is a P-tuning prefix. Its keys and values stand beside the weights and cannot be "
            "added to them. Use it as it is, with --adapter, or tune with method=lora.",
            zh=f"{doing}：{folder} 是 P-tuning 前缀，其键和值独立于权重，无法并入。"
            "请直接用 --adapter 加载，或改用 method=lora 微调。",
        )


def attach_prefix(model: Any, folder: Path) -> Any:
    """The same model with the prefix of `folder`, frozen and in 32 bits.

    Raises ModelError when a file is missing, damaged or of another model, or when two files of it disagree.
    """
    flat = read_prefix(model, folder)
    encoder = PrefixEncoder(len(flat), shape_of(model))
    with torch.no_grad():
        encoder.embedding.weight.copy_(flat)
    return attach(model, encoder.requires_grad_(False))


def read_prefix(model: Any, folder: Path) -> torch.Tensor:
    """The flat layout [P, 2LMD] of a folder's prefix for `model`, its keys as the published code counts positions."""
    if not (folder / _CONFIG).is_file():
        return _published(folder, shape_of(model))
    if not (folder / _WEIGHTS).is_file():
        raise ModelError(
            en=f"{folder / _WEIGHTS}: no such file. Fetch the adapter again.",
            zh=f"{folder / _WEIGHTS}：文件不存在。请重新下载适配器。",
        )
    catalogue([folder / _WEIGHTS])
    inserted = load_file(folder / _WEIGHTS).get(_TENSOR)
    _refuse_another_shape(folder / _WEIGHTS, _TENSOR, None if inserted is None else inserted.shape, shape_of(model))
    assert inserted is not None
    ours = _shifted(model, inserted.float(), -_positions_of(model, len(inserted)))
    if not (folder / FOLDER).is_dir():
        return ours
    exact = _published(folder / FOLDER, shape_of(model))
    if exact.shape != ours.shape or not (exact - ours).abs().max() <= _AGREE * exact.abs().max():
        raise ModelError(
            en=f"{folder}: {_WEIGHTS} and {FOLDER}/ hold different prefixes. Fetch or save both again.",
            zh=f"{folder}：{_WEIGHTS} 与 {FOLDER}/ 中的前缀不同。请重新下载或保存。",
        )
    return exact


def write_prefix(model: Any, folder: Path) -> dict[str, torch.Tensor]:
    """Writes the model's prefix to `folder` in both formats, and returns the tensors of PEFT's.

    Raises ModelError for numbers that are not finite, and when the published file does not read back as written.
    """
    from peft import PrefixTuningConfig

    encoder = encoder_of(model)
    assert encoder is not None, "only a model with a prefix is asked to write it"
    shape, flat = encoder.shape, encoder().detach().cpu().clone()
    if not flat.isfinite().all():
        raise ModelError(
            en="adapter not saved: the prefix is not finite. Lower learning_rate.",
            zh="未保存适配器：前缀含有 NaN 或无穷大。请降低 learning_rate。",
        )
    inserted = _shifted(model, flat, _positions_of(model, len(flat)))
    config = PrefixTuningConfig(
        task_type="CAUSAL_LM",
        base_model_name_or_path=model.name_or_path,
        inference_mode=True,
        num_virtual_tokens=len(flat),
        num_layers=shape.layers,
        num_attention_heads=shape.heads,
        token_dim=shape.heads * shape.head_dim,
        num_transformer_submodules=1,
        encoder_hidden_size=shape.heads * shape.head_dim,
        prefix_projection=False,
    )
    folder.mkdir(parents=True)
    config.save_pretrained(str(folder))
    save_file({_TENSOR: inserted}, folder / _WEIGHTS, metadata={"format": "pt"})
    _write_published(model, flat, folder / FOLDER)
    return {_TENSOR: inserted}


def _write_published(model: Any, flat: torch.Tensor, folder: Path) -> None:
    folder.mkdir()
    config = {key: value for key, value in model.config.to_dict().items() if not key.startswith("_")}
    write_json(folder / "config.json", config | {"pre_seq_len": len(flat), "prefix_projection": False})
    with atomic_file(folder / _PUBLISHED, "wb") as out:
        torch.save({f"transformer{_NAME}embedding.weight": flat}, out)
    if not torch.equal(_published(folder, shape_of(model)), flat):
        raise ModelError(
            en=f"{folder / _PUBLISHED}: does not read back as it was written. Check the disk and save it again.",
            zh=f"{folder / _PUBLISHED}：读回的内容与写入的不一致。请检查磁盘并重新保存。",
        )


def _positions_of(model: Any, places: int) -> int:
    """How many positions a prefix of so many places fills where PEFT inserts it.

    None in ChatGLM-6B, which numbers its tokens from their ids and not from the cache.
    """
    return 0 if isinstance(model, ChatGLMForConditionalGeneration) else places


def _shifted(model: Any, flat: torch.Tensor, steps: int) -> torch.Tensor:
    if not steps:
        return flat
    shape = shape_of(model)
    at = next(model.parameters()).device
    return joined(turned(model, split(flat.to(at), shape), steps)).cpu()


def _published_names(folder: Path) -> list[str]:
    """The tensors of a folder that holds a published prefix and nothing else; empty for any other folder."""
    try:
        names = list(catalogue(weight_files(folder))) if folder.is_dir() else []
    except ModelError:
        if (folder / "config.json").is_file() or not folder.is_dir():
            raise
        return []
    return names if any(_NAME in f".{name}" for name in names) and all(_NAME in f".{n}" for n in names) else []


def _published(folder: Path, shape: Shape) -> torch.Tensor:
    """The flat layout of a published prefix, with what its network makes where it has one."""
    checkpoint = Checkpoint(folder)
    tensors = {f".{name}".rpartition(_NAME)[2]: checkpoint.read(name).float() for name in checkpoint.stored}
    where, embedding = folder / _PUBLISHED, tensors.get("embedding.weight")
    if set(tensors) == {"embedding.weight"}:
        assert embedding is not None
        _refuse_another_shape(where, "embedding.weight", embedding.shape, shape)
        return embedding
    return _projected(where, tensors, shape)


def _projected(where: Path, tensors: Mapping[str, torch.Tensor], shape: Shape) -> torch.Tensor:
    wanted = {"embedding.weight", *(f"trans.{i}.{part}" for i in (0, 2) for part in ("weight", "bias"))}
    if set(tensors) != wanted:
        names = ", ".join(sorted(wanted ^ set(tensors)))
        raise ModelError(
            en=f"{where}: not a prefix_encoder: {names} missing or left over. Fetch the file again.",
            zh=f"{where}：不是 prefix_encoder：缺少或多出 {names}。请重新下载。",
        )
    places, width = tensors["embedding.weight"].shape
    _refuse_another_shape(where, "trans.2.weight", (places, len(tensors["trans.2.weight"])), shape)
    encoder = PrefixEncoder(places, shape, (width, len(tensors["trans.0.weight"])))
    try:
        encoder.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise ModelError(
            en=f"{where}: the shapes of its network do not fit one another ({str(error).splitlines()[-1].strip()}). "
            "Fetch the file again.",
            zh=f"{where}：网络各层的形状互不相符（{str(error).splitlines()[-1].strip()}）。请重新下载。",
        ) from None
    with torch.no_grad():
        flat: torch.Tensor = encoder()
    return flat


def _refuse_another_shape(where: Path, name: str, found: Any, shape: Shape) -> None:
    if found is None or len(found) != 2 or found[1] != shape.width:
        said = "missing" if found is None else list(found)
        raise ModelError(
            en=f"{where}: {name} is {said}, where this base needs [places, {shape.width}] ({shape.layers} layers x 2 x "
            f"{shape.heads} heads x {shape.head_dim}): it was made for another base. Give the base it was tuned on.",
            zh=f"{where}：{name} 为 {said}，而该基座需要 [places, {shape.width}]（{shape.layers} 层 x 2 x "
            f"{shape.heads} 头 x {shape.head_dim}）：它属于另一个基座。请使用训练时的基座。",
        )
