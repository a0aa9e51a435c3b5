"""`doctorglm tune` as a runner: the project's own loop on the same ids and labels, packed and fused.

Runs in the project's own environment. `method`, `quantization`, `threads`, `batch_tokens`, `packing` and `fuse` are
settings; `without` names parts of the fused layers that are taken out (`_without.py`), `compiled` has torch.compile
make what is between the products, `profile` says where the time goes (`_stopwatch.py`).
"""

import torch
from _common import IGNORED, LEARNING_RATE, LORA, MAX_GRAD_NORM, SEED, Clock, Document, Job, cut, report, unpadded
from _runner import run
from _stopwatch import Stopwatch
from _without import compile_pointwise, take_out

from doctorglm import models
from doctorglm.render import Sample
from doctorglm.tune import loop
from doctorglm.tune.adapt import adapt
from doctorglm.tune.batches import Batch
from doctorglm.tune.corpus import Corpus, steps_of
from doctorglm.tune.loop import mean_nats
from doctorglm.tune.optimizers import optimizers_for
from doctorglm.tune.reading import fused_layers, reads_packed
from doctorglm.tune.settings import TuneSettings

DEFAULTS = {
    "method": "lora",
    "quantization": "nf4",
    "batch_tokens": 2048,
    "packing": True,
    "fuse": True,
    "threads": 2,
    "without": [],
    "compiled": False,
    "profile": False,
}


def main(asked: Job) -> None:
    take_out(asked.settings["without"])
    if asked.settings["compiled"]:
        compile_pointwise()
    stopwatch = Stopwatch() if asked.settings["profile"] else None
    method, packed = asked.settings["method"], asked.settings["quantization"]
    settings = TuneSettings(
        method=method, quantization=packed, prefix_init="random",
        learning_rate=LEARNING_RATE, epochs=1, batch_tokens=asked.settings["batch_tokens"], seed=SEED,
        packing=asked.settings["packing"], fuse=asked.settings["fuse"], max_grad_norm=MAX_GRAD_NORM,
        lora_rank=LORA["r"], lora_alpha=LORA["lora_alpha"],
    )  # fmt: skip
    samples = [Sample(str(i), 0, list(ids), list(labels)) for i, (ids, labels) in enumerate(asked.rendered)]
    kind = packed if method == "qlora" else None
    model, tokenizer = models.load(asked.base, dtype=torch.float32, frozen=method != "full", quantization=kind)
    model = adapt(model, settings, tokenizer)
    packing = reads_packed(model, samples, settings)
    fused = fused_layers(model, samples, settings, packing)
    corpus, optimizers, clock = Corpus(samples, [], 0, packing), optimizers_for(model, settings), Clock()
    first = mean_nats(model, samples, settings.batch_tokens, 0)
    model.train()
    steps = steps_of(samples, settings, packing)

    def made(batches: list[list[int]]) -> list[Batch]:
        return [b for indices in batches for b in corpus.batches([samples[i] for i in indices], model.device)]

    loop._backward(model, made(steps[0]), optimizers, MAX_GRAD_NORM)  # memory that was touched once
    model.zero_grad(set_to_none=True)
    seen_rows: list[list[Document]] = []
    if stopwatch:
        stopwatch.start()
    clock.start()
    for batches in steps:
        of_step = made(batches)
        loss, _ = loop._backward(model, of_step, optimizers, MAX_GRAD_NORM).tolist()
        loop._update(optimizers)
        clock.losses.append(loss)
        clock.step()
        seen_rows += [documents(batch) for batch in of_step]
    seen = [document for row in seen_rows for document in row]
    more = {"profile": stopwatch.shares(clock.ended[-1] - clock.started)} if stopwatch else {}
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    report(asked, "doctorglm", clock, seen, first, trained=trained, fused_layers=fused, batches=len(seen_rows), **more)


def documents(batch: Batch) -> list[Document]:
    """What a batch holds, with the labels as the loss takes them."""
    labels = torch.full_like(batch.input_ids, IGNORED).flatten()
    labels[batch.places + 1] = batch.targets
    if batch.documents is None:
        return unpadded(batch.input_ids, labels.view_as(batch.input_ids), batch.attention_mask)
    return cut(batch.input_ids[0].tolist(), labels.tolist(), [start for start, _ in batch.documents.bounds])


if __name__ == "__main__":
    run(DEFAULTS, main)
