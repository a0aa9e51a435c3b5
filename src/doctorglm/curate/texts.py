"""The texts of records on disk as they are compared: signed chunk by chunk, and read again where two look alike."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from doctorglm.curate.engines import Engine
from doctorglm.curate.normal import normalised
from doctorglm.curate.pairs import Index, Numbers, Plan, Shingles, Signed, sign
from doctorglm.curate.store import Table
from doctorglm.curate.trigrams import N, Words

View: TypeAlias = Literal["whole", "question", "answer"]
Mark: TypeAlias = Callable[[str], str]
"""A text -> what two texts must have in common to be compared at all."""

Said: TypeAlias = tuple[str, str]
"""What is asked, and what is answered."""

_REMEMBERED = 500_000
"""Trigrams, of about 130 bytes: so many texts as there is room for, be they short or long."""
_ROLES = ("user", "assistant")


def _viewed(question: str, answer: str, view: View, between: str = "\n") -> str:
    """What of a conversation is compared."""
    return {"whole": f"{question}{between}{answer}", "question": question, "answer": answer}[view]


def shingles(text: str) -> Shingles:
    """The character trigrams of the text as it is compared; of a shorter text, the text itself."""
    text = normalised(text)
    return frozenset([text[i : i + N] for i in range(max(1, len(text) - N + 1))])


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be known of a text: of which view, by which plan."""

    view: View
    plan: Plan
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class _Block:
    """Records of one chunk: the file with their lines, where each line stands, and for each question who is asked."""

    path: Path
    starts: NDArray[np.uint32]
    sizes: NDArray[np.uint32]
    members: Sequence[Numbers]


@dataclass(frozen=True, slots=True)
class _Described:
    signed: Signed
    digests: NDArray[np.uint64]
    marks: NDArray[np.uint64]


def _described(block: _Block, asked: Sequence[_Asked]) -> list[_Described]:
    """Done in a worker: reads a block once, and signs the texts of every view."""
    data = block.path.read_bytes()
    places = zip(block.starts.tolist(), block.sizes.tolist(), strict=True)
    said = [_said(data[start : start + size]) for start, size in places]
    compared = [(normalised(question), normalised(answer)) for question, answer in said]
    return [
        _described_as(one, [said[i] for i in members], [compared[i] for i in members])
        for one, members in zip(asked, (numbers.tolist() for numbers in block.members), strict=True)
    ]


def _described_as(asked: _Asked, said: Sequence[Said], compared: Sequence[Said]) -> _Described:
    # what is between question and answer says nothing, so that both are even where the whole is
    texts = [_viewed(*pair, asked.view, between="") for pair in compared]
    marks = [_hash(asked.mark(_viewed(*pair, asked.view))) for pair in said] if asked.mark else []
    return _Described(
        sign(texts, asked.plan),
        np.array([_hash(text) for text in texts], dtype=np.uint64),
        np.array(marks, dtype=np.uint64),
    )


def _said(line: bytes) -> Said:
    """All that is asked and all that is answered in a record, as `Conversation` gives it."""
    messages = json.loads(line)["messages"]
    asked, answered = ("\n".join(m["content"] for m in messages if m["role"] == role) for role in _ROLES)
    return asked, answered


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


class Texts:
    """One view of some records of a table, by their place in `numbers`, which ascend."""

    def __init__(self, table: Table, numbers: Numbers, view: View, plan: Plan, mark: Mark | None = None) -> None:
        self._table, self.numbers, self._view = table, numbers, view
        self.asked = _Asked(view, plan, mark)
        self.digests = np.empty(0, np.uint64)
        """Equal where the texts are equal as they are compared; known once all are signed."""
        self.marks = np.empty(0, np.uint64)
        self._recent: OrderedDict[int, Shingles] = OrderedDict()
        self._remembered = 0

    def __len__(self) -> int:
        return len(self.numbers)

    def shingles(self, i: int) -> Shingles:
        """The trigrams of a text, read again unless it was asked for lately."""
        if i in self._recent:
            self._recent.move_to_end(i)
            return self._recent[i]
        found = self._recent[i] = self._read(i)
        self._remembered += len(found)
        while self._remembered > _REMEMBERED and len(self._recent) > 1:
            self._remembered -= len(self._recent.popitem(last=False)[1])
        return found

    def _read(self, i: int) -> Shingles:
        return shingles(_viewed(*_said(next(self._table.lines(self.numbers[i : i + 1]))), self._view))


def indexed(table: Table, views: Sequence[Texts], engine: Engine, spill: Path) -> list[Index]:
    """Signs all texts of some views, block by block, each record being read once for all of them."""
    indexes = [Index(texts.asked.plan, spill=spill) for texts in views]
    known: list[list[tuple[Words, Words]]] = [[] for _ in views]
    for block in engine.map(partial(_described, asked=[texts.asked for texts in views]), _blocks(table, views)):
        for index, one, found in zip(indexes, block, known, strict=True):
            index.add(one.signed)
            found.append((one.digests, one.marks))
    table.forget()
    for texts, found in zip(views, known, strict=True):
        texts.digests = np.concatenate([texts.digests, *(digests for digests, _ in found)])
        texts.marks = np.concatenate([texts.marks, *(marks for _, marks in found)])
    return indexes


def _blocks(table: Table, views: Sequence[Texts]) -> Iterator[_Block]:
    """Chunk by chunk the records that are in any view."""
    first, columns = table.first, table.columns
    for chunk in range(len(first) - 1):
        of_views = [_between(texts.numbers, first[chunk], first[chunk + 1]) for texts in views]
        numbers = reduce(np.union1d, of_views)
        if len(numbers):
            members = [np.searchsorted(numbers, part) for part in of_views]
            yield _Block(table.path(chunk), columns["start"][numbers], columns["bytes"][numbers], members)


def _between(numbers: Numbers, first: int, end: int) -> Numbers:
    """Of numbers that ascend those from the first to before the end."""
    a, b = np.searchsorted(numbers, (first, end))
    return numbers[a:b]
