"""Work spread over this machine's cores: a function over many items, results in the order of the items."""

import itertools
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")

_INLINE_ITEMS = 2
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS")


class Spread(Protocol):
    """Applies functions that can be sent to another process."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """The function's results, in the order of the items."""


class Inline:
    """Everything in this process."""

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """One item after the other."""
        return map(function, items)


class Workers:
    """Reads the items in this process and works in others; small work is not worth their start, and is done here."""

    def __init__(self, processes: ProcessPoolExecutor, count: int) -> None:
        self._processes, self._count = processes, count

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


@contextmanager
def pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """So many processes, a core each, which end with this one, however it ends."""
    context = multiprocessing.get_context("spawn")  # a fork would inherit the threads of a library half alive
    processes = ProcessPoolExecutor(count, mp_context=context, initializer=_end_with_parent)
    with _one_thread_each():
        try:
            yield processes
        finally:
            processes.shutdown(cancel_futures=True)


@contextmanager
def spread(count: int) -> Iterator[Spread]:
    """Work over so many processes beside this one. A script that uses any needs its `__main__` guarded."""
    if count < 1:
        yield Inline()
        return
    with pool(count) as processes:
        yield Workers(processes, count)


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


def _end_with_parent() -> None:
    """A process whose parent was killed waits for work for ever, unless it watches."""
    parent: Any = multiprocessing.parent_process()

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
