"""Whether a model may be given packed rows, and fused layers: decided by its kind, then proved on its own data."""

from collections.abc import Sequence
from typing import Any

import torch

from doctorglm.models.documents import can_pack
from doctorglm.models.half import half_of
from doctorglm.render import Sample
from doctorglm.tune.batches import collate, pack
from doctorglm.tune.fused import fuse
from doctorglm.tune.loss import token_nats
from doctorglm.tune.settings import TuneSettings

_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}
"""Nats by which one token may differ: far above what another order of sums does, far below what a leak does."""


def reads_packed(model: Any, samples: Sequence[Sample], settings: TuneSettings) -> bool:
    """Whether batches are packed: when asked for, possible, and giving two samples the losses that each has alone."""
    if not (settings.packing and can_pack(model)):
        return False
    with torch.inference_mode():
        alone = torch.cat([token_nats(model, collate([s], 0).to(model.device)) for s in _shortest(samples)])
        together = token_nats(model, pack(_shortest(samples)).to(model.device))
    computed = torch.float32 if half_of(model) else next(model.parameters()).dtype
    return float((alone - together).abs().max()) <= _TOLERANCE.get(computed, 0.1)


def fused_layers(model: Any, samples: Sequence[Sample], settings: TuneSettings, packing: bool) -> int:
    """Fuses what can be fused where it is asked for, and returns how many layers that are.

    On a CPU fused layers read packed rows alone, and need copies in 32 bits: a model that keeps half-precision weights
    has no memory for them, and none is fused.
    """
    if not (settings.fuse and settings.method == "lora") or half_of(model):
        return 0
    if model.device.type == "cpu" and not packing:
        return 0
    batch = (pack(_shortest(samples)) if packing else collate(_shortest(samples), 0)).to(model.device)
    return fuse(model, lambda fused_or_not: token_nats(fused_or_not, batch))


def _shortest(samples: Sequence[Sample]) -> list[Sample]:
    """Two samples that cost least to read."""
    return sorted(samples, key=lambda s: len(s.input_ids))[:2]
