"""A student's training: cross-entropy with smoothed labels, over the targets of a teacher or of translators.

Source: sequence-level knowledge distillation, arXiv 1606.07947.
"""

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from doctorglm.distill.batches import Batch, collate, epoch
from doctorglm.distill.samples import Sample
from doctorglm.distill.settings import DistillSettings
from doctorglm.errors import ModelError
from doctorglm.report.progress import Line
from doctorglm.tune.checkpoint import Checkpoints
from doctorglm.tune.digest import digest
from doctorglm.tune.metrics import append_row, continued
from doctorglm.tune.optimizers import Muon, rate_at
from doctorglm.tune.randomness import seed_step
from doctorglm.tune.standing import Standing
from doctorglm.tune.stopping import validations_without_better

Chosen = list[tuple[int, bool]]


def train(
    model: Any,
    parts: tuple[Sequence[Sample], Sequence[Sample]],
    settings: DistillSettings,
    folder: Path,
    line: Line,
    identity: Mapping[str, Any],
) -> Standing:
    """Trains on the first part until the last step or until patience ends, and leaves the weights best on the second.

    Goes on at the newest of `folder/checkpoints`; writes `metrics.jsonl`, a line per step: loss (nats per target token,
    smoothed), rate, gradient norm, target tokens, seconds, and of a validation `valid_loss`, which is not smoothed.
    What a step does depends on the checkpoint, the settings and the data alone. Raises ModelError at a loss that is
    not finite.
    """
    samples, valid = parts
    steps = steps_of(samples, settings)
    pad = int(model.config.pad_token_id)
    optimizers = _optimizers(model, settings)
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    kept = Checkpoints(folder / "checkpoints", {**identity, "order of the data": digest(json.dumps(steps))})

    def place(step: int) -> dict[str, int]:
        return {"step": step}

    standing = kept.resume(model, optimizers, place)
    if standing is None:
        standing = Standing()
        seed_step(settings.seed, 0)
    began = saved = time.monotonic()
    earlier_s = standing.seconds
    model.train()
    with continued(folder / "metrics.jsonl", standing.step) as metrics:
        for step in range(standing.step, len(steps)):
            if 0 < settings.patience <= validations_without_better(standing):
                break
            batch = collate(samples, steps[step], pad)
            rate = rate_at(step, len(steps), settings)
            for optimizer, of_groups in zip(optimizers, peaks, strict=True):
                for group, peak in zip(optimizer.param_groups, of_groups, strict=True):
                    group["lr"] = peak * rate
            loss, norm = _step(model, batch, optimizers, settings, step + 1)
            tokens = int((batch.target != -100).sum())
            standing.tokens += tokens
            standing.seconds = earlier_s + time.monotonic() - began
            row = {"step": step + 1, "loss": loss, "learning_rate": settings.learning_rate * rate, "grad_norm": norm,
                   "tokens": tokens, "seconds": round(standing.seconds, 3)}  # fmt: skip
            if valid and ((step + 1) % settings.validate_every == 0 or step + 1 == len(steps)):
                row["valid_loss"] = _validate(model, valid, settings, standing, step + 1, kept)
            append_row(metrics, row, kept.newest)
            standing.step = step + 1
            seed_step(settings.seed, step + 1)
            line.update(step + 1, _live(loss, standing))
            if time.monotonic() - saved >= settings.checkpoint_every_s:
                kept.save(model, optimizers, standing, place(standing.step))
                saved = time.monotonic()
        if standing.step != kept.newest:
            kept.save(model, optimizers, standing, place(standing.step))
    if standing.best_step:
        kept.load_best(model, standing)
    return standing


def steps_of(samples: Sequence[Sample], settings: DistillSettings) -> list[Chosen]:
    """What each step trains on, in order."""
    found = list[Chosen]()
    for number in range(settings.epochs):
        found += epoch(samples, settings.batch_tokens, settings.tag_share, settings.seed * 1_000 + number)
        if settings.max_steps and len(found) >= settings.max_steps:
            return found[: settings.max_steps]
    return found


def mean_nats(model: Any, samples: Sequence[Sample], batch_tokens: int) -> float:
    """Nats per target token, without smoothing and dropout."""
    model.eval()
    total, count = 0.0, 0
    with torch.no_grad():
        for chosen in epoch(samples, batch_tokens, 1.0, 0):
            batch = collate(samples, chosen, int(model.config.pad_token_id))
            total += float(_loss(model, batch, 0.0, "sum"))
            count += int((batch.target != -100).sum())
    model.train()
    return total / max(1, count)


def _optimizers(model: Any, settings: DistillSettings) -> list[torch.optim.Optimizer]:
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    hidden = [p for name, p in named if p.ndim == 2 and "embed" not in name and "lm_head" not in name]
    is_muon = settings.optimizer == "muon"
    others = [p for _, p in named if not is_muon or not any(p is one for one in hidden)]
    adamw = torch.optim.AdamW(
        [{"params": [p for p in others if p.ndim > 1], "weight_decay": settings.weight_decay},
         {"params": [p for p in others if p.ndim < 2], "weight_decay": 0.0}],
        lr=settings.learning_rate, betas=(0.9, 0.98), fused=True,
    )  # fmt: skip
    muon = Muon(hidden, lr=settings.muon_learning_rate, weight_decay=settings.weight_decay) if is_muon else None
    return [muon, adamw] if muon else [adamw]


def _step(
    model: Any, batch: Batch, optimizers: Sequence[torch.optim.Optimizer], settings: DistillSettings, step: int
) -> tuple[float, float]:
    """(loss, gradient norm) of a step, which it makes."""
    loss = _loss(model, batch, settings.label_smoothing, "mean")
    loss.backward()
    norm = float(torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm))
    value = float(loss.detach())
    if not math.isfinite(value) or not math.isfinite(norm):
        raise ModelError(
            en=f"step {step}: loss {value}, gradient norm {norm}. Lower learning_rate or muon_learning_rate.",
            zh=f"第 {step} 步：损失 {value}，梯度范数 {norm}。请调低 learning_rate 或 muon_learning_rate。",
        )
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return value, norm


def _loss(model: Any, batch: Batch, smoothing: float, reduction: str) -> torch.Tensor:
    """Of the targets alone: the vocabulary's product is not made for padding."""
    hidden_BTD = model.model(
        input_ids=batch.source, attention_mask=batch.mask, decoder_input_ids=batch.given, use_cache=False
    ).last_hidden_state
    counted_BT = batch.target != -100
    logits_NV = model.lm_head(hidden_BTD[counted_BT]) + model.final_logits_bias
    return F.cross_entropy(logits_NV, batch.target[counted_BT], label_smoothing=smoothing, reduction=reduction)


def _validate(
    model: Any, valid: Sequence[Sample], settings: DistillSettings, standing: Standing, step: int, kept: Checkpoints
) -> float:
    loss = mean_nats(model, valid, settings.batch_tokens)
    standing.history.append((step, loss))
    if not standing.best_step or loss < standing.best_valid:
        standing.best_step, standing.best_valid = step, loss
        kept.save_best(model, step, loss)
    return loss


def _live(loss: float, standing: Standing) -> str:
    best = f" · {standing.best_valid:.2f}" if standing.best_step else ""
    return f"{loss:.2f}{best}"
