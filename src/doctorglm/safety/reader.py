"""The second reader: a small network that reads what rules cannot list, computed with numpy alone.

It is trained by `recipes/readers`; `docs/readers.md` is its card. A text is read in pieces of at most PIECE characters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TypeAlias
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from doctorglm.clinical.convolution import Floats, convolve
from doctorglm.errors import ConfigError

FINE, COARSE = (1,), (1, 2, 4, 8)
"""Dilations over characters, and over stretches of STRIDE characters; half of the latter know the whole text."""
STRIDE = 4
PAIRS = 1 << 14
PIECE, OVERLAP = 2000, 200
Codes: TypeAlias = NDArray[np.int64]


def points_of(text: str) -> Codes:
    """The code points of a text, none above U+FFFF."""
    points_L: Codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.int64)
    return np.minimum(points_L, 0xFFFF, out=points_L)


def pairs_of(points_L: Codes) -> Codes:
    """(L,): a hash below PAIRS of each character and the one before it."""
    before = np.concatenate([[0], points_L[:-1]])
    pairs_L: Codes = (before * 40_503 + points_L * 9_973) % PAIRS
    return pairs_L


@dataclass(frozen=True, slots=True)
class Read:
    """How probable each label is, and for a label where the text says so: `start, end` of what speaks most for it."""

    probable: dict[str, float]
    where: Callable[[str], tuple[int, int]]


class Reader:
    """The network with its weights."""

    def __init__(self, weights: dict[str, NDArray[np.generic]]) -> None:
        held = {name: array.astype(np.float32) for name, array in weights.items() if array.dtype == np.float16}
        self.labels: tuple[str, ...] = tuple(str(label) for label in weights["labels"])
        letters = weights["alphabet"].astype(np.int64)
        self._alphabet = np.ones(0x10000, dtype=np.int64)
        self._alphabet[letters] = np.arange(2, len(letters) + 2)
        characters, (enter, bias) = held["trunk.characters.weight"], _layer(held, "trunk.enter")
        self._of_characters = characters @ enter[: characters.shape[1]] + bias
        self._of_pairs = held["trunk.pairs.weight"] @ enter[characters.shape[1] :]
        self._fine = [_layer(held, f"trunk.fine.{i}") for i in range(len(FINE))]
        self._join, self._whole = _layer(held, "trunk.join"), _layer(held, "trunk.whole")
        self._coarse = [_layer(held, f"trunk.coarse.{i}") for i in range(len(COARSE))]
        self._leave = _layer(held, "leave")

    def read(self, text: str) -> Read:
        """What the text says; of a long one, the most that any piece says."""
        begins = range(0, max(1, len(text) - OVERLAP), PIECE - OVERLAP)
        hidden = [self._hidden(points_of(text[begin : begin + PIECE])) for begin in begins]
        logits_PK = np.stack([self._logits(hidden_MD) for hidden_MD in hidden])
        best_K = logits_PK.argmax(0)
        probable_K = 1 / (1 + np.exp(-logits_PK.max(0).clip(-60, 60)))

        def place(label: str) -> tuple[int, int]:
            number = self.labels.index(label)
            piece = int(best_K[number])
            start = begins[piece] + STRIDE * self._speaks(hidden[piece], number)
            return start, min(start + STRIDE, len(text))

        return Read(dict(zip(self.labels, probable_K.tolist(), strict=True)), place)

    def _logits(self, hidden_MD: Floats) -> Floats:
        """(labels,)."""
        weight, bias = self._leave
        logits: Floats = np.concatenate([hidden_MD.max(0), hidden_MD.mean(0)]) @ weight + bias
        return logits

    def _speaks(self, hidden_MD: Floats, number: int) -> int:
        """The stretch whose largest values speak most for a label."""
        first_D = hidden_MD.argmax(0)
        largest_D = hidden_MD[first_D, np.arange(len(first_D))]
        speaks_M = np.bincount(first_D, largest_D * self._leave[0][: len(first_D), number], len(hidden_MD))
        return int(speaks_M.argmax())

    def _hidden(self, points_L: Codes) -> Floats:
        """(stretches, coarse width)."""
        length = max(STRIDE, -(-len(points_L) // STRIDE) * STRIDE)
        fine_LD = np.zeros((length, self._of_characters.shape[1]), dtype=np.float32)
        fine_LD[: len(points_L)] = self._of_characters[self._alphabet[points_L]] + self._of_pairs[pairs_of(points_L)]
        np.maximum(fine_LD, 0, out=fine_LD)
        empty = np.arange(len(points_L), length)
        convolve(fine_LD, zip(FINE, self._fine, strict=True), empty)
        coarse_MD: Floats = np.maximum(fine_LD.reshape(length // STRIDE, -1) @ self._join[0] + self._join[1], 0)
        half = len(COARSE) // 2
        convolve(coarse_MD, zip(COARSE[:half], self._coarse[:half], strict=True))
        whole_D = np.concatenate([coarse_MD.max(0), coarse_MD.mean(0)]) @ self._whole[0] + self._whole[1]
        coarse_MD += np.maximum(whole_D, 0)
        convolve(coarse_MD, zip(COARSE[half:], self._coarse[half:], strict=True))
        return coarse_MD


def _layer(held: dict[str, Floats], name: str) -> tuple[Floats, Floats]:
    return held[f"{name}.weight"].T.copy(), held[f"{name}.bias"]


@cache
def reader(package: str) -> Reader:
    """The reader that a package ships, read once; raises ConfigError when its weights are not there or broken."""
    try:
        with resources.files(package).joinpath("reader.npz").open("rb") as source, np.load(source) as arrays:
            return Reader({name: arrays[name] for name in arrays.files})
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ConfigError(
            en=f"{package}: the weights of the second reader cannot be read ({error}). Install doctorglm again; "
            "nothing is answered without them.",
            zh=f"{package}：无法读取第二读者的权重（{error}）。请重新安装 doctorglm；没有它就不作答。",
        ) from None
