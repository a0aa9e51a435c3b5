"""The loop that a careful engineer writes in an afternoon: transformers, PEFT, padded batches, AdamW; no tricks.

Runs in the project's own environment.
"""

import random
from collections.abc import Iterator

import torch
from _common import (
    IGNORED,
    LEARNING_RATE,
    LORA,
    MAX_GRAD_NORM,
    SEED,
    Clock,
    Document,
    Job,
    report,
    supervised,
    unpadded,
)
from _runner import run
from peft import LoraConfig, get_peft_model
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, AutoTokenizer

import doctorglm.models  # noqa: F401  ChatGLM's classes are known to transformers from here on

DEFAULTS = {
    "method": "lora",  # or `full`
    "batch_size": 8,
    "pool_batches": 0,  # dialogues are sorted by length within shuffled pools of so many batches; 0: not sorted
    "loss": "hf",  # `hf`: the model's own, from labels; `own`: shifted cross entropy over the full logits
    "attn_implementation": "sdpa",
    "threads": 2,
}


def main(asked: Job) -> None:
    settings, clock = asked.settings, Clock()
    pad = AutoTokenizer.from_pretrained(asked.base).pad_token_id
    model = AutoModelForCausalLM.from_pretrained(
        asked.base, dtype=torch.float32, attn_implementation=settings["attn_implementation"]
    )
    torch.manual_seed(SEED)
    if settings["method"] == "lora":
        model = get_peft_model(model, LoraConfig(**LORA, target_modules="all-linear", task_type="CAUSAL_LM"))
    groups = list(in_batches(asked.rendered, settings["batch_size"], settings["pool_batches"]))
    batches = [padded(documents, pad) for documents in groups]
    first = evaluate(model, batches, settings["loss"])

    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.0)
    model.train()
    loss_of(model, batches[0], settings["loss"]).backward()  # memory that was touched once
    optimizer.zero_grad()
    clock.start()
    for documents in groups:
        batch = padded(documents, pad)
        loss = loss_of(model, batch, settings["loss"])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, MAX_GRAD_NORM)
        optimizer.step()
        optimizer.zero_grad()
        clock.losses.append(loss.item())
        clock.step()

    seen = [d for b in batches for d in unpadded(b["input_ids"], b["labels"], b["attention_mask"])]
    report(asked, "transformers", clock, seen, first, name="plain loop")


def in_batches(documents: list[Document], size: int, pool_batches: int) -> Iterator[list[Document]]:
    """Batches of `size` in a random order, of about equal length where pools are asked for."""
    shuffler = random.Random(SEED)
    order = shuffler.sample(documents, len(documents))
    if pool_batches:
        pools = [order[i : i + size * pool_batches] for i in range(0, len(order), size * pool_batches)]
        order = [d for pool in pools for d in sorted(pool, key=lambda d: len(d[0]))]
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    if pool_batches:
        shuffler.shuffle(batches)
    yield from batches


def padded(documents: list[Document], pad: int) -> dict[str, torch.Tensor]:
    longest = max(len(ids) for ids, _ in documents)
    short = [longest - len(ids) for ids, _ in documents]
    return {
        "input_ids": torch.tensor([[*d[0], *[pad] * n] for d, n in zip(documents, short, strict=True)]),
        "attention_mask": torch.tensor([[1] * (longest - n) + [0] * n for n in short]),
        "labels": torch.tensor([[*d[1], *[IGNORED] * n] for d, n in zip(documents, short, strict=True)]),
    }


def loss_of(model: torch.nn.Module, batch: dict[str, torch.Tensor], kind: str) -> torch.Tensor:
    """Mean nats per supervised token of the batch."""
    if kind == "hf":
        return model(**batch).loss
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False).logits
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), ignore_index=IGNORED)


def evaluate(model: torch.nn.Module, batches: list[dict[str, torch.Tensor]], kind: str) -> float:
    """Mean nats per supervised token of all batches."""
    model.eval()
    counts = [supervised(batch["labels"][:, 1:].flatten().tolist()) for batch in batches]
    with torch.inference_mode():
        total = sum(loss_of(model, b, kind).item() * n for b, n in zip(batches, counts, strict=True))
    return total / sum(counts)


if __name__ == "__main__":
    run(DEFAULTS, main)
