"""The tagger of identifiers: a small network over characters, computed with numpy alone.

It is trained by `recipes/names`; `docs/names.md` is its card. Hidden values stand in rows, one a character, with a gap
of empty rows between texts as wide as the widest step, so that a text is read alike alone and among others.
"""

import functools
from collections.abc import Sequence
from importlib import resources
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from doctorglm.clinical.convolution import Floats, convolve
from doctorglm.clinical.deid.spans import TYPES, Span

DILATIONS = (1, 2, 4, 8, 1, 2, 4, 8)
PAIRS, BITS = 1 << 15, 1 << 20
GAP = max(DILATIONS)
LABELS = 2 * len(TYPES) + 1
"""None, then for each type the first character of one and a further one."""
FIRST = 1 + 2 * TYPES.index("name")
"""The label of a name's first character."""
WEIGHTS = "names.npz"
REACH = sum(DILATIONS) + 2 + 20
"""How many characters to either side a character's scores depend on: steps, words of three, digits of a number."""
PIECE, BATCH = 960, 1024
"""Characters of a long text that are read at once, and rows of a batch, whose values fit into a core's cache."""
Codes: TypeAlias = NDArray[np.int64]
Bits: TypeAlias = NDArray[np.integer]


class Dictionary:
    """Which pairs and triples of characters are words: sets of hashes, so that a few are taken wrongly."""

    FLAGS = 12

    def __init__(self, pairs: Bits, often: Bits, triples: Bits, places: Bits) -> None:
        """Each (BITS,) of 0 and 1: words of two characters, the frequent ones, words of three; places."""
        self.pairs, self.often, self.triples, self.places = (
            array.astype(np.float32) for array in (pairs, often, triples, places)
        )

    def flags(self, points_L: Codes) -> Floats:
        """(L, 12): ends or begins a word, a frequent one, a place of two; begins, is amid, ends a word, a place."""
        length = len(points_L)
        flags = np.zeros((length, self.FLAGS), dtype=np.float32)
        two, three = hashes(points_L, 2), hashes(points_L, 3)
        for column, bits in enumerate((self.pairs, self.often, self.places)):
            flags[1:, 2 * column] = flags[: length - 1, 2 * column + 1] = bits[two]
        for first, bits in ((6, self.triples), (9, self.places)):
            is_word = bits[three]
            for column in range(first, first + 3):
                flags[column - first : column - first + len(is_word), column] = is_word
        return flags


MOST = 20
"""Digits of a number that are told apart; longer ones look alike."""
FLAGS = Dictionary.FLAGS + 2 * MOST + 5
_KINDS_OF_CHARACTERS = (
    "0123456789",
    "〇零一二三四五六七八九十幺洞拐两廿卅百壹贰叁肆伍陆柒捌玖",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "abcdefghijklmnopqrstuvwxyz",
    " -.,/()+_·—",
)
_LIKE_DIGITS = "OoIl"
_KIND = np.zeros(0x10000, dtype=np.int64)
for _number, _characters in enumerate(_KINDS_OF_CHARACTERS, 1):
    _KIND[[ord(_character) for _character in _characters]] = _number
_MAY_BE_WITHIN = _KIND == 5
_MAY_BE_WITHIN[[ord(_character) for _character in _LIKE_DIGITS]] = True
"""What may stand within a number: marks, spaces, and letters that look like digits."""
_ONE_HOT = np.eye(6, dtype=np.float32)[:, 1:]
_COUNTED = np.eye(MOST + 1, dtype=np.float32)[:, 1:]


def shapes(points_L: Codes) -> Floats:
    """(L, 45): the kind of each character; how many digits its number has, without marks and spaces and with them."""
    kinds = _KIND[points_L]
    is_digit = (kinds == 1) | (kinds == 2)
    strict, loose = _digits_of_run(is_digit, is_digit), _digits_of_run(is_digit | _MAY_BE_WITHIN[points_L], is_digit)
    return np.concatenate([_ONE_HOT[kinds], _COUNTED[strict], _COUNTED[loose]], axis=1)


def _digits_of_run(inside_L: NDArray[np.bool_], is_digit_L: NDArray[np.bool_]) -> Codes:
    """(L,): how many digits the run has in which a character stands, at most MOST; 0 outside of runs."""
    edges = np.flatnonzero(inside_L[1:] != inside_L[:-1]) + 1
    starts = np.concatenate([[0], edges])
    digits = np.add.reduceat(is_digit_L.astype(np.int64), starts) if len(inside_L) else starts
    counts: Codes = np.repeat(np.minimum(digits, MOST), np.diff(np.append(starts, len(inside_L))))
    return counts * inside_L


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
        self._plain = np.arange(0x10000)
        self._plain[weights["alias.of"].astype(np.int64)] = weights["alias.is"].astype(np.int64)
        self._characters, self._pairs = held["characters.weight"], held["pairs.weight"]
        self._dictionary = Dictionary(
            *(_bits(weights[f"words.{name}"]) for name in ("pairs", "often", "triples", "places"))
        )
        self._enter = held["enter.weight"].T.copy(), held["enter.bias"]
        self._layers = [(held[f"layers.{i}.weight"].T.copy(), held[f"layers.{i}.bias"]) for i in range(len(DILATIONS))]
        self._leave = held["leave.weight"].T.copy(), held["leave.bias"]

    def read(self, texts: Sequence[str]) -> list[Floats]:
        """Per text (L, labels): how probable it is that a character is none, the first or a further one of a type."""
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
        """Codes of characters (0 where nothing stands, 1 for one never met) and of the pairs they end; their flags."""
        points_L = self._plain[np.minimum(points_L, 0xFFFF)]
        before = np.concatenate([[0], points_L[:-1]])
        flags = np.concatenate([self._dictionary.flags(points_L), shapes(points_L)], axis=1)
        characters = np.where(points_L == 0, 0, self._alphabet[points_L])
        return characters, (before * 40_503 + points_L * 9_973) % PAIRS, flags

    def scores(self, characters_L: Codes, pairs_L: Codes, flags_LF: Floats) -> Floats:
        """(L, labels) before they are made probabilities."""
        empty = np.flatnonzero(characters_L == 0)
        entered = np.concatenate([self._characters[characters_L], self._pairs[pairs_L], flags_LF], axis=1)
        hidden_LD = np.maximum(entered @ self._enter[0] + self._enter[1], 0)
        hidden_LD[empty] = 0
        convolve(hidden_LD, zip(DILATIONS, self._layers, strict=True), empty)
        scores_LK: Floats = hidden_LD @ self._leave[0] + self._leave[1]
        return scores_LK


def of(probable_LK: Floats, kind: str) -> Floats:
    """(L,): how probable it is that a character belongs to an identifier of the type."""
    first = 1 + 2 * TYPES.index(kind)
    belongs: Floats = probable_LK[:, first] + probable_LK[:, first + 1]
    return belongs


def at_best(probable_LK: Floats, span: Span) -> float:
    """How probable the most probable character of the span is to belong to its type."""
    return float(of(probable_LK[span.start : span.end], span.type).max())


def mean(probable_LK: Floats, span: Span) -> float:
    """How probable the characters of the span are to belong to its type, in the mean."""
    return float(of(probable_LK[span.start : span.end], span.type).mean())


@functools.cache
def tagger() -> Tagger:
    """The tagger that the package ships, read once."""
    with resources.files(__package__).joinpath(WEIGHTS).open("rb") as source, np.load(source) as arrays:
        return Tagger({name: arrays[name] for name in arrays.files})
