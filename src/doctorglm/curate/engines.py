"""Who does the work of curation: this process, several on this machine, or a Ray cluster (`ray_engine.py`).

An engine is asked for two things, and gives both in the order of the input, so that every engine's result is the same.
"""

import itertools
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any, Protocol, TypeVar

from doctorglm.curate.chunks import chunks_of
from doctorglm.curate.readers import Reader
from doctorglm.curate.record import Outcome, Records
from doctorglm.files.found import SourceFile

T = TypeVar("T")
R = TypeVar("R")


class Engine(Protocol):
    """Applies functions that can be sent to another process."""

    def outcomes(
        self, files: Sequence[SourceFile], mapping: Reader | None, records: Records, finished: Collection[str]
    ) -> Iterator[Outcome]:
        """The outcome of every chunk of the files that is not finished."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The function's results, in the order of the items."""


class Inline:
    """Everything in this process."""

    def outcomes(
        self, files: Sequence[SourceFile], mapping: Reader | None, records: Records, finished: Collection[str]
    ) -> Iterator[Outcome]:
        """One chunk after the other."""
        for number, file in enumerate(files):
            yield from map(records, chunks_of(number, file, mapping, finished))

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """One item after the other."""
        return map(function, items)


class Workers:
    """Reads in this process and works in others; small work is not worth their start, and is done here."""

    def __init__(self, processes: ProcessPoolExecutor, count: int) -> None:
        self._processes, self._count = processes, count

    def outcomes(
        self, files: Sequence[SourceFile], mapping: Reader | None, records: Records, finished: Collection[str]
    ) -> Iterator[Outcome]:
        """As many chunks at once as there are processes, and a few waiting."""
        chunks = itertools.chain.from_iterable(
            chunks_of(number, file, mapping, finished) for number, file in enumerate(files)
        )
        return self.map(records, chunks)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Never more items in memory than are being worked on: unlike `Executor.map`, which takes them all at once."""
        items = iter(items)
        few = list(itertools.islice(items, _INLINE_ITEMS + 1))
        if len(few) <= _INLINE_ITEMS:
            yield from map(function, few)
            return
        waiting: deque[Future[R]] = deque()
        try:
            for item in itertools.chain(few, items):
                waiting.append(self._processes.submit(function, item))
                if len(waiting) > 2 * self._count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


_INLINE_ITEMS = 2


@contextmanager
def workers(count: int) -> Iterator[Engine]:
    """An engine of so many processes, which end with this one, however it ends."""
    if count < 2:
        yield Inline()
        return
    context = multiprocessing.get_context("spawn")  # a fork would inherit the threads of rensa half alive
    processes = ProcessPoolExecutor(count, mp_context=context, initializer=_end_with_parent)
    with _one_thread_each():
        try:
            yield Workers(processes, count)
        finally:
            processes.shutdown(cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes that start meanwhile use one core each: as many threads again would only wait for one another."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS")


def _end_with_parent() -> None:
    """A process whose parent was killed waits for work for ever, unless it watches."""
    parent: Any = multiprocessing.parent_process()

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
