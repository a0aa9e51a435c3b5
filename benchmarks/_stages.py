"""The stages of curation one by one: seconds that two processes take for each, over the same chunks.

What is done with a record by itself is done stage by stage for a whole chunk, and its CPU seconds are taken; records
per second are those of two processes that work at once and do nothing else. The others compare all records, and are
timed as `curate` reports them.
"""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doctorglm.curate import CurateSettings, curate
from doctorglm.curate.chunks import Chunk, chunks_of
from doctorglm.curate.clean import clean
from doctorglm.curate.decontaminate import Benchmarks, Item
from doctorglm.curate.deidentify import Deidentifier
from doctorglm.curate.engines import Engine
from doctorglm.curate.filters import chain, first_rejection
from doctorglm.curate.normal import normalised
from doctorglm.curate.quality import score
from doctorglm.curate.sources import entry_of, readers_with
from doctorglm.files.found import find_files

BY_RECORD = ("read and clean", "filters", "decontaminate", "de-identify by rules", "quality")
COMPARED = {"reading": "all of a record", "comparing": "near-duplicates", "dividing": "clusters and splits"}
COMPARED |= {"writing": "writing"}
_ITEMS, _SEED_CHARS = 1000, 40


class Stopwatch:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Takes the time of a block."""
        started = time.thread_time()
        yield
        self.seconds[name] += time.thread_time() - started  # type: ignore[assignment]


@dataclass(frozen=True)
class OneByOne:
    """Done in a worker: a chunk, stage by stage."""

    settings: CurateSettings
    benchmarks: Benchmarks

    def __call__(self, chunk: Chunk) -> Counter[str]:
        """Seconds by stage."""
        taken, filters = Stopwatch(), chain(self.settings)
        deidentifier = Deidentifier(self.settings, b"benchmark")
        with taken.of("read and clean"):
            entries = [entry_of(row, chunk.report, readers_with(None)) for row in chunk.rows]
            read = [
                clean(e.conversation, self.settings.drop_courtesies, Counter(), self.settings.normalise)
                for e in entries
                if e.conversation
            ]
        with taken.of("filters"):
            kept = [conversation for conversation in read if first_rejection(filters, conversation) is None]
        with taken.of("decontaminate"):
            kept = [conversation for conversation in kept if self.benchmarks.match(conversation) is None]
        with taken.of("de-identify by rules"):
            kept = [deidentifier.conversation(conversation, Counter()) for conversation in kept]
        with taken.of("quality"):
            for conversation in kept:
                score(conversation)
        return taken.seconds


def by_record(source: Path, settings: CurateSettings, engine: Engine, processes: int) -> dict[str, dict[str, float]]:
    """Records and bytes a second of each stage that looks at one record."""
    (file,) = find_files([source])
    reading = _Reading(chunks_of(0, file, None))
    seconds = Counter[str]()
    for taken in engine.map(OneByOne(settings, _items()), reading):
        seconds += taken
    seconds["read and clean"] += processes * reading.seconds  # one process reads for all
    return {name: rates(reading.records, source, seconds[name] / processes) for name in BY_RECORD}


class _Reading:
    """Chunks with their number of records, and the CPU seconds that reading takes."""

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks, self.records, self.seconds = chunks, 0, 0.0

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        started = time.thread_time()
        try:
            chunk = next(self._chunks)
        finally:
            self.seconds += time.thread_time() - started
        self.records += len(chunk.rows)
        return chunk


def rates(records: int, source: Path, seconds: float) -> dict[str, float]:
    """As results give them."""
    size = source.stat().st_size
    return {
        "seconds": round(seconds, 2),
        "records_per_s": round(records / seconds, 1),
        "mb_per_s": round(size / seconds / 1e6, 2),
    }


def _items() -> Benchmarks:
    """Items that no record holds."""
    return Benchmarks(
        Item(f"benchmark:{number}", normalised(f"第{number}题：{_letters(number)}"), normalised(_letters(~number)))
        for number in range(_ITEMS)
    )


def _letters(number: int) -> str:
    return "".join(chr(0x4E00 + (number * 7919 + at * 104729) % 20_000) for at in range(_SEED_CHARS))


def end_to_end(source: Path, out: Path, settings: CurateSettings, engine: Engine) -> dict[str, Any]:
    """Wall seconds of each part of a whole run, and what it counted."""
    marks: list[tuple[str, float]] = []
    started = time.monotonic()

    def progress(what: str, _: float) -> None:
        name = what if what in COMPARED else "reading"
        if not marks or marks[-1][0] != name:
            marks.append((name, time.monotonic()))

    run = curate([source], out, settings, progress, engine=engine)
    ended = time.monotonic()
    edges = [started, *(at for _, at in marks[1:]), ended]
    records = run.record["counts"]["read"]
    parts = {
        COMPARED[name]: rates(records, source, b - a)
        for (name, _), (a, b) in zip(marks, itertools.pairwise(edges), strict=True)
    }
    return {"parts": parts, "whole": rates(records, source, ended - started), "counts": run.record["counts"]}
