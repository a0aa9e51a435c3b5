"""The texts of records on disk as they are compared: signed chunk by chunk, and read again where two look alike."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from doctorglm.conversation import Conversation
from doctorglm.curate.engines import Engine
from doctorglm.curate.normal import normalised
from doctorglm.curate.pairs import Numbers, Plan, Shingles, Signed, sign
from doctorglm.curate.store import Table

View: TypeAlias = Literal["whole", "question", "answer"]
Mark: TypeAlias = Callable[[str], str]
"""A text -> what two texts must have in common to be compared at all."""

_N = 3
_REMEMBERED = 4096


def text_of(conversation: Conversation, view: View) -> str:
    """What of a conversation is compared."""
    if view == "whole":
        return f"{conversation.questions}\n{conversation.answers}"
    return conversation.questions if view == "question" else conversation.answers


def shingles(text: str) -> Shingles:
    """The character trigrams of the text as it is compared; of a shorter text, the text itself."""
    return _trigrams(normalised(text))


def _trigrams(text: str) -> Shingles:
    return frozenset(text[i : i + _N] for i in range(max(1, len(text) - _N + 1)))


@dataclass(frozen=True, slots=True)
class _Block:
    """Records of one chunk: the file with their lines, and where each line stands."""

    path: Path
    starts: NDArray[np.uint32]
    sizes: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class _Described:
    signed: Signed
    digests: NDArray[np.uint64]
    marks: NDArray[np.uint64]


def _described(block: _Block, view: View, plan: Plan, mark: Mark | None) -> _Described:
    """Done in a worker: reads a block, and signs the texts of a view."""
    data = block.path.read_bytes()
    texts = [
        text_of(_conversation(data[start : start + size]), view)
        for start, size in zip(block.starts.tolist(), block.sizes.tolist(), strict=True)
    ]
    compared = [normalised(text) for text in texts]
    return _Described(
        sign([_trigrams(text) for text in compared], plan),
        np.array([_hash(text) for text in compared], dtype=np.uint64),
        np.array([_hash(mark(text)) for text in texts] if mark else [], dtype=np.uint64),
    )


def _conversation(line: bytes) -> Conversation:
    return Conversation.from_dict(json.loads(line), "a record of this run")


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class Texts:
    """One view of some records of a table, by their place in `numbers`, which ascend."""

    def __init__(self, table: Table, numbers: Numbers, view: View, mark: Mark | None = None) -> None:
        self._table, self.numbers, self._view, self._mark = table, numbers, view, mark
        self.digests = np.empty(0, np.uint64)
        """Equal where the texts are equal as they are compared; known once all are signed."""
        self.marks = np.empty(0, np.uint64)
        self.shingles = lru_cache(_REMEMBERED)(self._shingles)

    def __len__(self) -> int:
        return len(self.numbers)

    def signed(self, plan: Plan, engine: Engine) -> Iterator[Signed]:
        """Signs every text, block by block."""
        digests, marks = [self.digests[:0]], [self.marks[:0]]
        describe = partial(_described, view=self._view, plan=plan, mark=self._mark)
        for block in engine.map(describe, self._blocks()):
            digests.append(block.digests)
            marks.append(block.marks)
            yield block.signed
        self.digests, self.marks = np.concatenate(digests), np.concatenate(marks)

    def _blocks(self) -> Iterator[_Block]:
        columns, chunks = self._table.columns, self._table.chunk[self.numbers]
        cuts = np.flatnonzero(np.diff(chunks)) + 1
        for part in np.split(self.numbers, cuts):
            if len(part):
                yield _Block(
                    self._table.path(int(self._table.chunk[part[0]])), columns["start"][part], columns["bytes"][part]
                )

    def _shingles(self, i: int) -> Shingles:
        return shingles(text_of(_conversation(next(self._table.lines(self.numbers[i : i + 1]))), self._view))
