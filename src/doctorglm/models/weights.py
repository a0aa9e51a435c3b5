"""What a folder of weights holds, read without loading it: files, names, shapes and types; and one tensor at a time.

Pickles are opened with `weights_only=True`, so that one that runs code is refused before anything is built.
"""

import json
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from doctorglm.errors import ModelError

Shapes = Mapping[str, tuple[int, ...]]

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""What safetensors calls a type -> torch's."""

GGUF = ".gguf"
_SINGLE = ("model.safetensors", "pytorch_model.bin")
_SAID_BY = {
    ".prefix_encoder.": ("pre_seq_len", "a P-tuning prefix", "P-tuning 前缀"),
    ".weight_scale": ("quantization_bit", "quantised weights", "量化权重"),
}
"""Part of a name -> the key of config.json without which there is no such tensor, and what it belongs to."""
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


def gguf_file(base: Path) -> Path | None:
    """The .gguf file that a base is, or that is all the weights in its folder; None for any other base.

    Raises ModelError when the folder holds several.
    """
    if base.suffix.lower() == GGUF and not base.is_dir():
        return base
    others = [base / file for name in _SINGLE for file in (name, f"{name}.index.json")]
    if not base.is_dir() or any(file.is_file() for file in others):
        return None
    found = sorted(file for file in base.iterdir() if file.suffix.lower() == GGUF and file.is_file())
    if len(found) > 1:
        names = _some([file.name for file in found])
        raise ModelError(
            en=f"{base}: {len(found)} GGUF files ({names}). Give the path of one of them.",
            zh=f"{base}：有 {len(found)} 个 GGUF 文件（{names}）。请给出其中一个的路径。",
        )
    return found[0] if found else None


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the folder's weights, as transformers chooses them; of a GGUF, itself.

    Raises ModelError when there are none, or when the index names a shard that is not there.
    """
    if (gguf := gguf_file(folder)) is not None:
        return [gguf]
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


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a tensor stands, and what it is."""

    file: Path | None
    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size(self) -> int:
        """Bytes of its values."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


def catalogue(files: list[Path]) -> dict[str, Stored]:
    """Name -> what is stored, file by file.

    Raises ModelError for a truncated file, a pickle that holds more than tensors, a type that torch does not have.
    """
    found: dict[str, Stored] = {}
    for path in files:
        if path.suffix.lower() == GGUF:
            raise ModelError(
                en=f"{path}: a GGUF answers and is tuned, but is not converted. Use the weights that it was made from.",
                zh=f"{path}：GGUF 可用于回答和微调，但不能转换。请使用生成它的原始权重。",
            )
        try:
            found |= _in_safetensors(path) if path.suffix == ".safetensors" else _in_pickle(path)
        except _UNREADABLE as error:
            raise _unreadable(path, error) from None
    return found


def shapes_of(files: list[Path]) -> dict[str, tuple[int, ...]]:
    """Name -> shape over all files; raises ModelError as `catalogue`."""
    return {name: stored.shape for name, stored in catalogue(files).items()}


def _in_safetensors(path: Path) -> dict[str, Stored]:
    with safe_open(path, framework="pt") as tensors:
        slices = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118
        return {n: Stored(path, tuple(s.get_shape()), _dtype(path, n, s.get_dtype())) for n, s in slices.items()}


def _dtype(path: Path, name: str, kind: str) -> torch.dtype:
    if kind in DTYPES:
        return DTYPES[kind]
    raise ModelError(
        en=f"{path}: {name} is of type {kind}, which is not supported. Use the base weights in 16 or 32 bits.",
        zh=f"{path}：{name} 的类型 {kind} 暂不支持。请使用 16 位或 32 位的基座权重。",
    )


def _in_pickle(path: Path) -> dict[str, Stored]:
    state = _unpickled(path, map_location="meta")
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ValueError("a dictionary of tensors was expected")
    return {name: Stored(path, tuple(value.shape), value.dtype) for name, value in state.items()}


def _unpickled(path: Path, **how: Any) -> Any:
    with warnings.catch_warnings():
        # about pickles that torch did not write; what they may not hold is refused all the same
        warnings.simplefilter("ignore", UserWarning)
        return torch.load(path, weights_only=True, **how)


class Checkpoint:
    """A folder's tensors, read one at a time; only the `open_files` used last stay open."""

    def __init__(self, folder: Path, open_files: int = 1) -> None:
        self.stored = catalogue(weight_files(folder))
        self._limit = open_files
        self._open: OrderedDict[Path, Callable[[str], torch.Tensor]] = OrderedDict()

    def read(self, name: str) -> torch.Tensor:
        """The tensor, mapped from its file where the file's format allows it."""
        path = self.stored[name].file
        assert path is not None
        if path not in self._open:
            while len(self._open) >= self._limit:
                self._open.popitem(last=False)
            self._open[path] = _opened(path)
        self._open.move_to_end(path)
        try:
            return self._open[path](name)
        except _UNREADABLE as error:
            raise _unreadable(path, error) from None


def tensors_of(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of one file, in memory; raises ModelError as `catalogue`."""
    names = catalogue([path])
    try:
        read = _opened(path)
        return {name: read(name).clone() for name in names}
    except _UNREADABLE as error:
        raise _unreadable(path, error) from None


def _opened(path: Path) -> Callable[[str], torch.Tensor]:
    if path.suffix == ".safetensors":
        tensors: Any = safe_open(path, framework="pt")
        return lambda name: torch.as_tensor(tensors.get_tensor(name))
    # pickles from before torch 1.6 are no archives, and cannot be mapped
    state = _unpickled(path, map_location="cpu", mmap=zipfile.is_zipfile(path))
    return lambda name: torch.as_tensor(state[name])


def refuse_unsaid(folder: Path, names: Iterable[str], config: Any) -> None:
    """Raises ModelError when a name is that of a P-tuning prefix or of quantised weights that config.json has not."""
    names = list(names)
    for part, (key, en, zh) in _SAID_BY.items():
        name = next((name for name in names if part in name), None)
        if name and not getattr(config, key, None):
            raise ModelError(
                en=f"{folder}: {name} belongs to {en}, but config.json has no {key}. "
                "Use the config.json that came with the weights.",
                zh=f"{folder}：{name} 属于{zh}，但 config.json 没有 {key}。请使用与权重配套的 config.json。",
            )


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


def without_tied_head(expected: Shapes, found: Shapes, head: str, tied: bool) -> Shapes:
    """`expected`, without the head and its scales where it is the embedding again and the checkpoint leaves it out."""
    of_head = (head, f"{head}_scale")
    left_out = tied and not any(name in found for name in of_head)
    return {n: shape for n, shape in expected.items() if not (left_out and n in of_head)}


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "") or "-"
