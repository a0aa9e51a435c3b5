"""Curation's work on a Ray cluster: the same functions as on one machine, spread by Ray Data.

Sources and `--out` must lie on a disk that every node sees. https://docs.ray.io/en/latest/data/data.html
"""

import pickle
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from doctorglm.cluster import ray_data
from doctorglm.curate.chunks import chunks_of
from doctorglm.curate.readers import Reader
from doctorglm.curate.record import Outcome, Records
from doctorglm.files.found import SourceFile

T = TypeVar("T")
R = TypeVar("R")

_MOST_ITEMS = 10_000
"""So many items are given to Ray at once, which keeps them all in its memory."""


class RayData:
    """Applies functions with Ray Data, which gives the results in the order of the input."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def outcomes(
        self, files: Sequence[SourceFile], mapping: Reader | None, records: Records, finished: Collection[str]
    ) -> Iterator[Outcome]:
        """Each file is read where Ray likes, and its chunks are worked on wherever there is a free core."""
        cut = partial(_cut, mapping=mapping, finished=finished)
        items = [{"item": pickle.dumps(numbered)} for numbered in enumerate(files)]
        chunks = self._data.from_items(items, override_num_blocks=len(items)).flat_map(cut)
        return _results(chunks.map(partial(_applied, function=records)))

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Some thousands of items at once."""
        waiting: list[dict[str, bytes]] = []
        for item in items:
            waiting.append({"item": pickle.dumps(item)})
            if len(waiting) == _MOST_ITEMS:
                yield from self._mapped(function, waiting)
                waiting = []
        if waiting:
            yield from self._mapped(function, waiting)

    def _mapped(self, function: Callable[[T], R], items: list[dict[str, bytes]]) -> Iterator[R]:
        return _results(self._data.from_items(items).map(partial(_applied, function=function)))


def _cut(row: dict[str, bytes], mapping: Reader | None, finished: Collection[str]) -> Iterator[dict[str, bytes]]:
    number, file = pickle.loads(row["item"])  # noqa: S301 (this program's own)
    for chunk in chunks_of(number, file, mapping, finished):
        yield {"item": pickle.dumps(chunk)}


def _applied(row: dict[str, bytes], function: Callable[[Any], Any]) -> dict[str, bytes]:
    return {"item": pickle.dumps(function(pickle.loads(row["item"])))}  # noqa: S301 (this program's own)


def _results(dataset: Any) -> Iterator[Any]:
    for row in dataset.iter_rows():
        yield pickle.loads(row["item"])  # noqa: S301 (this program's own)


@contextmanager
def ray_cluster() -> Iterator[RayData]:
    """The cluster that RAY_ADDRESS names, else one of this machine's cores; raises ConfigError without Ray."""
    with ray_data() as data:
        yield RayData(data)
