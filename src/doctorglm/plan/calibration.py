"""The constants that were measured, from `calibration.yaml`, each with the result file that it comes from."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What no formula gives."""

    result: str
    """The file of benchmarks/results that holds the fit of those for a CPU; empty while they are estimates."""
    tokens_per_character: float
    """Of Chinese dialogues, where there is no tokenizer to count with."""
    products: float
    """Rate of a run's products, as a share of that of the same shapes measured alone, in the processor's caches."""
    passes: float
    """Seconds of everything between products, as so many passes over the activations at the memory's bandwidth."""
    attention: float
    """Rate of attention's products, as a share of the weights'."""
    overhead_gb: float
    """Memory that a run needs whatever its size: buffers of libraries, the data, caches of kernels."""
    fragmentation: float
    """Memory that the allocator holds beyond what is in use, as a share of what comes and goes in a step."""
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
