"""The student on a Ray cluster: the same batches as on one machine, each core with a copy of the model.

The student's folder must lie on a disk that every machine sees, and converted for all of them.
https://docs.ray.io/en/latest/data/api/doc/ray.data.Dataset.map_batches.html
"""

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from doctorglm.cluster import ray_data
from doctorglm.translate.student.bulk import Engines
from doctorglm.translate.student.decoding import Batch, Decoder, DecodingSettings, Said, Tokens


class Worker:
    """An actor: a decoder that is loaded once and takes batch after batch."""

    def __init__(self, model: Path, settings: DecodingSettings, positions: int) -> None:
        self._decoder = Decoder(model, settings, positions)

    def __call__(self, rows: dict[str, Any]) -> dict[str, list[bytes]]:
        """Rows of pickled batches to rows of pickled translations."""
        return {"item": [pickle.dumps(self._done(*pickle.loads(row))) for row in rows["item"]]}  # noqa: S301 (own)

    def _done(self, batch: Batch, beams: int) -> Any:
        return self._decoder.others(batch, beams) if beams else self._decoder.translate(batch)


class RayStudent:
    """Decodes batches with an actor for each core of the cluster."""

    def __init__(self, data: Any, cores: int, *model: Any) -> None:
        self._data, self._cores, self._model = data, cores, model

    def decode(self, batches: Sequence[Batch]) -> Iterator[list[Said]]:
        """The translations of each batch, in order."""
        return self._mapped(batches, 0)

    def others(self, batches: Sequence[Batch], beams: int) -> Iterator[list[list[Tokens]]]:
        """Other translations of each source of each batch, in order."""
        return self._mapped(batches, beams)

    def _mapped(self, batches: Sequence[Batch], beams: int) -> Iterator[Any]:
        if not batches:
            return
        items = [{"item": pickle.dumps((batch, beams))} for batch in batches]
        workers = min(self._cores, len(items))
        made = self._data.from_items(items, override_num_blocks=len(items)).map_batches(
            Worker,
            fn_constructor_args=self._model,
            batch_size=1,
            num_cpus=1,
            compute=self._data.ActorPoolStrategy(min_size=1, max_size=workers),
        )
        for row in made.iter_rows():
            yield pickle.loads(row["item"])  # noqa: S301 (this program's own)


@contextmanager
def ray_engine() -> Iterator[Engines]:
    """Makes engines on the cluster, which is stopped afterwards where it was started here."""
    with ray_data() as data:
        import ray

        cores = int(ray.cluster_resources().get("CPU", 1))
        yield lambda model, *how: RayStudent(data, cores, model.resolve(), *how)
