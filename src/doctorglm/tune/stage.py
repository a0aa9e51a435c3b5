"""`doctorglm tune`: reads conversations and a base, trains, and leaves an adapter or a model with its run."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from doctorglm import models
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.errors import DataError
from doctorglm.language import Text
from doctorglm.models.adapters import base_fingerprint, save_adapter
from doctorglm.models.loading import base_folder
from doctorglm.models.saving import save_model
from doctorglm.render import Rejection, Renderer, Sample, renderer_for
from doctorglm.report.progress import progress_line
from doctorglm.runs import Run, atomic_file, sha256_file
from doctorglm.settings import plain
from doctorglm.tune.adapt import adapt
from doctorglm.tune.loop import Corpus, steps_of, train
from doctorglm.tune.settings import TuneSettings


def tune(base: str, data: Path, out: Path, settings: TuneSettings, *, name: Text | None = None) -> Run:
    """Tunes `base` on `data/train.jsonl`, validated on `data/valid.jsonl`; a finished `out` is returned as it is.

    Leaves `adapter/` (PEFT's format) or `model/`, `checkpoints/`, `metrics.jsonl`, `rejected.jsonl` and `run.json`.
    Raises DataError when nothing can be trained on, ModelError for the base, ConfigError for a setting.
    """
    fingerprint = base_fingerprint(base_folder(base))
    files = {f"{part}.jsonl": data / f"{part}.jsonl" for part in ("train", "valid")}
    conversations = {part: list(read_conversations(path)) for part, path in files.items() if _needed(path)}
    inputs = {"base": fingerprint, **{part: sha256_file(files[part]) for part in conversations}}
    run = Run(out, stage="tune", settings={"base": base, **plain(settings)}, inputs=inputs, seed=settings.seed)
    if run.finished:
        return run
    model, tokenizer = models.load(base)
    renderer = renderer_for(tokenizer)
    samples, rejected = _rendered(renderer, conversations["train.jsonl"], settings.max_length)
    valid, _ = _rendered(renderer, conversations.get("valid.jsonl", []), settings.max_length)
    if not samples:
        raise _nothing(files["train.jsonl"], rejected)
    _write_rejected(out / "rejected.jsonl", rejected)
    model = adapt(model, settings)
    corpus = Corpus(samples, valid, _padding(tokenizer, renderer))
    steps = len(steps_of(samples, settings))
    with progress_line(name or Text(en="tune", zh="微调"), steps) as line:
        standing = train(model, corpus, settings, out, line)
    if settings.method == "full":
        save_model(model, tokenizer, out / "model")
    else:
        save_adapter(model, out / "adapter", fingerprint)
    run.finish(
        counts=_counts(conversations["train.jsonl"], samples, rejected),
        steps=standing.step,
        tokens=standing.tokens,
        training_s=round(standing.seconds, 2),
        tokens_per_s=round(standing.tokens / max(standing.seconds, 1e-9), 1),
        best={"step": standing.best_step, "valid_loss": standing.best_valid} if valid else None,
        parameters={
            "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "all": sum(p.numel() for p in model.parameters()),
        },
    )
    return run


def _needed(path: Path) -> bool:
    """Training data must be there; validation data may be."""
    return path.name == "train.jsonl" or path.exists()


def _rendered(
    renderer: Renderer, conversations: Iterable[Conversation], max_length: int
) -> tuple[list[Sample], list[Rejection]]:
    rendered = [item for c in conversations for item in renderer.training(c, max_length)]
    return (
        [item for item in rendered if isinstance(item, Sample)],
        [item for item in rendered if isinstance(item, Rejection)],
    )


def _padding(tokenizer: Any, renderer: Renderer) -> int:
    """The padding id; where a tokenizer has none, its place is masked anyway, so any id serves."""
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else renderer.end_token_ids[0])


def _nothing(path: Path, rejected: list[Rejection]) -> DataError:
    reasons = ", ".join(f"{n} {reason}" for reason, n in Counter(r.reason for r in rejected).items()) or "no answers"
    return DataError(
        en=f"{path}: nothing to train on ({reasons}). Check the data, or raise max_length.",
        zh=f"{path}：没有可训练的内容（{reasons}）。请检查数据，或调大 max_length。",
    )


def _write_rejected(path: Path, rejected: list[Rejection]) -> None:
    with atomic_file(path) as out:
        for r in rejected:
            out.write(json.dumps({"id": r.record_id, "turn": r.turn, "reason": r.reason}, ensure_ascii=False) + "\n")


def _counts(conversations: list[Conversation], samples: list[Sample], rejected: list[Rejection]) -> dict[str, Any]:
    return {
        "conversations": len(conversations),
        "samples": len(samples),
        "supervised_tokens": sum(s.supervised for s in samples),
        "rejected": dict(Counter(r.reason for r in rejected)),
    }
