"""Who does the work of curation: this process, several on this machine, or a Ray cluster (`ray_engine.py`).

An engine is asked for two things, and gives both in the order of the input, so that every engine's result is the same.
"""

import itertools
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from doctorglm import processes
from doctorglm.curate.chunks import chunks_of
from doctorglm.curate.readers import Reader
from doctorglm.curate.record import Outcome, Records
from doctorglm.files.found import SourceFile


class Engine(processes.Spread, Protocol):
    """Applies functions that can be sent to another process."""

    def outcomes(
        self, files: Sequence[SourceFile], mapping: Reader | None, records: Records, finished: Collection[str]
    ) -> Iterator[Outcome]:
        """The outcome of every chunk of the files that is not finished."""


class Inline(processes.Inline):
    """Everything in this process."""

    def outcomes(
        self, files: Sequence[SourceFile], mapping: Reader | None, records: Records, finished: Collection[str]
    ) -> Iterator[Outcome]:
        """One chunk after the other."""
        for number, file in enumerate(files):
            yield from map(records, chunks_of(number, file, mapping, finished))


class Workers(processes.Workers):
    """Reads in this process and works in others."""

    def outcomes(
        self, files: Sequence[SourceFile], mapping: Reader | None, records: Records, finished: Collection[str]
    ) -> Iterator[Outcome]:
        """As many chunks at once as there are processes, and a few waiting."""
        chunks = itertools.chain.from_iterable(
            chunks_of(number, file, mapping, finished) for number, file in enumerate(files)
        )
        return self.map(records, chunks)


@contextmanager
def workers(count: int) -> Iterator[Engine]:
    """An engine of so many processes, which end with this one, however it ends."""
    if count < 2:
        yield Inline()
        return
    with processes.pool(count) as several:
        yield Workers(several, count)
