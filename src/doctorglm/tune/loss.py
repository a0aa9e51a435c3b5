"""The loss: next-token cross entropy, with logits only where a label is."""

from typing import Any

import torch
from torch.nn import functional as F

from doctorglm.tune.batches import Batch


def token_nats(model: Any, batch: Batch) -> torch.Tensor:
    """Nats of every supervised token, (T,) float32, in the order of `batch.places`.

    `model` is a causal or prefix language model of transformers, with or without PEFT adapters. The head sees only the
    supervised positions: with a vocabulary of 130,528 it would otherwise be most of the memory.
    """
    language_model = model.get_base_model() if hasattr(model, "get_base_model") else model
    backbone = getattr(language_model, language_model.base_model_prefix)
    hidden = backbone(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).last_hidden_state
    logits = language_model.get_output_embeddings()(hidden.flatten(0, 1)[batch.places])
    return F.cross_entropy(logits.float(), batch.targets, reduction="none")
