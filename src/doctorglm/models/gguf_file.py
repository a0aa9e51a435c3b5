"""A GGUF file, llama.cpp's one file of weights and vocabulary: checked as it lies, then unpacked by transformers.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import io
import json
import mmap
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from doctorglm.errors import ModelError

_VERSIONS = (2, 3)
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""GGUF's number of a type -> struct's letter."""
_STRING, _ARRAY = 8, 9
_ALIGNMENT = 32
_NAME = "model.gguf"
_FAILED = (OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, ImportError)
"""What transformers and gguf raise for a file that is not as they expect."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF says of itself before its weights."""

    architecture: str
    tokens: int
    """Of its vocabulary."""
    parts: int
    """Files that the model is split into."""
    end: int
    """Bytes that the file has when it is whole."""


def read_header(file: Path) -> Header:
    """The header of a GGUF; raises ModelError for a file that is none, is truncated, or of an unknown type."""
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            header, size = _header(file, _Reader(data)), len(data)
    except FileNotFoundError:
        raise ModelError(
            en=f"{file}: no such file. Check the path.", zh=f"{file}：没有这个文件。请检查路径。"
        ) from None
    except (struct.error, OverflowError, UnicodeDecodeError):
        raise _truncated(file, en="it ends, or is damaged, within its header", zh="文件头不完整或已损坏") from None
    except ValueError:  # nothing in it to map
        raise _no_gguf(file) from None
    if size < header.end:
        raise _truncated(file, en=f"{size} of {header.end} bytes", zh=f"应有 {header.end} 字节，实有 {size}")
    return header


def load_gguf(file: Path, dtype: torch.dtype) -> tuple[PreTrainedModel, Any]:
    """The model with its weights unpacked to `dtype`, and the tokenizer with its chat template, both of the one file.

    Raises ModelError as `read_header`, for a part of a split model, for what transformers does not know, and without
    the package gguf.
    """
    if find_spec("gguf") is None:
        raise ModelError(
            en=f"{file}: reading a GGUF needs the package gguf. Run pip install 'doctorglm[gguf]'.",
            zh=f"{file}：读取 GGUF 需要 gguf 包。请运行 pip install 'doctorglm[gguf]'。",
        )
    header = read_header(file)
    if header.parts > 1:
        raise ModelError(
            en=f"{file}: one of {header.parts} parts of a model. Join them with llama.cpp's llama-gguf-split --merge.",
            zh=f"{file}：只是模型 {header.parts} 个分片之一。请先用 llama.cpp 的 llama-gguf-split --merge 合并。",
        )
    try:
        with _alone(file) as folder, redirect_stderr(io.StringIO()):  # a bar that no setting turns off
            tokenizer = _tokenizer(folder, header.tokens)
            model, report = _unpacked(folder, dtype)
    except _FAILED as error:
        raise ModelError(
            en=f"{file}: a GGUF of the architecture {header.architecture}, which cannot be loaded here "
            f"({_first(error)}). Serve it with llama.cpp, and give the server's address; or use the weights that it "
            "was made from.",
            zh=f"{file}：GGUF 的架构为 {header.architecture}，无法在此加载（{_first(error)}）。"
            "请用 llama.cpp 启动服务并给出其地址，或使用生成它的原始权重。",
        ) from error
    wrong = sorted({*map(str, report["missing_keys"]), *map(str, report["mismatched_keys"])})
    if wrong:
        said = ", ".join(wrong[:3])
        raise ModelError(
            en=f"{file}: {len(wrong)} tensors of a {header.architecture} are missing or of another shape ({said}). "
            "Fetch the file again, or make it anew.",
            zh=f"{file}：缺少 {header.architecture} 的 {len(wrong)} 个张量，或形状不符（{said}）。"
            "请重新下载或重新生成。",
        )
    # PEFT looks for a config.json under a name, also at the hub
    model.config._name_or_path = model.name_or_path = tokenizer.name_or_path = ""
    return model, tokenizer


_OURS: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}


def _tokenizer(folder: Path, tokens: int) -> Any:
    """The tokenizer of the file, with its tokens alone, and, as in llama.cpp, without Unicode normalisation.

    transformers gives each byte-level one GPT-2's end token, and AutoTokenizer those of a family, at ids that the model
    has no rows for.
    """
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, gguf_file=_NAME, **_OURS)
    if len(tokenizer) <= tokens:
        return tokenizer
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["id"] < tokens]
    roles = {"bos_token": tokenizer.bos_token, "eos_token": tokenizer.eos_token, "pad_token": tokenizer.pad_token}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(content)), chat_template=tokenizer.chat_template, **roles
    )


def _unpacked(folder: Path, dtype: torch.dtype) -> tuple[Any, dict[str, Any]]:
    from transformers import GgufConfig

    model, report = AutoModelForCausalLM.from_pretrained(
        folder,
        gguf_file=_NAME,
        dtype=dtype,
        quantization_config=GgufConfig(dequantize=True),
        output_loading_info=True,
        **_OURS,
    )
    return model, report


@contextmanager
def _alone(file: Path) -> Iterator[Path]:
    """A folder that holds nothing but the file: what lies beside it must not be taken for a part of the model."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / _NAME).symlink_to(file.resolve())
        yield Path(folder)


class _Reader:
    """Reads a header's values one after the other."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.place = 0

    def number(self, letter: str) -> Any:
        (value,) = struct.unpack_from(f"<{letter}", self._data, self.place)
        self.place += struct.calcsize(f"<{letter}")
        return value

    def text(self) -> str:
        start = self._skipped(self.number("Q"))
        return self._data[start : self.place].decode("utf-8")

    def value(self) -> Any:
        """A number or a text; of an array, which is passed over, how many it holds."""
        kind = self.number("I")
        if kind == _STRING:
            return self.text()
        if kind != _ARRAY:
            return self.number(_letter(kind))
        kind, count = self.number("I"), self.number("Q")
        if kind != _STRING:
            self._skipped(count * struct.calcsize(_letter(kind)))
            return count
        for _ in range(count):
            self._skipped(self.number("Q"))
        return count

    def _skipped(self, size: int) -> int:
        start, self.place = self.place, self.place + size
        if self.place > len(self._data):
            raise struct.error("beyond the end")
        return start


def _letter(kind: int) -> str:
    if kind not in _NUMBERS:
        raise struct.error(f"type {kind}")
    return _NUMBERS[kind]


def _header(file: Path, reader: _Reader) -> Header:
    if reader.number("I") != int.from_bytes(b"GGUF", "little"):
        raise _no_gguf(file)
    version = reader.number("I")
    if version not in _VERSIONS:
        raise ModelError(
            en=f"{file}: GGUF version {version}; {_VERSIONS[0]} and {_VERSIONS[1]}, little-endian, can be read. "
            "Make the file anew with a current llama.cpp.",
            zh=f"{file}：GGUF 版本为 {version}，只能读取小端序的版本 {_VERSIONS[0]} 和 {_VERSIONS[1]}。"
            "请用新版 llama.cpp 重新生成。",
        )
    tensors, pairs = reader.number("Q"), reader.number("Q")
    values = {reader.text(): reader.value() for _ in range(pairs)}
    ends = [_end(file, reader) for _ in range(tensors)]
    alignment = int(values.get("general.alignment") or _ALIGNMENT)
    start = -(-reader.place // alignment) * alignment
    return Header(
        architecture=str(values.get("general.architecture", "?")),
        tokens=int(values.get("tokenizer.ggml.tokens") or 0),
        parts=int(values.get("split.count") or 1),
        end=start + max(ends, default=0),
    )


def _end(file: Path, reader: _Reader) -> int:
    """Where a tensor ends, counted from where the first one begins."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    name = reader.text()
    shape = [reader.number("Q") for _ in range(reader.number("I"))]
    kind, offset = reader.number("I"), reader.number("Q")
    try:
        block, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    except (ValueError, KeyError):
        raise ModelError(
            en=f"{file}: {name} is packed as type {kind}, which the installed gguf does not know. "
            "Run pip install --upgrade gguf.",
            zh=f"{file}：{name} 的量化类型 {kind} 是已安装的 gguf 所不认识的。请运行 pip install --upgrade gguf。",
        ) from None
    return int(offset + prod(shape) // block * size)


def _no_gguf(file: Path) -> ModelError:
    return ModelError(
        en=f"{file}: not a GGUF file; it does not begin with GGUF. Fetch it again: a page or a pointer of Git LFS may "
        "have taken its name.",
        zh=f"{file}：不是 GGUF 文件，开头不是 GGUF。请重新下载：它可能是网页或 Git LFS 指针。",
    )


def _truncated(file: Path, *, en: str, zh: str) -> ModelError:
    return ModelError(
        en=f"{file}: truncated or damaged ({en}). Fetch the file again and compare its size.",
        zh=f"{file}：文件不完整或已损坏（{zh}）。请重新下载并核对大小。",
    )


def _first(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
