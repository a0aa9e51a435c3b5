"""The training loop: forward, backward, clip, step; validate, checkpoint, and stop at the first NaN."""

import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from doctorglm.errors import ModelError
from doctorglm.language import Text
from doctorglm.render import Sample
from doctorglm.report.progress import Line
from doctorglm.settings import plain
from doctorglm.tune.batches import Batch, collate, order
from doctorglm.tune.checkpoint import Checkpoints
from doctorglm.tune.corpus import Corpus, place_in_data, steps_of
from doctorglm.tune.digest import digest
from doctorglm.tune.disk import writing
from doctorglm.tune.loss import token_nats
from doctorglm.tune.memory import in_parts
from doctorglm.tune.metrics import append_row, continued, nowhere
from doctorglm.tune.optimizers import optimizers_for, rate_at
from doctorglm.tune.randomness import seed_step
from doctorglm.tune.ranks import ranks
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.sharded import norm_of
from doctorglm.tune.standing import Standing
from doctorglm.tune.stopping import Losses, out_of_patience, record


def train(
    model: Any,
    corpus: Corpus,
    settings: TuneSettings,
    directory: Path,
    line: Line,
    identity: Mapping[str, Any] | None = None,
    base: Losses = Losses(),  # noqa: B008 - frozen
) -> Standing:
    """Trains until the last step, or until patience ends, continuing at the newest of `directory/checkpoints`.

    Leaves the best weights; `base` has the losses of the base, against which forgetting is measured. Writes
    `metrics.jsonl`, a line per step: loss (nats per supervised token), learning rate, gradient norm, tokens, seconds so
    far, and of a validation `valid_loss`, `general_nll` and `forgetting`. What a step does depends on the checkpoint,
    the settings and the data alone, so that a run that was stopped ends with the same weights; `identity` says which
    settings and data those are.
    Raises DivergedError at a loss or gradient that is not finite, and at a loss of exactly 0.
    """
    steps = steps_of(corpus.train, settings, corpus.packing)
    team = ranks()
    team.begin(model)
    optimizers = optimizers_for(model, settings)
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    which = {**(plain(settings) if identity is None else identity), "order of the data": digest(json.dumps(steps))}
    kept = Checkpoints(directory / "checkpoints", which)
    sampler = partial(place_in_data, steps, len(corpus.train))
    standing = kept.resume(model, optimizers, sampler)
    if standing is None:
        standing = Standing()
        seed_step(settings.seed, 0)
    elif not team.first:
        seed_step(settings.seed, standing.step)
    began = saved = time.monotonic()
    earlier_s, begun = standing.seconds, standing.step
    model.train()

    def batches_of(step: int) -> list[Batch]:
        """The forward passes of a step; none after the last."""
        return corpus.share(steps[step], model.device) if step < len(steps) else []

    ready = batches_of(standing.step)
    with continued(directory / "metrics.jsonl", standing.step) if team.first else nowhere() as metrics:

        def save() -> None:
            """Writes the checkpoint, after the metrics of its steps have reached the disk."""
            if standing.step == kept.newest:
                return
            if team.first:
                with writing(Path(metrics.name), os.fstat(metrics.fileno()).st_size, kept.newest):
                    os.fsync(metrics.fileno())
            seed_step(settings.seed, standing.step)
            kept.save(model, optimizers, standing, sampler(standing.step))

        try:
            for step in range(standing.step, len(steps)):
                if out_of_patience(standing, settings):
                    break
                batches = ready
                rate = rate_at(step, len(steps), settings)
                _set_rates(optimizers, peaks, rate)
                numbers = _backward(model, batches, optimizers, settings.max_grad_norm)
                # a GPU is still computing: the only wait of a step comes after the next batches are made
                ready = batches_of(step + 1)
                loss, norm = _finite(numbers, batches, step + 1)
                begun = step + 1
                _update(optimizers)
                tokens = sum(len(corpus.train[i].input_ids) for indices in steps[step] for i in indices)
                standing.tokens += tokens
                standing.seconds = earlier_s + time.monotonic() - began
                row = {"step": step + 1, "loss": loss, "learning_rate": peaks[0][0] * rate, "grad_norm": norm,
                       "tokens": tokens, "seconds": round(standing.seconds, 3)}  # fmt: skip
                if (corpus.valid or corpus.general) and _due(step + 1, len(steps), settings.validate_every):
                    row |= _validate_and_keep(model, corpus, settings, standing, step + 1, kept, base)
                append_row(metrics, row, kept.newest)
                standing.step = step + 1
                seed_step(settings.seed, step + 1)
                line.update(step + 1, _live(loss, standing, base))
                if team.agreed(time.monotonic() - saved >= settings.checkpoint_every_s):
                    save()
                    saved = time.monotonic()
        except KeyboardInterrupt:
            # within a step the weights are neither the old nor the new ones; what is in parts takes all processes
            if begun == standing.step and not team.sharded:
                save()
            raise
        save()
    team.compare(model)
    if standing.best_step:
        kept.load_best(model, standing)
    team.end(model)
    return standing


def mean_nats(model: Any, samples: Sequence[Sample], batch_tokens: int, pad_token_id: int) -> float:
    """Nats per supervised token over all samples, without gradients; a batch that memory refuses is halved."""

    def measure(indices: list[int]) -> tuple[float, int]:
        batch = collate([samples[i] for i in indices], pad_token_id).to(model.device)
        return float(token_nats(model, batch).sum()), len(batch.targets)

    total, count = 0.0, 0
    was_training = model.training
    model.eval()
    with ranks().reading():
        for nats, tokens in _measured(order(samples, batch_tokens, 0, 0), measure):
            total += nats
            count += tokens
    ranks().rest(model)
    model.train(was_training)
    return total / max(1, count)


def _measured(
    batches: list[list[int]], measure: Callable[[list[int]], tuple[float, int]]
) -> Iterator[tuple[float, int]]:
    """What is measured of each batch, in their order, every process measuring some of them."""
    team = ranks()
    own = batches[team.number :: team.count]
    if team.sharded:  # all read equally often, and none can halve a batch for itself
        found = [[measure(batch)] for batch in own]
        if batches and len(own) < math.ceil(len(batches) / team.count):
            measure(batches[0])
    else:
        found = [list(in_parts(batch, measure)) for batch in own]
    of_each = team.gathered(found)
    for place in range(len(batches)):
        yield from of_each[place % team.count][place // team.count]


def _backward(
    model: Any, batches: list[Batch], optimizers: list[torch.optim.Optimizer], max_grad_norm: float
) -> torch.Tensor:
    """Clipped gradients in which every supervised token of all batches weighs the same; loss and norm, (2,) float64.

    All batches are those of all processes.
    """
    team = ranks()
    supervised = int(team.total(torch.tensor(sum(len(batch.targets) for batch in batches))))
    loss = torch.zeros((), dtype=torch.float64, device=model.device)
    for batch in team.passes(batches):
        share = team.read(token_nats, model, batch).sum() / supervised
        # several processes take the mean of their gradients, of which a step wants the sum
        (share if team.count == 1 else share * team.count).backward()
        loss += share.detach()
    parameters = [p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
    norm = norm_of(torch.nn.utils.clip_grad_norm_(parameters, max_grad_norm))
    return torch.stack((team.total(loss), norm.double()))


def _finite(numbers: torch.Tensor, batches: list[Batch], step: int) -> tuple[float, float]:
    """Loss and gradient norm, for which a GPU is waited for; raises ModelError for those that end a training."""
    loss, norm = numbers.tolist()
    if loss == 0 or not (math.isfinite(loss) and math.isfinite(norm)):
        records = ranks().gathered([i for batch in batches if len(batch.targets) for i in batch.record_ids])
        raise _no_use(step, f"loss {loss}, gradient norm {norm}", [i for own in records for i in own])
    return loss, norm


def _update(optimizers: list[torch.optim.Optimizer]) -> None:
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


class DivergedError(ModelError):
    """Numbers that no training can go on from: the end of a run, and a finding of a search."""


def _no_use(step: int, values: str, records: Sequence[str]) -> ModelError:
    """The error for them; an exact 0 is what broken half precision gives. Before step 1 they are the base's own."""
    if step == 0:
        return ModelError(
            en=f"the base gives {values} before anything is trained. Its weights are damaged: fetch them again.",
            zh=f"训练开始前基座就给出 {values}。权重已损坏：请重新下载。",
        )
    named = list(dict.fromkeys(records))
    shown = ", ".join(named[:8]) + (" ..." if len(named) > 8 else "")
    return DivergedError(
        en=f"step {step}: {values}; records {shown}. The last checkpoint is kept. "
        "Lower learning_rate, or look at these records.",
        zh=f"第 {step} 步：{values}；记录 {shown}。上一个检查点已保留。请降低 learning_rate，或检查这些记录。",
    )


def validated(model: Any, corpus: Corpus, settings: TuneSettings, *, step: int) -> Losses:
    """The losses on the texts that the run is validated on; raises ModelError where one is not finite."""
    found: dict[str, float] = {}
    for name, samples in (("valid", corpus.valid), ("general", corpus.general)):
        if samples:
            found[name] = mean_nats(model, samples, settings.batch_tokens, corpus.pad_token_id)
            if not math.isfinite(found[name]):
                what = "validation" if name == "valid" else "general"
                raise _no_use(step, f"{what} loss {found[name]}", [sample.record_id for sample in samples])
    return Losses(**found)


def _validate_and_keep(
    model: Any,
    corpus: Corpus,
    settings: TuneSettings,
    standing: Standing,
    step: int,
    kept: Checkpoints,
    base: Losses,
) -> dict[str, float]:
    """What the metrics say of a validation; the weights are kept when they are the best so far."""
    losses = validated(model, corpus, settings, step=step)
    if record(standing, step, losses, base, settings):
        kept.save_best(model, step, standing.best_valid)
    said = {"valid_loss": losses.valid, "general_nll": losses.general, "forgetting": losses.forgotten_since(base)}
    return {name: value for name, value in said.items() if value is not None}


def _live(loss: float, standing: Standing, base: Losses) -> str:
    """The remark of the progress line: losses, the forgetting meter, and the speed."""
    parts = [f"loss {loss:.3f}"]
    if standing.history:
        parts.append(str(Text(en=f"valid {standing.history[-1][1]:.3f}", zh=f"验证 {standing.history[-1][1]:.3f}")))
    if standing.general and base.general is not None:
        forgotten = standing.general[-1][1] - base.general
        parts.append(str(Text(en=f"forgotten {forgotten:+.3f}", zh=f"遗忘 {forgotten:+.3f}")))
    return " · ".join([*parts, f"{standing.tokens / standing.seconds:,.0f} tokens/s"])


def _due(step: int, steps: int, every: int) -> bool:
    return step == steps or (every > 0 and step % every == 0)


def _set_rates(optimizers: list[torch.optim.Optimizer], peaks: list[list[float]], share: float) -> None:
    for optimizer, rates in zip(optimizers, peaks, strict=True):
        for group, peak in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = peak * share
