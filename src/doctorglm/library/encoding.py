"""The vectors of a library's chunks, of which only those of new texts are made.

A vector is known by the hash of its text: from the index before, or from what a build that was killed has left in
`.vectors-*.part`, to which vectors go as they come, since making them is what takes the time.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from doctorglm.library.document import Chunk, passage
from doctorglm.library.encoder import Encoder, Matrix
from doctorglm.library.vectors import CHUNKS, KEYS, MATRIX
from doctorglm.runs import atomic_file, to_json

BATCH = 32
"""Passages that are encoded at once, and at most lost where a build is killed."""
_KEY_BYTES = 16
_OFF = 1e-2
"""How far from one the length of a vector may be that was written before a build was killed."""

Told = Callable[[int], None]
"""Called with how many chunks are done."""


def write_vectors(
    index: Path, chunks: Iterable[Chunk], encoder: Encoder, before: Path | None = None, told: Told = lambda _: None
) -> tuple[int, int]:
    """Writes the vectors of an index's chunks; returns (dimension, how many passages were encoded).

    `before` is an index whose vectors are the same encoder's. What is encoded is kept in the folder of the library
    until `forget`.
    """
    rows = _Rows(encoder, before, index.parent)
    for number, chunk in enumerate(chunks, 1):
        rows.add(chunk)
        if number % BATCH == 0:
            told(number)
    return rows.save(index)


def forget(folder: Path) -> None:
    """Removes what builds have kept for the case that they are killed."""
    for file in folder.glob(".vectors-*.part"):
        file.unlink()


class _Rows:
    """The vectors of chunks, in order."""

    def __init__(self, encoder: Encoder, before: Path | None, folder: Path) -> None:
        self._encoder = encoder
        self._file = folder / f".vectors-{blake2b(encoder.digest.encode(), digest_size=8).hexdigest()}.part"
        self._known = np.load(before / MATRIX, mmap_mode="r") if before else None
        self._at = _rows_by_key(np.load(before / KEYS)) if before else {}
        self._part: _Part | None = None
        self._ids: list[str] = []
        self._keys: list[bytes] = []
        self._waiting: dict[bytes, str] = {}
        self._encoded = 0

    def add(self, chunk: Chunk) -> None:
        """One more chunk; its text is encoded where its vector is not known."""
        text = passage(chunk.document.title, chunk.section.heading, chunk.text)
        key = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY_BYTES).digest()
        self._ids.append(chunk.id)
        self._keys.append(key)
        if key not in self._at and key not in self._kept():
            self._waiting[key] = text
        if len(self._waiting) == BATCH:
            self._encode()

    def save(self, index: Path) -> tuple[int, int]:
        """Writes all; returns (dimension, how many passages were encoded)."""
        self._encode()
        dimension = self._kept().dimension if self._known is None else self._known.shape[1]
        out = np.lib.format.open_memmap(index / MATRIX, "w+", np.float32, (len(self._ids), dimension))
        kept = self._part.vectors() if self._part else {}
        for row, key in enumerate(self._keys):
            known = self._at.get(key)
            out[row] = kept[key] if known is None or self._known is None else self._known[known]
        out.flush()
        with atomic_file(index / KEYS, "wb") as file:
            np.save(file, np.frombuffer(b"".join(self._keys), np.uint8).reshape(-1, _KEY_BYTES))
        with atomic_file(index / CHUNKS) as file:
            file.write(to_json(self._ids))
        return int(dimension), self._encoded

    def _kept(self) -> "_Part":
        """What is kept as it comes; not before there is a text that is new, since it needs the encoder."""
        if self._part is None:
            self._part = _Part(self._file, self._encoder.dimension)
        return self._part

    def _encode(self) -> None:
        if self._waiting:
            self._kept().add(list(self._waiting), self._encoder.passages(list(self._waiting.values())))
            self._encoded += len(self._waiting)
            self._waiting.clear()


def _rows_by_key(keys: Any) -> dict[bytes, int]:
    return {key.tobytes(): row for row, key in enumerate(keys)}


class _Part:
    """A file of pairs, a key and its vector; half a pair at its end, and what is no vector, count for nothing."""

    def __init__(self, file: Path, dimension: int) -> None:
        self.dimension, self._file = dimension, file
        self._pair = np.dtype([("key", np.uint8, (_KEY_BYTES,)), ("vector", np.float32, (dimension,))])
        with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as out:
            self._count = os.fstat(out.fileno()).st_size // self._pair.itemsize
            out.truncate(self._count * self._pair.itemsize)
        pairs = self._pairs()
        rows = _rows_by_key(pairs["key"])
        self._at = {key: row for key, row in rows.items() if abs(np.linalg.norm(pairs["vector"][row]) - 1) < _OFF}

    def __contains__(self, key: bytes) -> bool:
        return key in self._at

    def add(self, keys: Sequence[bytes], vectors: Matrix) -> None:
        """Appends pairs."""
        pairs = np.empty(len(keys), self._pair)
        pairs["key"] = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, _KEY_BYTES)
        pairs["vector"] = vectors
        with self._file.open("ab") as out:
            out.write(pairs.tobytes())
        self._at |= {key: self._count + row for row, key in enumerate(keys)}
        self._count += len(keys)

    def vectors(self) -> dict[bytes, Matrix]:
        """All of them by key, mapped."""
        vectors = self._pairs()["vector"]
        return {key: vectors[row] for key, row in self._at.items()}

    def _pairs(self) -> Any:
        if not self._count:
            return np.empty(0, self._pair)
        return np.memmap(self._file, self._pair, "r", shape=(self._count,))
