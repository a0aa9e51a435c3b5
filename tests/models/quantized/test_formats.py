"""Packing against hand arithmetic, a slow reference in other words, and bytes that bitsandbytes made."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from doctorglm.errors import ModelError
from doctorglm.models.quantized.formats import NF4, QUANTIZATIONS, named, pack, row_unit, scales_of, unpack

GOLDEN = Path(__file__).with_name("nf4_bitsandbytes.json")


def unpacked(stored: torch.Tensor, scale: torch.Tensor, kind: str, shape: tuple[int, int]) -> torch.Tensor:
    return unpack(stored, scale.float(), kind, torch.empty(shape))  # type: ignore[arg-type]


def half(value: float) -> float:
    """Rounded to the nearest float16, by Python's own packing."""
    return float(struct.unpack("e", struct.pack("e", value))[0])


def by_hand(row: list[float], most: int) -> tuple[float, list[int]]:
    """Scale and levels of one row, one number at a time: every step rounded to float16, halves to even."""
    row = [half(value) for value in row]
    scale = half(max(map(abs, row)) / most)
    return scale, [round(half(value / scale)) for value in row]


@pytest.mark.parametrize(("kind", "most"), [("int8", 127), ("int4", 7)])
def test_integers_are_packed_as_published(kind: str, most: int) -> None:
    weight = torch.randn(13, 34, generator=torch.Generator().manual_seed(1)) * 0.05
    stored, scale = pack(weight, kind, "w")  # type: ignore[arg-type]
    assert stored.dtype == torch.int8 and scale.dtype == torch.float16
    for row, bytes_of, scale_of in zip(weight.tolist(), stored.tolist(), scale.tolist(), strict=True):
        expected, levels = by_hand(row, most)
        assert scale_of == expected
        if kind == "int8":
            assert bytes_of == levels
        else:  # the even column in the high four bits, both with their sign
            pairs = zip(levels[::2], levels[1::2], strict=True)
            assert bytes_of == [struct.unpack("b", bytes([(a % 16) << 4 | b % 16]))[0] for a, b in pairs]


def test_the_quotient_is_rounded_to_float16_before_it_is_rounded_to_an_integer() -> None:
    """A little more than 6.5 becomes 6.5 in float16, and goes to the even 6; divided in 32 bits it would go to 7."""
    row = [127.125, 6.5078125]
    scale = half(row[0] / 127)
    assert row[1] / scale > 6.5 and half(row[1] / scale) == 6.5
    stored, found = pack(torch.tensor([row]), "int8", "w")
    assert stored.tolist() == [[127, 6]] and found.tolist() == [scale]


def test_a_row_of_zeros_stays_one() -> None:
    weight = torch.zeros(3, 128)
    weight[1] = torch.linspace(-1, 1, 128)
    for kind in QUANTIZATIONS:
        back = unpacked(*pack(weight, kind, "w"), kind, (3, 128))
        assert back[0].eq(0).all() and back[2].eq(0).all() and (back[1] - weight[1]).abs().max() < 0.16


@pytest.mark.parametrize("kind", QUANTIZATIONS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(kind: str, bad: float) -> None:
    """C076: numbers that overflow are an error, and no answer."""
    weight = torch.ones(4, 64)
    weight[2, 5] = bad
    with pytest.raises(ModelError, match=r"layer 3: has values that are not finite"):
        pack(weight, kind, "layer 3")  # type: ignore[arg-type]


def test_beyond_float16_is_refused_where_scales_are_float16() -> None:
    weight = torch.full((1, 64), 70_000.0)
    with pytest.raises(ModelError, match="beyond float16"):
        pack(weight, "int8", "w")
    assert unpacked(*pack(weight, "nf4", "w"), "nf4", (1, 64)).eq(70_000).all()


def test_odd_columns_have_no_pairs() -> None:
    for kind in ("int4", "nf4"):
        with pytest.raises(ModelError, match="3 columns, an odd number"):
            pack(torch.ones(2, 3), kind, "w")  # type: ignore[arg-type]
    assert unpacked(*pack(torch.ones(2, 3), "int8", "w"), "int8", (2, 3)).sub(1).abs().max() < 1e-3


def test_an_unknown_name_lists_the_known_ones() -> None:
    assert named("int4", "x") == "int4"
    with pytest.raises(ModelError, match=r"base\.json: unknown quantisation 'fp3'\. It must be one of nf4, int8, int4"):
        named("fp3", "base.json")


@pytest.mark.parametrize("shape", [(6, 96), (5, 34), (3, 64), (1, 2)])
def test_nf4_by_brute_force(shape: tuple[int, int]) -> None:
    """Every value is the nearest of 16 levels times the largest of its 64; blocks run over the ends of rows."""
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float32)
    stored, scale = pack(weight, "nf4", "w")
    assert stored.dtype == torch.uint8 and tuple(stored.shape) == (shape[0], shape[1] // 2)
    flat = weight.numpy().reshape(-1)
    expected = np.empty_like(flat)
    for at in range(0, len(flat), 64):
        block = flat[at : at + 64]
        largest = np.abs(block).max()
        assert scale[at // 64].item() == largest
        for i, value in enumerate(block):
            level = min(NF4, key=lambda level, v=value / largest: abs(v - level))  # type: ignore[misc]
            expected[at + i] = np.float32(level) * largest
    assert np.array_equal(unpacked(stored, scale, "nf4", shape).numpy().reshape(-1), expected)


def test_nf4_is_what_bitsandbytes_packs() -> None:
    """Golden bytes of bitsandbytes 0.50.2 on a CPU; the file says how they were made."""
    golden = json.loads(GOLDEN.read_text("utf-8"))
    for case in golden["cases"]:
        weight = torch.randn(case["shape"], generator=torch.Generator().manual_seed(case["seed"]))
        stored, scale = pack(weight, "nf4", "w")
        assert stored.numpy().tobytes().hex() == case["packed"]
        assert scale.numpy().tobytes().hex() == case["absmax"]
        back = unpacked(stored, scale, "nf4", tuple(case["shape"]))
        assert back.numpy().tobytes().hex() == case["unpacked"]


def test_nf4_against_the_installed_bitsandbytes() -> None:
    theirs = pytest.importorskip("bitsandbytes.functional", reason="needs bitsandbytes, which is not installed")
    for shape in ((48, 96), (7, 34), (300, 256)):
        weight = torch.randn(shape, generator=torch.Generator().manual_seed(3))
        packed, state = theirs.quantize_4bit(weight, blocksize=64, quant_type="nf4")
        stored, scale = pack(weight, "nf4", "w")
        assert torch.equal(stored.view(-1), packed.view(-1)) and torch.equal(scale, state.absmax)
        if shape[1] != 96:  # of whole blocks in rows that are none, 0.50.2 unpacks some with the scale of another
            assert torch.equal(unpacked(stored, scale, "nf4", shape), theirs.dequantize_4bit(packed, state))


@pytest.mark.parametrize("kind", QUANTIZATIONS)
@pytest.mark.parametrize("inputs", [64, 34, 96, 2])
def test_tiles_are_the_rows_of_the_whole(kind: str, inputs: int) -> None:
    weight = torch.randn(200, inputs, generator=torch.Generator().manual_seed(4))
    stored, scale = pack(weight, kind, "w")  # type: ignore[arg-type]
    whole = unpacked(stored, scale, kind, (200, inputs))
    step = row_unit(kind, inputs)  # type: ignore[arg-type]
    assert step * inputs % 64 == 0 or kind != "nf4"
    for start in range(0, 200, step):
        rows = slice(start, min(start + step, 200))
        tile = unpacked(stored[rows], scales_of(scale, kind, inputs, rows), kind, (rows.stop - start, inputs))  # type: ignore[arg-type]
        assert torch.equal(tile, whole[rows])


@pytest.mark.parametrize(("kind", "share"), [("int8", 0.5 / 127 + 5e-4), ("int4", 0.5 / 7 + 5e-4), ("nf4", 0.16)])
def test_no_value_is_further_off_than_half_a_step(kind: str, share: float) -> None:
    weight = torch.randn(64, 256, generator=torch.Generator().manual_seed(5))
    back = unpacked(*pack(weight, kind, "w"), kind, (64, 256))  # type: ignore[arg-type]
    assert ((back - weight).abs() <= share * weight.abs().amax(1, keepdim=True)).all()
    assert (back - weight).abs().max() > 0
