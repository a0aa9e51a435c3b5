"""The loss: next-token cross entropy, with logits only where a label is."""

from typing import Any

import torch
from torch.nn import functional as F

from doctorglm.tune.batches import Batch


def token_nats(model: Any, batch: Batch) -> torch.Tensor:
    """Nats of every supervised token, (T,) float32, in the order of `batch.places`.

    `model` is a causal or prefix language model of transformers, with or without PEFT adapters. Its head is given the
    supervised positions alone: with a vocabulary of 130,528 it would otherwise be most of the memory. What some models
    do to logits afterwards, such as scaling or capping them, stays theirs.
    """

    def supervised(_: Any, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        (hidden_BSH,) = args
        return (hidden_BSH.flatten(0, 1)[batch.places],)

    handle = model.get_output_embeddings().register_forward_pre_hook(supervised)
    try:
        logits_TV = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits
    finally:
        handle.remove()
    return F.cross_entropy(logits_TV.float(), batch.targets, reduction="none")
