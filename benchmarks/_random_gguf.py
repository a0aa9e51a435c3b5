"""A GGUF of random weights in Llama's shape, in Q4_0, as llama.cpp reads it: a peer of equal bytes, and no model.

Each matrix repeats one random block of packed weights, whose scales let them spread as trained ones do. The width of
the MLP is what makes the bytes of the layers those that are asked for. The embedding, which is the head too, is in
float16 or in Q4_0. The vocabulary is made up.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, TokenType

_BLOCK_VALUES, _BLOCK_BYTES = 32, 18
_REPEATED = 2**18 - 5


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What is written."""

    layers: int
    width: int
    inner: int
    heads: int
    vocabulary: int
    head: Literal["f16", "q4_0"]

    def layer_values(self) -> int:
        """Values of one layer's matrices."""
        return 4 * self.width**2 + 3 * self.width * self.inner

    def head_bytes(self) -> int:
        """Bytes of the head, which is the embedding."""
        values = self.vocabulary * self.width
        return 2 * values if self.head == "f16" else values // _BLOCK_VALUES * _BLOCK_BYTES

    def bytes_read(self) -> int:
        """Bytes of the matrices that each token is multiplied with."""
        return self.layers * self.layer_values() // _BLOCK_VALUES * _BLOCK_BYTES + self.head_bytes()


def shape_of(wanted: int, *, layers: int, width: int, heads: int, vocabulary: int, head: Any) -> Shape:
    """The shape whose tokens read as nearly as possible `wanted` bytes."""
    shape = Shape(layers=layers, width=width, inner=0, heads=heads, vocabulary=vocabulary, head=head)
    per_inner = layers * 3 * width * _BLOCK_BYTES / _BLOCK_VALUES
    inner = max(1, round((wanted - shape.bytes_read()) / per_inner / _BLOCK_VALUES)) * _BLOCK_VALUES
    return Shape(**{**asdict(shape), "inner": inner})


def write_gguf(file: Path, shape: Shape) -> None:
    """Writes the file unless it is there; exits with a message when the disk is too small for it."""
    mark = file.with_suffix(".json")
    if file.is_file() and mark.is_file() and json.loads(mark.read_text("utf-8")) == asdict(shape):
        print(f"{file}: complete, used as it is", file=sys.stderr)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    mark.unlink(missing_ok=True)
    if shutil.disk_usage(file.parent).free < shape.bytes_read() + 10**9:
        sys.exit("Not enough disk. Free some, or give --folder on another disk.")
    writer = GGUFWriter(file, "llama")
    _describe(writer, shape)
    matrices = dict(_matrices(shape))
    for name, (rows, columns, kind) in matrices.items():
        row_bytes = 2 * columns if kind == GGMLQuantizationType.F16 else columns // _BLOCK_VALUES * _BLOCK_BYTES
        writer.add_tensor_info(name, (rows, row_bytes), np.dtype(np.uint8), rows * row_bytes, kind)
    norms = ["output_norm.weight"]
    norms += [f"blk.{i}.{part}_norm.weight" for i in range(shape.layers) for part in ("attn", "ffn")]
    for name in norms:
        writer.add_tensor_info(name, (shape.width,), np.dtype(np.float32), 4 * shape.width)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for number, (rows, columns, kind) in enumerate(matrices.values()):
        writer.write_tensor_data(_packed(rows, columns, kind, number))
    for _ in norms:
        writer.write_tensor_data(np.ones(shape.width, np.float32))
    writer.close()
    mark.write_text(json.dumps(asdict(shape)), "utf-8")


def _describe(writer: GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(2048)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(shape.vocabulary)
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens = special + [f"w{number}" for number in range(len(special), shape.vocabulary)]
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL] + [TokenType.BYTE] * 256
    kinds += [TokenType.NORMAL] * (shape.vocabulary - len(kinds))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)


def _matrices(shape: Shape) -> Iterator[tuple[str, tuple[int, int, GGMLQuantizationType]]]:
    """Of each matrix its name, rows, columns and type."""
    f16, q4_0 = GGMLQuantizationType.F16, GGMLQuantizationType.Q4_0
    yield "token_embd.weight", (shape.vocabulary, shape.width, f16 if shape.head == "f16" else q4_0)
    for i in range(shape.layers):
        for part in ("q", "k", "v", "output"):
            yield f"blk.{i}.attn_{part}.weight", (shape.width, shape.width, q4_0)
        for part in ("gate", "up"):
            yield f"blk.{i}.ffn_{part}.weight", (shape.inner, shape.width, q4_0)
        yield f"blk.{i}.ffn_down.weight", (shape.width, shape.inner, q4_0)


def _packed(rows: int, columns: int, kind: GGMLQuantizationType, number: int) -> Any:
    """Random values of a spread of 0.02, as bytes."""
    random = np.random.default_rng(number)
    if kind == GGMLQuantizationType.F16:
        block = (random.standard_normal(_REPEATED, np.float32) * 0.02).astype(np.float16).view(np.uint8)
    else:
        blocks = random.integers(0, 256, (_REPEATED, _BLOCK_BYTES), dtype=np.uint8)
        blocks[:, :2] = np.full((_REPEATED, 1), 0.02 / 4.6, np.float16).view(np.uint8)
        block = blocks.reshape(-1)
    size = rows * columns * 2 if kind == GGMLQuantizationType.F16 else rows * columns // _BLOCK_VALUES * _BLOCK_BYTES
    return np.resize(block, size)
