"""The constants that were measured, from `calibration.yaml`, with the result files that they come from."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What no formula gives."""

    result: str
    """The file of benchmarks/results that holds the fit of the next three; empty while they are estimates."""
    overhead_gb: float
    """Memory that a run on a CPU needs whatever its size: buffers of libraries, the data, caches of kernels."""
    fragmentation: float
    """Memory that the allocator holds beyond what is in use, as a share of what comes and goes in a step."""
    beside_trial: float
    """Time of a run, as a share of that of as many rows and updates as a trial timed: rows of ever new lengths, batches
    that are made, metrics that are written."""
    products: float
    """Without a trial: rate of a run's products, as a share of that of the same shapes measured alone, in the
    processor's caches."""
    passes: float
    """Without a trial: seconds of everything between products, as so many passes over the activations at the memory's
    bandwidth."""
    attention: float
    """Without a trial: rate of attention's products, as a share of the weights'."""
    tokens_per_character: float
    """Of Chinese dialogues, where there is no tokenizer to count with."""
    gpu_efficiency: float
    """Of a GPU's dense peak, for all products; assumed."""
    gpu_overhead_gb: float
    """Memory of a GPU's driver and libraries; assumed."""
    dequantise: float
    """Speed with quantised weights, as a share of that without; assumed."""


@cache
def constants() -> Calibration:
    """The constants of this package."""
    text = resources.files("doctorglm.plan").joinpath("calibration.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return Calibration(**loaded)
