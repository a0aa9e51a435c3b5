"""Tensors under llama.cpp's names and in its types, one at a time; what rounding takes from them is measured.

Matrices become the type that was asked for, in 16 bits where a row does not divide into its blocks; vectors stay in 32
bits, as llama.cpp's own converter has them. Source: the packages gguf (names, block formats) and numpy.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from doctorglm.errors import ConfigError, ModelError
from doctorglm.models.llamacpp.architectures import ARCHITECTURES, head_size
from doctorglm.models.writing import Output, Read

TYPES = ("f32", "f16", "bf16", "q8_0", "q4_0")
"""What `--type` may be; the package gguf packs all of them without llama.cpp."""
DEFAULT_TYPE = "f16"

_FREQUENCIES = "rope_freqs.weight"
_ROWS = 4096
"""Rows that are packed and compared at a time, so that memory holds a tensor and not copies of it."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Packed:
    """A tensor as it will stand in the file."""

    name: str
    shape: tuple[int, ...]
    kind: Any
    """gguf's GGMLQuantizationType."""
    size: int
    """Bytes of its values."""
    output: Output | None
    """Where it comes from; None for what is computed."""
    values: Floats | None = None


class Error:
    """What rounding takes: the root of the mean square, and the largest difference, each as a share of the weights."""

    def __init__(self) -> None:
        self._square = self._apart = self.largest = 0.0
        self.exact = self.tensors = 0

    @property
    def relative(self) -> float:
        """Root mean square of the difference over that of the weights."""
        return math.sqrt(self._apart / self._square) if self._square else 0.0

    def add(self, before: Floats, after: Floats) -> bool:
        """Counts rows in; True when they are the same to the bit."""
        apart = np.abs(after - before)
        self._square += float(np.square(before, dtype=np.float64).sum())
        self._apart += float(np.square(apart, dtype=np.float64).sum())
        self.largest = max(self.largest, float(apart.max(initial=0.0)))
        return bool(np.array_equal(before, after))


def known_type(name: str | None) -> str:
    """The type of that name, `DEFAULT_TYPE` for None; raises ConfigError for one that is none."""
    chosen = name or DEFAULT_TYPE
    if chosen not in TYPES:
        raise ConfigError(
            en=f"--type {chosen}: it must be {', '.join(TYPES[:-1])} or {TYPES[-1]}. Choose one of them; llama.cpp's "
            "own llama-quantize makes others of an f16.",
            zh=f"--type {chosen} 无效：应为 {'、'.join(TYPES[:-1])} 或 {TYPES[-1]}。请选择其一；"
            "其他类型可用 llama.cpp 的 llama-quantize 从 f16 生成。",
        )
    return chosen


def packed_tensors(where: Path, outputs: list[Output], config: Any, kind: str) -> list[Packed]:
    """What the file will hold, in order; raises ModelError for a tensor that llama.cpp has no name for."""
    import gguf

    wanted = gguf.GGMLQuantizationType[kind.upper()]
    architecture = ARCHITECTURES[config.model_type]
    number = next(n for n, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(number, config.num_hidden_layers)
    made = []
    for output in outputs:
        if output.name == "lm_head.weight" and config.tie_word_embeddings:
            # llama.cpp takes the embedding where there is no head
            continue
        name = names.get_name(output.name, try_suffixes=(".weight", ".bias"))
        if name is None:
            raise ModelError(
                en=f"{where}: {output.name}: llama.cpp's {architecture} has no such tensor, and leaving it out would "
                "give other answers. Serve this model with DoctorGLM itself.",
                zh=f"{where}：llama.cpp 的 {architecture} 没有 {output.name} 这个张量，略去它会得到不同的回答。"
                "请直接用 DoctorGLM 运行该模型。",
            )
        made.append(_packed(name, output, _kind_of(output.shape, wanted)))
    frequencies = _frequencies(config)
    if frequencies is not None:
        kind_f32 = gguf.GGMLQuantizationType.F32
        made.append(Packed(_FREQUENCIES, frequencies.shape, kind_f32, frequencies.nbytes, None, frequencies))
    return made


def _packed(name: str, output: Output, kind: Any) -> Packed:
    import gguf

    block, size = gguf.GGML_QUANT_SIZES[kind]
    return Packed(name, output.shape, kind, math.prod(output.shape) // block * size, output)


def _kind_of(shape: tuple[int, ...], wanted: Any) -> Any:
    import gguf

    if len(shape) == 1:
        return gguf.GGMLQuantizationType.F32
    block, _ = gguf.GGML_QUANT_SIZES[wanted]
    return wanted if shape[-1] % block == 0 else gguf.GGMLQuantizationType.F16


def values_of(one: Packed, config: Any, read: Read) -> Floats:
    """The tensor's numbers in 32 bits, rows where llama.cpp has them."""
    if one.output is None:
        assert one.values is not None
        return one.values
    values: Floats = one.output.make(read).float().contiguous().numpy()
    if config.model_type == "llama":
        if ".attn_q." in one.name:
            return _alternating(values, config.num_attention_heads)
        if ".attn_k." in one.name:
            return _alternating(values, config.num_key_value_heads)
    return values


def _alternating(values: Floats, heads: int) -> Floats:
    """Rows for a rotary of neighbours, which llama.cpp's Llama has, from those for one of halves."""
    rows = values.reshape(heads, 2, -1, *values.shape[1:])
    return np.ascontiguousarray(rows.swapaxes(1, 2)).reshape(values.shape)


def packed_bytes(where: Path, one: Packed, values: Floats, error: Error) -> npt.NDArray[Any]:
    """The tensor in its type; `error` counts what was lost.

    Raises ModelError where the type has no room for a value.
    """
    import gguf

    chunks, exact = [], True
    for rows in _in_rows(values):
        with np.errstate(over="ignore"):  # told below
            chunk = gguf.quants.quantize(rows, one.kind)
        back = gguf.quants.dequantize(chunk, one.kind)
        if not np.isfinite(back).all():
            raise ModelError(
                en=f"{where}: {one.name} has values up to {np.abs(rows).max():.3g}, for which {one.kind.name} has no "
                "room. Use --type bf16 or f32.",
                zh=f"{where}：{one.name} 的数值高达 {np.abs(rows).max():.3g}，超出 {one.kind.name} 的范围。"
                "请使用 --type bf16 或 f32。",
            )
        exact &= error.add(rows, back.reshape(rows.shape).astype(np.float32))
        chunks.append(chunk)
    error.tensors += 1
    error.exact += exact
    return np.concatenate(chunks)


def rounded(weight: torch.Tensor, kind: str) -> torch.Tensor:
    """A weight with the values that it will have in the file, in 32 bits and its own shape."""
    import gguf

    chosen = _kind_of(tuple(weight.shape), gguf.GGMLQuantizationType[kind.upper()])
    values: Floats = weight.detach().float().contiguous().numpy()
    rows = [gguf.quants.dequantize(gguf.quants.quantize(part, chosen), chosen) for part in _in_rows(values)]
    return torch.from_numpy(np.concatenate(rows).reshape(weight.shape).astype(np.float32))


def _in_rows(values: Floats) -> Iterator[Floats]:
    if values.ndim == 1:
        yield values
        return
    for start in range(0, values.shape[0], _ROWS):
        yield values[start : start + _ROWS]


def _frequencies(config: Any) -> Floats | None:
    """What llama.cpp divides the angles of Llama 3.1 and later by; None for every other rotary.

    Source: transformers' `_compute_llama3_parameters`.
    """
    rope = config.rope_parameters
    if rope.get("rope_type") != "llama3":
        return None
    turned, factor = head_size(config), rope["factor"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    inverse = 1.0 / rope["rope_theta"] ** (torch.arange(0, turned, 2, dtype=torch.float64) / turned)
    waves = rope["original_max_position_embeddings"] * inverse / (2 * math.pi)
    smooth = ((waves - low) / (high - low)).clamp(0, 1)
    divisors: Floats = (1 / ((1 - smooth) / factor + smooth)).float().numpy()
    return divisors
