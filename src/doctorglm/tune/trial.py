"""A trial of a run before its first step: rows of its data through a few of its layers, in its very way, timed.

A run takes two to three times its matrix products, and which depends on way, rank and family, so that no constants
foretell it (benchmarks/results/plan_first.json). What is timed is the last layer alone, and with the first two before
it: t1 and t3, both with embedding, head and loss. All L layers then take t1 + (L - 1) x (t3 - t1) / 2. It is two layers
more and not one, because `recompute=selective` recomputes every second, and because what two readings differ by is
small beside what either takes. Both depths take turns, so that a machine that becomes slower does so for both; the
first round is not counted, and of the others the median is.
The optimizer's step is timed too, and scaled by the weights that it updates.
It takes as long as a step or two of a model of a dozen layers, a few seconds for a small one. A layer of 6B parameters
takes seconds of its own on a few cores: rows are then cut to what fits into 20 seconds in all, which is little beside
the hours of such a run, and whose products are wide enough to have their rate with some hundred tokens.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from doctorglm.language import Text
from doctorglm.models.chatglm.attention import ChatGLMBlock
from doctorglm.models.documents import learned_by
from doctorglm.plan.devices import Device
from doctorglm.plan.memory import Saving, trainable, way_of
from doctorglm.plan.seconds import flops_of, reading_flops
from doctorglm.plan.settings import PlanSettings
from doctorglm.plan.shape import Shape
from doctorglm.plan.timed import Timed, extrapolated
from doctorglm.plan.work import Row, Work
from doctorglm.render import Sample
from doctorglm.tune.batches import Batch, collate, order, pack
from doctorglm.tune.corpus import Corpus, steps_of
from doctorglm.tune.fused.install import decoder_layers
from doctorglm.tune.loss import token_nats
from doctorglm.tune.optimizers import optimizers_for
from doctorglm.tune.settings import TuneSettings

ROUNDS = 3
"""That are counted."""
MOST_S = 20.0
"""Of the whole trial, about."""
_WORTH = 4
"""How much longer than its trial a run has to be, in layers that are read."""
_FIRST, _SLOW_S = 1 / 16, 1.0
"""Of a row's tokens, what is read first, to see how long the rest would take: twice, but where once takes a second."""


@dataclass(frozen=True)
class Trained:
    """What is tried: a model that is ready for its run, and how it is trained."""

    model: Any
    settings: TuneSettings
    of: PlanSettings
    shape: Shape
    """Of the whole base, of which the model may have a few layers only."""
    device: Device
    saving: Saving
    packing: bool

    def flops(self, row: Sequence[Sample], layers: int | None = None) -> float:
        """What a row computes in so many layers, in all of them where that is not said."""
        shape = self.shape if layers is None else replace(self.shape, layers=layers)
        return flops_of(
            shape, self.of, _work(row, self.packing), way_of(shape, self.of, self.device), self.saving
        ).total

    def reading_flops(self, batch: Sequence[Sample], layers: int | None = None) -> float:
        """The same of a batch that is read without gradients."""
        shape = self.shape if layers is None else replace(self.shape, layers=layers)
        of = _work(batch, self.packing)
        return reading_flops(shape, of.tokens, of.supervised, of.squares)


def tried(make: Callable[[], Timed]) -> Timed | Text:
    """The trial, or why there is none: of many errors that it may meet, none should end what can go on without it."""
    try:
        return make()
    except Exception as error:
        said = " ".join(str(error).split())[:160] or type(error).__name__
        return Text(en=f"a trial of a few layers failed ({said}).", zh=f"试跑失败（{said}）。")


def worth_it(steps: int, layers: int) -> bool:
    """Whether a run is so much longer than its trial that one is worth its time."""
    return steps * layers >= _WORTH * (1 + ROUNDS) * sum(len(kept) for kept in depths(layers))


def depths(layers: int) -> tuple[list[int], list[int]]:
    """Which layers are read: the last alone, and it with the two first, or as many as there are."""
    last = layers - 1
    return [last], [*range(min(2, last)), last]


def timed(of: Trained, samples: Sequence[Sample]) -> Timed:
    """Times a typical row of `samples`; the model is afterwards as it was."""
    began = time.monotonic()
    layers = decoder_layers(of.model)
    shallow, deep = depths(len(layers))
    row, batch = _typical(of, samples)
    rows: list[float] = []
    updates: list[float] = []
    readings: list[float] = []
    with unchanged(of.model):
        optimizers = optimizers_for(of.model, of.settings)

        def there_and_back(row: Sequence[Sample], kept: Sequence[int]) -> tuple[float, float]:
            with only(layers, kept):
                return _step(of, row, optimizers)

        def read(kept: Sequence[int]) -> float:
            with only(layers, kept):
                return _reading(of.model, batch)

        share = _share_that_fits(of, row, batch, len(deep), lambda piece: there_and_back(piece, shallow)[0])
        row, batch = _cut(row, share), _cut(batch, share)
        whole = partial(extrapolated, layers=of.shape.layers, more=len(deep) - 1)
        for i in range(1 + ROUNDS):
            (t_deep, update), (t_shallow, _) = there_and_back(row, deep), there_and_back(row, shallow)
            found = whole(t_shallow, t_deep), update, whole(read(shallow), read(deep))
            if i == 0:
                continue
            for seconds, one in zip((rows, updates, readings), found, strict=True):
                seconds.append(one)
            if time.monotonic() - began > MOST_S:
                break
    return Timed(
        row_s=statistics.median(rows),
        row_flops=of.flops(row),
        update_s=statistics.median(updates) * trainable(of.shape, of.of),
        reading_s=statistics.median(readings),
        reading_flops=of.reading_flops(batch),
        tokens=round(_work(row, of.packing).computed),
        layers=len(deep),
    )


@contextmanager
def only(layers: Sequence[Any], kept: Sequence[int]) -> Iterator[None]:
    """Within it the other layers of a decoder hand on what they are given."""
    others = [(layer, vars(layer).get("forward")) for i, layer in enumerate(layers) if i not in kept]
    for layer, _ in others:
        layer.forward = partial(_handed_on, layer)
    try:
        yield
    finally:
        for layer, own in others:
            if own is None:
                del layer.forward
            else:
                layer.forward = own


def _handed_on(layer: Any, hidden: torch.Tensor, *_: Any, **__: Any) -> Any:
    if (attention := getattr(layer, "self_attn", None)) is not None:
        learned_by(attention, hidden)  # a prefix that nobody takes is an error
    return (hidden, None) if isinstance(layer, ChatGLMBlock) else hidden


@contextmanager
def unchanged(model: Any) -> Iterator[None]:
    """Within it what is trained may move and random numbers be drawn; afterwards all is as it was, to the last bit."""
    kept = [(p, p.detach().clone()) for p in model.parameters() if p.requires_grad]
    was_training, device = model.training, next(model.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            model.zero_grad(set_to_none=True)
            model.train(was_training)
            with torch.no_grad():
                for p, value in kept:
                    p.copy_(value)


def _step(of: Trained, row: Sequence[Sample], optimizers: Sequence[torch.optim.Optimizer]) -> tuple[float, float]:
    """Seconds of a row there and back, and those of the update after it, for each weight that had a gradient."""
    model = of.model.train()
    batch = (pack(row) if of.packing else collate(row, 0)).to(model.device)
    began = _now(model.device)
    (token_nats(model, batch).sum() / max(1, len(batch.targets))).backward()
    between = _now(model.device)
    parameters = [p for p in model.parameters() if p.grad is not None]
    torch.nn.utils.clip_grad_norm_(parameters, of.settings.max_grad_norm)
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return between - began, (_now(model.device) - between) / max(1, sum(p.numel() for p in parameters))


def _reading(model: Any, samples: Sequence[Sample]) -> float:
    """Seconds of a batch as validations read it."""
    batch: Batch = collate(samples, 0).to(model.device)
    model.eval()
    began = _now(model.device)
    with torch.inference_mode():
        token_nats(model, batch)
    return _now(model.device) - began


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _typical(of: Trained, samples: Sequence[Sample]) -> tuple[list[Sample], list[Sample]]:
    """The row of an epoch, and the batch of a validation, of the middle size."""
    corpus = Corpus(samples, [], 0, packing=of.packing)
    settings = replace(of.settings, epochs=1, max_steps=0)
    batches = [[samples[i] for i in batch] for step in steps_of(samples, settings, of.packing) for batch in step]
    rows = [row for batch in batches for row in corpus.rows(batch, of.model.device)]
    read = [[samples[i] for i in batch] for batch in order(samples, settings.batch_tokens, 0, 0)]
    return _middle(rows, of.packing), _middle(read, False)


def _middle(rows: list[list[Sample]], packing: bool) -> list[Sample]:
    return sorted(rows, key=lambda row: _work(row, packing).computed)[len(rows) // 2]


def _share_that_fits(
    of: Trained,
    row: Sequence[Sample],
    batch: Sequence[Sample],
    deep: int,
    shallow: Callable[[Sequence[Sample]], float],
) -> float:
    """How much of row and batch can be read so often within MOST_S, as far as a small piece of the row tells."""
    piece = _cut(row, _FIRST)
    took = shallow(piece)
    seconds = (took if took > _SLOW_S else shallow(piece)) / of.flops(piece, 1)
    in_round = sum(of.flops(row, n) + of.reading_flops(batch, n) for n in (1, deep))
    return min(1.0, MOST_S / ((1 + ROUNDS) * seconds * in_round))


def _cut(row: Sequence[Sample], share: float) -> list[Sample]:
    """The first samples of a row, with this share of its tokens, but one at least."""
    most = share * sum(len(s.input_ids) for s in row)
    kept, used = list(row[:1]), len(row[0].input_ids)
    for sample in row[1:]:
        used += len(sample.input_ids)
        if used > most:
            break
        kept.append(sample)
    return kept


def _work(row: Sequence[Sample], packing: bool) -> Work:
    """One row, as a plan counts it."""
    lengths = [len(s.input_ids) for s in row]
    computed, squares = sum(lengths) if packing else max(lengths) * len(row), sum(n * n for n in lengths)
    supervised = sum(s.supervised for s in row)
    largest = Row(tokens=computed, squares=float(squares), supervised=supervised)
    return Work(
        steps=1,
        tokens=sum(lengths),
        computed=computed,
        supervised=supervised,
        squares=float(squares),
        largest=largest,
    )
