"""The loss: next-token cross entropy, with logits only where a label is."""

from typing import Any

import torch
from torch.nn import functional as F

from doctorglm.models.documents import packed
from doctorglm.models.kernels import sent
from doctorglm.models.quantized.linear import QuantizedLinear
from doctorglm.tune.batches import Batch
from doctorglm.tune.fused import SupervisedHead, has_fused_head, wanted

_supervised_head: Any = SupervisedHead.apply


def token_nats(model: Any, batch: Batch) -> torch.Tensor:
    """Nats of every supervised token, (T,) float32, in the order of `batch.places`.

    `model` is a causal or prefix language model of transformers, with or without PEFT adapters. Its head is given the
    supervised positions alone: with a vocabulary of 130,528 it would otherwise be most of the memory. What some models
    do to logits afterwards, such as scaling or capping them, stays theirs.
    """

    kept: list[torch.Tensor] = []
    fused = has_fused_head(model) and (batch.documents is not None or torch.is_grad_enabled())

    def supervised(_: Any, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        hidden = args[0].flatten(0, 1)
        # a fused last layer has left the others out already
        hidden = hidden if len(hidden) != batch.input_ids.numel() else hidden[batch.places]
        kept.append(hidden)
        return (hidden[:0] if fused else hidden,)

    head = model.get_output_embeddings()
    handle = head.register_forward_pre_hook(supervised)
    try:
        logits_TV = _read(model, batch).logits
    finally:
        handle.remove()
    if fused:
        weight = head if isinstance(head, QuantizedLinear) else head.weight
        nats: torch.Tensor = _supervised_head(kept[0], weight, batch.targets)
        return nats
    return F.cross_entropy(_at_least_32(logits_TV), batch.targets, reduction="none")


def _read(model: Any, batch: Batch) -> Any:
    """What the model says to the batch, padded or packed."""
    if batch.documents is None:
        return model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
    positions = sent(batch.documents.positions(), batch.input_ids.device)
    with packed(model, batch.documents), wanted(batch.places):
        return model(input_ids=batch.input_ids, position_ids=positions, use_cache=False)


def _at_least_32(logits: torch.Tensor) -> torch.Tensor:
    """Half precision widened; a model in 64 bits is taken for exactness, and stays."""
    return logits if logits.dtype == torch.float64 else logits.float()
