"""How well a model foresees the held-out answers: nats per supervised token."""

from collections.abc import Sequence
from typing import Any

import torch

from doctorglm.clinical.masking import masked_together
from doctorglm.conversation import Conversation
from doctorglm.evaluate.items import LikelihoodItem
from doctorglm.models.products import by_products
from doctorglm.render import Sample, renderer_for
from doctorglm.report.progress import Line
from doctorglm.tune.batches import collate, order
from doctorglm.tune.loss import token_nats


def likelihood(
    model: Any,
    tokenizer: Any,
    conversations: Sequence[Conversation],
    *,
    max_length: int,
    batch_tokens: int,
    line: Line,
    suite: str = "likelihood",
) -> list[LikelihoodItem]:
    """One item for each conversation with a rendered answer: all its answers' nats and tokens, end tokens included."""
    renderer = renderer_for(tokenizer)
    rendered = [item for c in conversations for item in renderer.training(c, max_length)]
    samples = [item for item in rendered if isinstance(item, Sample)]
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else renderer.end_token_ids[0]
    nats = dict.fromkeys((c.id for c in conversations), 0.0)
    tokens = dict.fromkeys(nats, 0)
    done = 0
    with torch.inference_mode(), by_products(model):
        for indices in order(samples, batch_tokens, 0, 0):
            batch = collate([samples[i] for i in indices], int(padding)).to(model.device)
            by_row = torch.zeros(len(indices)).index_add_(0, batch.rows.cpu(), token_nats(model, batch).cpu())
            for row, i in enumerate(indices):
                nats[samples[i].record_id] += float(by_row[row])
                tokens[samples[i].record_id] += samples[i].supervised
            done += len(indices)
            line.update(done / max(1, len(samples)))
    # whatever a source put into that column
    known = {name: masked_together([name])[0] for name in {c.department or "" for c in conversations}}
    departments = {c.id: known[c.department or ""] for c in conversations}
    return [
        LikelihoodItem(id=key, suite=suite, department=departments[key], nats=nats[key], tokens=tokens[key])
        for key in nats
        if tokens[key]
    ]
