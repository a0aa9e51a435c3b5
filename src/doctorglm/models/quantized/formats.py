"""How a weight is packed into 8 or 4 bits, and unpacked a tile of rows at a time.

INT8 and INT4 are those of the published ChatGLM-6B checkpoints: a scale a row, rounded to float16 before the division.
NF4 is that of QLoRA, byte for byte as bitsandbytes packs it: 16 levels, a scale for each 64 values.
Shapes: O outputs, I inputs, R rows of a tile, N values in a row of the flattened weight.
Sources: https://huggingface.co/THUDM/chatglm-6b-int4; arXiv 2305.14314, appendix E; bitsandbytes 0.50.2.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, get_args

import torch

from doctorglm.errors import ModelError

Quantization = Literal["nf4", "int8", "int4"]

QUANTIZATIONS: tuple[Quantization, ...] = get_args(Quantization)

OF_BITS: dict[int, Quantization] = {8: "int8", 4: "int4"}
"""What `quantization_bit` of an official config.json means."""

BLOCK = 64
"""Values of the flattened weight that share a scale in NF4."""

NF4 = (
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
)  # fmt: skip
"""The levels: quantiles of a normal distribution, with an exact zero."""

_MOST = {"int8": 127, "int4": 7}

_CHUNK = 4 * 2**20
"""Values packed at a time, so that packing needs little memory beside the weight."""


def refuse_other_bits(config: Mapping[str, Any], where: str) -> None:
    """Raises ModelError for an official config.json whose `quantization_bit` was never published."""
    if (bits := config.get("quantization_bit") or 0) not in (0, *OF_BITS):
        raise ModelError(
            en=f"{where}: quantization_bit={bits!r}; the published checkpoints have 8 or 4. "
            "Use the config.json that came with the weights.",
            zh=f"{where}：quantization_bit={bits!r}；官方权重只有 8 或 4。请使用与权重配套的 config.json。",
        )


def named(kind: str, where: str) -> Quantization:
    """The quantisation of that name; raises ModelError with `where` for one that is none."""
    if kind in QUANTIZATIONS:
        return kind
    raise ModelError(
        en=f"{where}: unknown quantisation {kind!r}. It must be one of {', '.join(QUANTIZATIONS)}.",
        zh=f"{where}：未知的量化方式 {kind!r}。可选 {'、'.join(QUANTIZATIONS)}。",
    )


def stored_like(kind: Quantization, outputs: int, inputs: int) -> tuple[tuple[int, int], torch.dtype, int]:
    """Shape and type of the packed weight, and how many scales go with it."""
    if kind == "int8":
        return (outputs, inputs), torch.int8, outputs
    if kind == "int4":
        return (outputs, inputs // 2), torch.int8, outputs
    return (outputs, inputs // 2), torch.uint8, -(-outputs * inputs // BLOCK)


def row_unit(kind: Quantization, inputs: int) -> int:
    """Tiles begin at multiples of this many rows, so that none begins within a block."""
    return 1 if kind != "nf4" else BLOCK // _common(inputs, BLOCK)


def _common(a: int, b: int) -> int:
    return a if b == 0 else _common(b, a % b)


def pack(weight_OI: torch.Tensor, kind: Quantization, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The packed weight, and its scales: float16 (O,) for INT8 and INT4, float32 (blocks,) for NF4.

    Raises ModelError with `name` for a weight that is not finite (in float16, where scales are), and for an odd I.
    """
    outputs, inputs = weight_OI.shape
    if kind != "int8" and inputs % 2:
        raise _unpackable(name, f"{inputs} columns, an odd number", f"{inputs} 列，为奇数")
    unit = row_unit(kind, inputs)
    step = max(unit, _CHUNK // inputs // unit * unit)
    parts = [_packed(weight_OI[start : start + step], kind) for start in range(0, outputs, step)]
    stored, scale = (torch.cat(pieces) for pieces in zip(*parts, strict=True))
    if not scale.isfinite().all():
        raise _unpackable(name, "values that are not finite, or beyond float16", "非有限值，或超出 float16 范围的值")
    return stored, scale


def _unpackable(name: str, en: str, zh: str) -> ModelError:
    return ModelError(
        en=f"{name}: has {en}, and cannot be quantised. Use the weights as they are (--quantization none).",
        zh=f"{name}：含{zh}，无法量化。请直接使用原权重（--quantization none）。",
    )


def _packed(weight_RI: torch.Tensor, kind: Quantization) -> tuple[torch.Tensor, torch.Tensor]:
    if kind == "nf4":
        return _packed_nf4(weight_RI.detach().float())
    most = _MOST[kind]
    half_RI = weight_RI.detach().half()
    scale_R = integer_scales(half_RI, kind)
    # the quotient is rounded to float16, as published, and only then to an integer; a row of zeros has no scale
    quotient_RI = (half_RI / scale_R[:, None]).nan_to_num_(0.0)
    levels_RI = quotient_RI.round_().clamp_(-most, most).to(torch.int8)
    if kind == "int8":
        return levels_RI, scale_R
    return (levels_RI[:, ::2] << 4) | (levels_RI[:, 1::2] & 0x0F), scale_R


def integer_scales(weight_OI: torch.Tensor, kind: Quantization) -> torch.Tensor:
    """(O,) float16: the largest value of each row over the largest level, in float16."""
    return weight_OI.detach().half().abs().amax(1) / _MOST[kind]


def _packed_nf4(weight_RI: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """As bitsandbytes does it: the level is found by the middles between levels."""
    flat = weight_RI.reshape(-1)
    whole = flat.numel() // BLOCK * BLOCK
    blocks = flat[:whole].view(-1, BLOCK)
    largest = blocks.abs().amax(1)
    scaled = (blocks * (1.0 / largest.clamp(min=1e-38))[:, None]).clamp_(-1, 1).view(-1)
    if whole < flat.numel():
        last = flat[whole:].abs().amax().clamp(min=1e-38)
        largest = torch.cat([largest, last[None]])
        scaled = torch.cat([scaled, (flat[whole:] / last).clamp_(-1, 1)])
    levels = _levels(flat.device)
    index = torch.bucketize(scaled, (levels[:-1] + levels[1:]) / 2, out_int32=True).to(torch.uint8)
    return ((index[::2] << 4) | index[1::2]).view(len(weight_RI), -1), largest


@cache
def _levels(device: torch.device) -> torch.Tensor:
    with torch.inference_mode(False):
        return torch.tensor(NF4, device=device)


@cache
def _pairs(kind: Quantization, device: torch.device) -> torch.Tensor:
    """(256,) complex64: the two values of each byte side by side, so that one look-up unpacks both."""
    with torch.inference_mode(False):
        signed = [float(i - 16 if i > 7 else i) for i in range(16)]
        values = torch.tensor(NF4 if kind == "nf4" else signed)
        both = torch.stack([values.repeat_interleave(16), values.repeat(16)], 1)
        return torch.view_as_complex(both).to(device)


def unpack(stored_RX: torch.Tensor, scale: torch.Tensor, kind: Quantization, out_RI: torch.Tensor) -> torch.Tensor:
    """The rows in float32, written to `out_RI`; `scale` are theirs alone."""
    if kind == "int8":
        return out_RI.copy_(stored_RX).mul_(scale[:, None])
    flat = out_RI.view(-1)
    which = stored_RX.reshape(-1).view(torch.uint8).int()
    torch.index_select(_pairs(kind, flat.device), 0, which, out=flat.view(torch.complex64))
    if kind == "int4":
        return out_RI.mul_(scale[:, None])
    whole = len(flat) // BLOCK * BLOCK
    flat[:whole].view(-1, BLOCK).mul_(scale[: whole // BLOCK, None])
    if whole < len(flat):
        flat[whole:].mul_(scale[-1])
    return out_RI


def scales_of(scale: torch.Tensor, kind: Quantization, inputs: int, rows: slice) -> torch.Tensor:
    """The scales of some rows, which begin at a multiple of `row_unit`."""
    if kind != "nf4":
        return scale[rows]
    return scale[rows.start * inputs // BLOCK : -(-rows.stop * inputs // BLOCK)]
