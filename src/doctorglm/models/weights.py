"""What a folder of weights holds, read without loading it: files, names and shapes.

Pickles are opened with `weights_only=True`, so that one that runs code is refused before anything is built.
"""

import json
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from doctorglm.errors import ModelError

Shapes = Mapping[str, tuple[int, ...]]

_SINGLE = ("model.safetensors", "pytorch_model.bin")
_UNREADABLE = (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError, KeyError)


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's `config.json`; raises ModelError when the folder, the file or its JSON is missing."""
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ModelError(
            en=f"{path}: no such file, so {folder} is not a folder of weights. "
            'Give the folder that holds config.json, or "embedded".',
            zh=f"{path}：文件不存在，{folder} 不是模型目录。请给出含 config.json 的目录，或 embedded。",
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise _unreadable(path, error) from None
    if not isinstance(config, dict):
        raise _unreadable(path, f"a JSON object was expected, not {type(config).__name__}")
    return config


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the folder's weights, as transformers chooses them.

    Raises ModelError when there are none, or when the index names a shard that is not there.
    """
    for name in _SINGLE:
        if (folder / name).is_file():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.is_file():
            return _shards(index)
    raise ModelError(
        en=f"{folder}: no weights; {' or '.join(_SINGLE)} (or an index of shards) is missing. Fetch the model again.",
        zh=f"{folder}：没有权重，缺少 {' 或 '.join(_SINGLE)}（或分片索引）。请重新下载模型。",
    )


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(index, error) from None
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        raise ModelError(
            en=f"{index.parent}: {len(missing)} of {len(names)} shards named in {index.name} are missing: "
            f"{_some(missing)}. Fetch them into the folder.",
            zh=f"{index.parent}：{index.name} 列出的 {len(names)} 个分片中缺少 {len(missing)} 个："
            f"{_some(missing)}。请把它们下载到该目录。",
        )
    return [index.parent / name for name in names]


def shapes_of(files: list[Path]) -> dict[str, tuple[int, ...]]:
    """Name -> shape over all files; raises ModelError for a truncated file or a pickle that holds more than tensors."""
    shapes: dict[str, tuple[int, ...]] = {}
    for path in files:
        try:
            shapes |= _shapes_of_safetensors(path) if path.suffix == ".safetensors" else _shapes_of_pickle(path)
        except _UNREADABLE as error:
            raise _unreadable(path, error) from None
    return shapes


def _shapes_of_safetensors(path: Path) -> dict[str, tuple[int, ...]]:
    with safe_open(path, framework="pt") as tensors:
        return {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118


def _shapes_of_pickle(path: Path) -> dict[str, tuple[int, ...]]:
    with warnings.catch_warnings():
        # about pickles that torch did not write; what they may not hold is refused all the same
        warnings.simplefilter("ignore", UserWarning)
        state = torch.load(path, map_location="meta", weights_only=True)
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError("a dictionary of tensors was expected")
    return {name: tuple(value.shape) for name, value in state.items()}


def _unreadable(path: Path, reason: object) -> ModelError:
    lines = str(reason).strip().splitlines() or [type(reason).__name__]
    if isinstance(reason, pickle.UnpicklingError):
        return ModelError(
            en=f"{path}: refused; this pickle holds more than tensors and could run code. "
            "Use a safetensors file, or weights from a source you trust, saved as tensors only.",
            zh=f"{path}：已拒绝。该 pickle 文件不只包含张量，可能执行代码。"
            "请改用 safetensors，或来自可信来源、只含张量的权重。",
        )
    return ModelError(
        en=f"{path}: truncated or damaged ({lines[0]}). Fetch the file again and compare its size.",
        zh=f"{path}：文件不完整或已损坏（{lines[0]}）。请重新下载并核对大小。",
    )


def compare_shapes(where: Path, expected: Shapes, found: Shapes) -> None:
    """Raises ModelError unless both hold the same names with the same shapes."""
    missing = sorted(set(expected) - set(found))
    left_over = sorted(set(found) - set(expected))
    if missing or left_over:
        raise ModelError(
            en=f"{where}: the weights do not fit config.json: {len(missing)} missing ({_some(missing)}), "
            f"{len(left_over)} left over ({_some(left_over)}). Use the config.json that came with them.",
            zh=f"{where}：权重与 config.json 不符：缺少 {len(missing)} 个（{_some(missing)}），"
            f"多出 {len(left_over)} 个（{_some(left_over)}）。请使用与权重配套的 config.json。",
        )
    for name, shape in expected.items():
        if found[name] != shape:
            raise ModelError(
                en=f"{where}: {name} has shape {list(found[name])}, but config.json says {list(shape)}. "
                "Use the config.json and the vocabulary that came with the weights.",
                zh=f"{where}：{name} 的形状为 {list(found[name])}，而 config.json 要求 {list(shape)}。"
                "请使用与权重配套的 config.json 和词表。",
            )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") or "-"
