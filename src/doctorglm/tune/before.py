"""The base as it is before anything is trained: what its losses are, which all forgetting is measured against."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from doctorglm.runs import read_json, write_json
from doctorglm.tune.loop import Corpus, validated
from doctorglm.tune.settings import Method, TuneSettings
from doctorglm.tune.stopping import Losses


@contextmanager
def as_base(model: Any, method: Method) -> Iterator[None]:
    """Within it an adapted model that has not been trained answers as its base does.

    An adapter may change answers before its first step: a prefix does, LoRA does not.
    """
    with nullcontext() if method == "full" else model.disable_adapter():
        yield


def losses_before(path: Path, model: Any, corpus: Corpus, settings: TuneSettings) -> Losses:
    """The base's losses on the texts that the run is validated on, read from `path` or measured and written there.

    Raises ModelError when they are not finite.
    """
    if path.exists():
        return Losses(**read_json(path))
    with as_base(model, settings.method):
        losses = validated(model, corpus, settings, step=0)
    write_json(path, asdict(losses))
    return losses
