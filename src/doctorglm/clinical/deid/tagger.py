"""The tagger of names: a small network over characters, computed with numpy alone.

It is trained by `recipes/names`; `docs/names.md` is its card. Hidden values stand in rows, one a character, with a gap
of empty rows between texts as wide as the widest step, so that a text is read alike alone and among others.
"""

import functools
from collections.abc import Sequence
from importlib import resources
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

DILATIONS = (1, 2, 4, 8, 1, 2, 4, 8)
PAIRS, BITS = 1 << 15, 1 << 20
GAP = max(DILATIONS)
WEIGHTS = "names.npz"
REACH = sum(DILATIONS) + 2
"""How many characters to either side a character's scores depend on: the steps, and words of three."""
PIECE, BATCH = 960, 1024
"""Characters of a long text that are read at once, and rows of a batch, whose values fit into a core's cache."""
Floats: TypeAlias = NDArray[np.float32]
Codes: TypeAlias = NDArray[np.int64]
Bits: TypeAlias = NDArray[np.integer]


class Dictionary:
    """Which pairs and triples of characters are words: sets of hashes, so that a few are taken wrongly."""

    FLAGS = 7

    def __init__(self, pairs: Bits, often: Bits, triples: Bits) -> None:
        """Each (BITS,) of 0 and 1: words of two characters, the frequent ones of them, words of three."""
        self.pairs, self.often, self.triples = (array.astype(np.float32) for array in (pairs, often, triples))

    def flags(self, points_L: Codes) -> Floats:
        """(L, 7): ends or begins a word of two, a frequent one; begins, is amid or ends one of three."""
        length = len(points_L)
        flags = np.zeros((length, self.FLAGS), dtype=np.float32)
        two, three = hashes(points_L, 2), hashes(points_L, 3)
        for column, bits in enumerate((self.pairs, self.often)):
            flags[1:, 2 * column] = flags[: length - 1, 2 * column + 1] = bits[two]
        is_word = self.triples[three]
        for column in range(3):
            flags[column : column + len(is_word), 4 + column] = is_word
        return flags


def _bits(packed: NDArray[np.generic]) -> Bits:
    return np.unpackbits(packed.astype(np.uint8))


def _pieces(text: str) -> list[tuple[str, slice]]:
    """The text in pieces with what their scores depend on beside them, and which characters of each to keep."""
    pieces = []
    for at in range(0, max(1, len(text)), PIECE):
        start = max(0, at - REACH)
        pieces.append((text[start : at + PIECE + REACH], slice(at - start, at - start + PIECE)))
    return pieces


def points_of(text: str) -> Codes:
    """The code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)


def hashes(points_L: Codes, size: int) -> Codes:
    """(L - size + 1,): a hash below BITS of each run of so many characters."""
    total = np.zeros(max(0, len(points_L) - size + 1), dtype=np.int64)
    for i, factor in enumerate((40_503, 9_973, 271_828_183)[:size]):
        total += points_L[i : i + len(total)] * factor
    return (total ^ (total >> 7)) % BITS


class Tagger:
    """The network with its weights; `read` gives what it thinks of each character."""

    def __init__(self, weights: dict[str, NDArray[np.generic]]) -> None:
        held = {name: array.astype(np.float32) for name, array in weights.items() if array.dtype == np.float16}
        letters = weights["alphabet"].astype(np.int64)
        self._alphabet = np.ones(0x10000, dtype=np.int64)
        self._alphabet[letters] = np.arange(2, len(letters) + 2)
        self._alphabet[0xFFFF] = 1
        self._characters, self._pairs = held["characters.weight"], held["pairs.weight"]
        self._dictionary = Dictionary(*(_bits(weights[f"words.{name}"]) for name in ("pairs", "often", "triples")))
        self._enter = held["enter.weight"].T.copy(), held["enter.bias"]
        self._layers = [(held[f"layers.{i}.weight"].T.copy(), held[f"layers.{i}.bias"]) for i in range(len(DILATIONS))]
        self._leave = held["leave.weight"].T.copy(), held["leave.bias"]

    def read(self, texts: Sequence[str]) -> list[Floats]:
        """Per text (L, 3): how probable it is that a character is none, the first or a further one of a name."""
        pieces = [piece for text in texts for piece in _pieces(text)]
        scores = iter(self._in_batches([piece for piece, _ in pieces]))
        cut = iter(kept for _, kept in pieces)
        return [np.concatenate([next(scores)[next(cut)] for _ in _pieces(text)]) for text in texts]

    def _in_batches(self, texts: Sequence[str]) -> list[Floats]:
        read: list[Floats] = []
        batch: list[str] = []
        rows = 0
        for text in texts:
            if batch and rows + len(text) > BATCH:
                read += self._read(batch)
                batch, rows = [], 0
            batch.append(text)
            rows += len(text) + GAP
        return read + self._read(batch) if batch else read

    def is_frequent(self, word: str) -> bool:
        """Whether a word of two characters is a frequent one of the dictionary."""
        return len(word) == 2 and bool(self._dictionary.often[hashes(points_of(word), 2)[0]])

    def _read(self, texts: Sequence[str]) -> list[Floats]:
        starts = np.cumsum([GAP] + [len(text) + GAP for text in texts])
        points = np.zeros(starts[-1], dtype=np.int64)
        for text, start in zip(texts, starts[:-1], strict=True):
            points[start : start + len(text)] = points_of(text)
        scores = self.scores(*self.codes(points))
        scores -= scores.max(1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(1, keepdims=True)
        return [scores[start : start + len(text)] for text, start in zip(texts, starts[:-1], strict=True)]

    def codes(self, points_L: Codes) -> tuple[Codes, Codes, Floats]:
        """Codes of characters (0 where nothing stands, 1 for one never met) and of the pairs they end; flags (L, 7)."""
        before = np.concatenate([[0], points_L[:-1]])
        characters = np.where(points_L == 0, 0, self._alphabet[np.minimum(points_L, 0xFFFF)])
        return characters, (before * 40_503 + points_L * 9_973) % PAIRS, self._dictionary.flags(points_L)

    def scores(self, characters_L: Codes, pairs_L: Codes, flags_L7: Floats) -> Floats:
        """(L, 3) before they are made probabilities."""
        empty = np.flatnonzero(characters_L == 0)
        entered = np.concatenate([self._characters[characters_L], self._pairs[pairs_L], flags_L7], axis=1)
        hidden_LD = np.maximum(entered @ self._enter[0] + self._enter[1], 0)
        hidden_LD[empty] = 0
        length, width = hidden_LD.shape
        seen = np.zeros((length, 3 * width), dtype=np.float32)
        for dilation, (weight, bias) in zip(DILATIONS, self._layers, strict=True):
            seen[:, width : 2 * width] = hidden_LD
            seen[:dilation, :width] = 0
            seen[dilation:, :width] = hidden_LD[: length - dilation]
            seen[length - dilation :, 2 * width :] = 0
            seen[: length - dilation, 2 * width :] = hidden_LD[dilation:]
            added = seen @ weight
            added += bias
            np.maximum(added, 0, out=added)
            hidden_LD += added
            hidden_LD[empty] = 0
        scores_L3: Floats = hidden_LD @ self._leave[0] + self._leave[1]
        return scores_L3


@functools.cache
def tagger() -> Tagger:
    """The tagger that the package ships, read once."""
    with resources.files(__package__).joinpath(WEIGHTS).open("rb") as source, np.load(source) as arrays:
        return Tagger({name: arrays[name] for name in arrays.files})
