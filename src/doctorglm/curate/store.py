"""What curation has done so far, on disk: chunk by chunk, whole or not at all, so that a kill costs one chunk."""

import itertools
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from doctorglm.curate.record import COLUMNS, Label, Outcome
from doctorglm.curate.spill import Spill
from doctorglm.runs import atomic_file, read_json, write_json

_HEAD, _PASSED, _REJECTED, _COLUMNS = ".json", ".passed.jsonl", ".rejected.jsonl", ".npy"


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of a finished chunk without its texts."""

    key: str
    report: dict[str, Any]
    read: int
    passed: int
    labels: list[Label]
    reasons: dict[str, dict[str, int]]
    counts: dict[str, dict[str, int]]

    @property
    def source(self) -> str:
        """What the chunks of one source have in common."""
        return self.key.rpartition("-")[0]


class Store:
    """The chunks of one run in a folder of their own; another run's are removed first."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder, mark = folder, folder / "identity"
        if not mark.exists() or mark.read_text("utf-8") != identity:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, mode=0o700)
            with atomic_file(mark) as out:
                out.write(identity)

    @property
    def finished(self) -> frozenset[str]:
        """The keys of the chunks that need not be done again."""
        return frozenset(path.stem for path in self.folder.glob(f"*{_HEAD}"))

    def add(self, outcome: Outcome) -> None:
        """Keeps an outcome; its head comes last, so that what a kill left behind does not count."""
        for suffix, data in ((_PASSED, outcome.passed), (_REJECTED, outcome.rejected)):
            self._write(self.path(outcome.key, suffix), data)
        self._write(self.path(outcome.key, _COLUMNS), outcome.columns.tobytes())
        head = Head(
            outcome.key,
            asdict(outcome.report),
            outcome.read,
            len(outcome.columns),
            outcome.labels,
            {source: dict(reasons) for source, reasons in outcome.reasons.items()},
            {name: dict(counts) for name, counts in outcome.counts.items()},
        )
        write_json(self.path(outcome.key, _HEAD), asdict(head))

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)

    def path(self, key: str, suffix: str) -> Path:
        """A chunk's file."""
        return self.folder / f"{key}{suffix}"

    def heads(self) -> list[Head]:
        """The finished chunks in the order of the sources."""
        heads = [read_json(path) for path in sorted(self.folder.glob(f"*{_HEAD}"))]
        return [Head(**{**head, "labels": [Label(**label) for label in head["labels"]]}) for head in heads]

    def rejected(self, key: str) -> Iterator[dict[str, Any]]:
        """What a chunk's records were rejected for, in order."""
        with self.path(key, _REJECTED).open("rb") as lines:
            yield from (json.loads(line) for line in lines)

    def remove(self) -> None:
        """Takes the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Table:
    """The records that passed, as columns; a record's number is its place in the order of the sources."""

    def __init__(self, store: Store, heads: Sequence[Head]) -> None:
        self.store, self.heads = store, heads
        self.first = np.array([0, *itertools.accumulate(head.passed for head in heads)])
        """The number of each chunk's first record, and of all."""
        numbers: dict[Label, int] = {}
        self._columns = Spill(store.folder)
        for head in heads:
            self._columns.write(self._read(head, numbers))
        self.columns: NDArray[np.void] = self._columns.mapped().view(COLUMNS)
        self.labels = list(numbers)

    def _read(self, head: Head, numbers: dict[Label, int]) -> NDArray[np.void]:
        columns = np.fromfile(self.store.path(head.key, _COLUMNS), COLUMNS)
        if head.labels:
            known = np.array([numbers.setdefault(label, len(numbers)) for label in head.labels], dtype="u4")
            columns["label"] = known[columns["label"]]
        return columns

    def __len__(self) -> int:
        return len(self.columns)

    def forget(self) -> None:
        """Gives the columns' memory back where they lie in a file, before what needs much of its own."""
        self._columns.forget()

    @cached_property
    def chunk(self) -> NDArray[np.int32]:
        """The number of each record's chunk."""
        return np.repeat(np.arange(len(self.heads), dtype=np.int32), np.diff(self.first))

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The records by id."""
        return np.argsort(self.columns["id"], kind="stable")

    def id(self, number: int) -> str:
        """A record's id."""
        return bytes(self.columns["id"][number]).decode()

    def file(self, number: int) -> str:
        """The name of the file that a record was read from."""
        return str(self.heads[self.chunk[number]].report["name"])

    def of(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which records are of these sources or files, by name."""
        labels = np.array([label.source in names for label in self.labels], dtype=bool)
        chunks = np.array([head.report["name"] in names for head in self.heads], dtype=bool)
        if not len(self):
            return np.zeros(0, dtype=bool)
        found: NDArray[np.bool_] = labels[self.columns["label"]] | chunks[self.chunk]
        return found

    def names(self) -> set[str]:
        """The sources and files that there are records of."""
        used = {self.labels[i].source for i in np.unique(self.columns["label"])}
        return used | {str(head.report["name"]) for head in self.heads if head.passed}

    def counted(self, name: str) -> Counter[str]:
        """A count of all chunks together."""
        return sum((Counter(head.counts[name]) for head in self.heads), Counter())

    def lines(self, numbers: NDArray[np.int64]) -> Iterator[bytes]:
        """The records as lines of JSON, in the order that is asked for."""
        opened: dict[int, int] = {}
        try:
            for number in numbers:
                chunk = int(self.chunk[number])
                if chunk not in opened:
                    while len(opened) >= _OPEN_FILES:
                        os.close(opened.pop(next(iter(opened))))
                    opened[chunk] = os.open(self.store.path(self.heads[chunk].key, _PASSED), os.O_RDONLY)
                record = self.columns[number]
                yield os.pread(opened[chunk], int(record["bytes"]), int(record["start"]))
        finally:
            for descriptor in opened.values():
                os.close(descriptor)

    def path(self, chunk: int) -> Path:
        """The file of a chunk's lines."""
        return self.store.path(self.heads[chunk].key, _PASSED)


_OPEN_FILES = 200
