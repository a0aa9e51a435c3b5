"""Whether a model may be given packed rows, and fused layers: decided by its kind, then proved on its own data."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from doctorglm.models.documents import can_pack
from doctorglm.models.half import half_of
from doctorglm.render import Sample
from doctorglm.tune.batches import collate, pack
from doctorglm.tune.compiled import compile_layers
from doctorglm.tune.fused import fuse
from doctorglm.tune.loss import token_nats
from doctorglm.tune.settings import TuneSettings

_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}
"""Nats by which one token may differ: far above what another order of sums does, far below what a leak does."""

_TENSOR_CORES = 0.02
"""The same on a GPU, whose products of 32 bits keep the 10 bits of TensorFloat-32; bfloat16 keeps 7."""


def reads_packed(model: Any, samples: Sequence[Sample], settings: TuneSettings) -> bool:
    """Whether batches are packed: when asked for, possible, and giving two samples the losses that each has alone."""
    if not (settings.packing and can_pack(model)):
        return False
    with torch.inference_mode():
        alone = torch.cat([token_nats(model, collate([s], 0).to(model.device)) for s in _shortest(samples)])
        together = token_nats(model, pack(_shortest(samples)).to(model.device))
    computed = torch.float32 if half_of(model) else next(model.parameters()).dtype
    tolerance = _TOLERANCE.get(computed, 0.1)
    if model.device.type == "cuda":
        tolerance = max(tolerance, _TENSOR_CORES)
    return float((alone - together).abs().max()) <= tolerance


def fused_layers(model: Any, samples: Sequence[Sample], settings: TuneSettings, packing: bool) -> int:
    """Fuses what can be fused where it is asked for, and returns how many layers that are.

    None of a model that keeps half-precision weights: on a CPU it has no memory for copies in 32 bits; nor under
    `sharding`: they keep copies of whole weights. On a GPU adapted linear layers alone.
    """
    if not settings.fuse or settings.sharding != "none" or half_of(model):
        return 0
    if settings.method in ("full", "ptuning") and model.device.type != "cpu":
        return 0
    return fuse(model, _reading(model, samples, packing), packing=packing)


def compiled_layers(model: Any, samples: Sequence[Sample], settings: TuneSettings, packing: bool) -> int:
    """Compiles what is not fused where it is asked for, and returns how many layers that are."""
    return compile_layers(model, _reading(model, samples, packing)) if settings.compile else 0


def _reading(model: Any, samples: Sequence[Sample], packing: bool) -> Callable[[Any], torch.Tensor]:
    """Nats of one batch, as often as asked for."""
    batch = (pack(_shortest(samples)) if packing else collate(_shortest(samples), 0)).to(model.device)
    return lambda replaced_or_not: token_nats(replaced_or_not, batch)


def _shortest(samples: Sequence[Sample]) -> list[Sample]:
    """Two samples that cost least to read."""
    return sorted(samples, key=lambda s: len(s.input_ids))[:2]
