"""The benchmark of packed bases, run whole on tiny models; its figures mean nothing here, its parts must work."""

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import tables
from gguf import GGUFReader

import _random_gguf
import decode
from _random_base import Sizes, write_base
from doctorglm import models
from doctorglm.models.decoding import compiled

needs_compiler = pytest.mark.skipif(compiled.kernels() is None, reason="no compiler, or another processor")


def options(folder: Path) -> tuple[Namespace, Any]:
    sizes = ["--prompt", "24", "--tokens", "5", "--round-tokens", "3", "--rounds", "2"]
    made: tuple[Namespace, Any] = decode.parsed(["--folder", str(folder), "--tiny", *sizes])
    return made


@needs_compiler
def test_all_of_it_runs(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="llama.cpp is the peer")
    result = decode.measured(*options(tmp_path))
    assert json.loads(json.dumps(result)) == result
    assert result["memory"].keys() == {"int8", "int8-embeddings", "int4"} and result["beside"].keys() == {"f16", "q4_0"}
    for one in result["beside"].values():
        assert one["ours_bytes"] == pytest.approx(one["theirs_bytes"], rel=0.01)
        assert len(one["rounds"]) == one["ratio"]["n"] == 2
        shares = sorted(
            r["theirs_ms"] / one["theirs_bytes"] / (r["ours_ms"] / one["ours_bytes"]) for r in one["rounds"]
        )
        assert shares == pytest.approx([one["ratio"]["low"], one["ratio"]["high"]])
    assert all(rate > 0 for kind in ("int4", "int8", "float16") for rate in result["layer"][kind].values())
    table = tables._decode(result)
    assert f"{result['memory']['int4']['memory']['above_imports_gb']:.2f} GB" in table
    assert "| INT8, embedding and head too, " in table
    assert f"{result['beside']['q4_0']['ratio']['value']:.2f}" in table


@pytest.mark.parametrize("head", ["f16", "q4_0"])
def test_at_full_size_both_read_as_many_bytes(head: str) -> None:
    """By hand: 28 layers of 12 x 4096^2 values of half a byte with 4 bytes a row, and a head in float16."""
    ours = 28 * (12 * 4096**2 // 2 + 4 * (3 + 1 + 4 + 1) * 4096) + 2 * 130_528 * 4096
    _, shape = decode.peer(Namespace(folder=Path()), Sizes(), head)
    values = 28 * (4 * 4096**2 + 3 * 4096 * shape.inner)
    theirs = values * 18 // 32 + 130_528 * 4096 * (2 if head == "f16" else 18 / 32)
    assert shape.bytes_read() == theirs == pytest.approx(ours, rel=1e-3)


def test_embedding_and_head_are_packed_too(tmp_path: Path) -> None:
    _, sizes = options(tmp_path)
    write_base(tmp_path / "base", sizes, published=False, bits=8, embeddings=True)
    model, _ = models.load(tmp_path / "base", lean=True)
    table = model.transformer.word_embeddings
    assert model.lm_head.weight is table.weight and table.weight.shape == (16_000, 256)
    assert 0.01 < float(table.dequantized().std()) < 0.03
    hidden, inner = 256, 512
    values, rows = 2 * (4 * hidden**2 + 2 * hidden * inner), 2 * (5 * hidden + inner)
    assert decode.read_by_token(model) == values + 4 * rows + 16_000 * (hidden + 4)
    vectors = sum(p.nbytes for p in model.parameters())
    assert decode.weight_bytes(model) == decode.read_by_token(model) + vectors, "the head is the embedding again"


@pytest.mark.parametrize("bits", [4, 8])
def test_the_packed_folder_is_one_that_users_have(bits: int, tmp_path: Path) -> None:
    """Official names and types; weights that spread as others do; what a token reads."""
    _, sizes = options(tmp_path)
    write_base(tmp_path / "base", sizes, published=False, bits=bits)
    model, _ = models.load(tmp_path / "base", lean=True)
    one = model.get_submodule("transformer.layers.1.mlp.dense_h_to_4h")
    assert one.kind == f"int{bits}" and 0.01 < float(one.dequantized().std()) < 0.03
    assert abs(float(one.dequantized().mean())) < 1e-3
    hidden, inner = 256, 512
    values, rows = 2 * (4 * hidden**2 + 2 * hidden * inner), 2 * (5 * hidden + inner)
    assert decode.read_by_token(model) == values * bits // 8 + 4 * rows + 2 * 16_000 * hidden
    assert decode.weight_bytes(model) >= decode.read_by_token(model)


def test_the_peers_file_is_q4_0(tmp_path: Path) -> None:
    shape = _random_gguf.shape_of(2_000_000, layers=2, width=128, heads=2, vocabulary=1000, head="f16")
    file = tmp_path / "peer.gguf"
    _random_gguf.write_gguf(file, shape)
    matrices = {t.name: t for t in GGUFReader(file).tensors if len(t.shape) == 2}
    assert sum(int(t.n_bytes) for t in matrices.values()) == shape.bytes_read() == pytest.approx(2_000_000, rel=0.02)
    assert {t.tensor_type.name for n, t in matrices.items() if n != "token_embd.weight"} == {"Q4_0"}
    written = file.stat().st_mtime_ns
    _random_gguf.write_gguf(file, shape)
    assert file.stat().st_mtime_ns == written, "a complete file is used again"
