"""Hashes of the character trigrams of many texts at once, those that rensa gives each trigram's UTF-8.

rensa hashes a token with FxHash (rustc-hash 2, https://github.com/rust-lang/rustc-hash): up to 16 bytes are read as two
overlapping words, which one folded product of 128 bits mixes. Done by numpy for all trigrams together, without a
Python object for each of them, it is a fraction of the work; `tests/curate/test_trigrams.py` compares.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Words: TypeAlias = NDArray[np.uint64]

N = 3
_BATCH = 1 << 15
"""Trigrams that are hashed together: what a dozen arrays of them take stays in a core's cache."""
_SEEDS = np.uint64(0x243F6A8885A308D3), np.uint64(0x13198A2E03707344)
_FACTOR, _TURN = np.uint64(0xF1357AEA2E62A9C5), 26
_PADDING = bytes(8)


def hashes(texts: Sequence[str]) -> tuple[Words, NDArray[np.int64]]:
    """The hashes of every text's trigrams, repeated ones too, and where each text's begin, with the end of all.

    A text of fewer characters has one hash, its own.
    """
    data = _PADDING + "".join(texts).encode("utf-8", "surrogatepass") + _PADDING
    octets = np.frombuffer(data, np.uint8)[len(_PADDING) : -len(_PADDING)]
    # where each character begins, and the end
    places = np.append(np.flatnonzero((octets & 0xC0) != 0x80), len(octets)) + len(_PADDING)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    counts = np.maximum(1, lengths - N + 1)
    offsets = np.append(0, np.cumsum(counts))
    begins = np.arange(offsets[-1]) + np.repeat(np.cumsum(lengths) - lengths - offsets[:-1], counts)
    ends = begins + np.repeat(np.minimum(lengths, N), counts)
    found = np.empty(len(begins), np.uint64)
    for at in range(0, len(found), _BATCH):
        part = slice(at, at + _BATCH)
        found[part] = _hashed(data, places[begins[part]], places[ends[part]])
    return found, offsets


def _hashed(data: bytes, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> Words:
    """FxHash of the stretches of up to 16 bytes; eight more lie before and behind them."""
    words: Words = np.ndarray(len(data) - 7, np.dtype("<u8"), data, strides=(1,))
    size = (ends - begins).astype(np.uint64)
    first, last = words[begins], words[ends - 8]
    short = size < 8
    if short.any():
        first[short], last[short] = _of_few(first[short], last[short], size[short])
    mixed = _folded_product(first ^ _SEEDS[0], last ^ _SEEDS[1]) ^ size
    mixed *= _FACTOR
    return (mixed << np.uint64(_TURN)) | (mixed >> np.uint64(64 - _TURN))


def _of_few(first: Words, last: Words, size: Words) -> tuple[Words, Words]:
    """What is read of fewer than eight bytes: the first and last four; of fewer than four the first, middle, last."""
    four = first & np.uint64(0xFFFFFFFF), last >> np.uint64(32)
    middle = (first >> (size // np.uint64(2) * np.uint64(8))) & np.uint64(0xFF)
    one = first & np.uint64(0xFF), (last >> np.uint64(56) << np.uint64(8)) | middle
    nothing = size == 0
    return (
        np.where(nothing, 0, np.where(size < 4, one[0], four[0])).astype(np.uint64),
        np.where(nothing, 0, np.where(size < 4, one[1], four[1])).astype(np.uint64),
    )


def _folded_product(x: Words, y: Words) -> Words:
    """The low half of the product of 128 bits XOR the high one."""
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    x0, x1, y0, y1 = x & low, x >> half, y & low, y >> half
    middle = x1 * y0 + (x0 * y0 >> half)
    other = x0 * y1 + (middle & low)
    high: Words = x1 * y1 + (middle >> half) + (other >> half)
    return high ^ (x * y)
