"""A library's vectors, one for each chunk, and the chunks whose vectors are nearest to a question's, by cosine.

All are compared with every question: exact, in time and memory pages in proportion to their number.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from doctorglm.errors import ConfigError, DataError
from doctorglm.library.encoder import Encoder, Matrix, encoder_of
from doctorglm.library.store import VECTORS, half

MATRIX, KEYS, CHUNKS = VECTORS
BLOCK = 1 << 16
"""Vectors that are multiplied at once: 100 MB at 384 dimensions."""


class Vectors:
    """Vectors that are searched, their file mapped; several threads may.

    Raises ValueError or OSError for files that are missing or damaged.
    """

    def __init__(self, index: Path, encoder: Encoder) -> None:
        self._matrix: Matrix = np.load(index / MATRIX, mmap_mode="r")
        self._ids: list[str] = json.loads((index / CHUNKS).read_text(encoding="utf-8"))
        if self._matrix.ndim != 2 or len(self._matrix) != len(self._ids):
            raise ValueError(f"{index / MATRIX}: {self._matrix.shape} for {len(self._ids)} chunks")
        self._encoder = encoder

    def best(self, question: str, count: int) -> list[str]:
        """The ids of the nearest chunks, the nearest first; of equally near ones those that come first."""
        asked = self._encoder.query(question)
        scores = np.empty(len(self._ids), np.float32)
        for start in range(0, len(scores), BLOCK):
            np.dot(self._matrix[start : start + BLOCK], asked, out=scores[start : start + BLOCK])
        return [self._ids[row] for row in nearest(scores, count)]


def nearest(scores: Matrix, count: int) -> list[int]:
    """The rows of the highest scores, best first, ties by row."""
    rows = np.arange(len(scores))
    if count < len(scores):
        rows = np.flatnonzero(scores >= np.partition(scores, -count)[-count])
    return [int(row) for row in rows[np.argsort(-scores[rows], kind="stable")][:count]]


def vectors_of(index: Path, record: Mapping[str, Any], folder: Path) -> Vectors:
    """The vectors of an index, with the encoder that made them, as `library.json` names it.

    Raises DataError with the remedy where that encoder is gone or is another one, and for half a library.
    """
    try:
        encoder = encoder_of(record["encoder"])
    except ConfigError as error:
        raise DataError(
            en=f"{folder}: its vectors need their encoder. {error.text.en} {_WITHOUT_EN}",
            zh=f"{folder}：其向量需要原来的编码模型。{error.text.zh}{_WITHOUT_ZH}",
        ) from None
    if encoder.digest != record["digest"]:
        raise DataError(
            en=f"{folder}: its vectors are of another encoder: {record['encoder']} is not what it was. Run library "
            f"build again, which encodes all anew. {_WITHOUT_EN}",
            zh=f"{folder}：其向量来自另一个编码模型：{record['encoder']} 已经变化。请重新运行 library build，"
            f"会全部重新编码。{_WITHOUT_ZH}",
        )
    try:
        return Vectors(index, encoder)
    except (ValueError, OSError):
        raise half(folder) from None


_WITHOUT_EN = "Or search without them: --no-vectors; `chat`: library.vectors=false; `library ground`: vectors=false."
_WITHOUT_ZH = "也可以不用向量检索：--no-vectors；chat 用 library.vectors=false；library ground 用 vectors=false。"
