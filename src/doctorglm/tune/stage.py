"""`doctorglm tune`: reads conversations and a base, trains, and leaves an adapter or a model with its run."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from doctorglm import models
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.errors import DataError
from doctorglm.language import Text
from doctorglm.models.adapters import base_fingerprint, save_adapter
from doctorglm.models.loading import base_folder, best_device, best_dtype
from doctorglm.models.saving import save_model
from doctorglm.render import Rejection, Renderer, Sample, renderer_for
from doctorglm.report.progress import progress_line
from doctorglm.runs import Run, atomic_file, sha256_file
from doctorglm.settings import plain
from doctorglm.tune.adapt import adapt
from doctorglm.tune.loop import Corpus, steps_of, train
from doctorglm.tune.settings import Method, TuneSettings
from doctorglm.tune.standing import Standing

_PARTS = ("train", "valid")


def tune(base: str, data: Path, out: Path, settings: TuneSettings, *, name: Text | None = None) -> Run:
    """Tunes `base` on `data/train.jsonl`, validated on `data/valid.jsonl`; a finished `out` is returned as it is.

    Leaves `adapter/` (PEFT's format) or `model/`, `checkpoints/`, `metrics.jsonl`, `rejected.jsonl`, `report.html` and
    `run.json`; nothing before there is something to train on. Raises DataError when there is not, ModelError for the
    base and for numbers that are not finite, ConfigError for a setting and for an `out` that holds another run.
    """
    fingerprint = base_fingerprint(base_folder(base))
    files = {part: data / f"{part}.jsonl" for part in _PARTS if part == "train" or (data / f"{part}.jsonl").exists()}
    conversations = {part: list(read_conversations(file)) for part, file in files.items()}
    inputs = {"base": fingerprint, **{file.name: sha256_file(file) for file in files.values()}}
    dtype = _dtype(settings.method)
    recorded = {"base": base, "dtype": str(dtype), **plain(settings)}
    opened = partial(Run, out, stage="tune", settings=recorded, inputs=inputs, seed=settings.seed)
    if (out / "run.json").exists() and (earlier := opened()).finished:
        return earlier
    model, tokenizer = models.load(base, dtype=dtype)
    renderer = renderer_for(tokenizer)
    rendered = {part: _rendered(renderer, of, settings.max_length) for part, of in conversations.items()}
    samples, rejected = rendered["train"]
    if not samples:
        raise _nothing(files["train"], rejected)
    model = adapt(model, settings)
    run = opened()
    _write_rejected(out / "rejected.jsonl", {part: rejections for part, (_, rejections) in rendered.items()})
    corpus = Corpus(samples, rendered["valid"][0] if "valid" in rendered else [], _padding(tokenizer, renderer))
    with progress_line(name or Text(en="tune", zh="微调"), len(steps_of(samples, settings))) as line:
        standing = train(model, corpus, settings, out, line, run.identity)
    if settings.method == "full":
        save_model(model, tokenizer, out / "model")
    else:
        save_adapter(model, out / "adapter", fingerprint)
    results = {"counts": _counts(conversations, rendered), **_results(model, standing)}
    run.finish(**results, report=_write_page(out, base, data, settings, results))
    return run


def _dtype(method: Method) -> torch.dtype:
    """Weights that are trained are in 32 bits, since updates are too small for less; and nothing is trained through
    float16, whose gradients vanish without loss scaling."""
    frozen = best_dtype(best_device())
    return torch.float32 if method == "full" or frozen == torch.float16 else frozen


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


def _write_rejected(path: Path, rejected: Mapping[str, list[Rejection]]) -> None:
    with atomic_file(path) as out:
        for part, rejections in rejected.items():
            for r in rejections:
                row = {"id": r.record_id, "part": part, "turn": r.turn, "reason": r.reason}
                out.write(json.dumps(row, ensure_ascii=False) + "\n")


def _counts(
    conversations: Mapping[str, list[Conversation]], rendered: Mapping[str, tuple[list[Sample], list[Rejection]]]
) -> dict[str, Any]:
    """What was trained on, and under `valid` the same of the validation data."""
    counts = {
        part: {
            "conversations": len(conversations[part]),
            "samples": len(samples),
            "supervised_tokens": sum(s.supervised for s in samples),
            "rejected": dict(Counter(r.reason for r in rejected)),
        }
        for part, (samples, rejected) in rendered.items()
    }
    return {**counts["train"], **{part: counts[part] for part in counts if part != "train"}}


def _results(model: Any, standing: Standing) -> dict[str, Any]:
    best = {"step": standing.best_step, "valid_loss": standing.best_valid} if standing.history else None
    return {
        "steps": standing.step,
        "tokens": standing.tokens,
        "training_s": round(standing.seconds, 2),
        "tokens_per_s": round(standing.tokens / max(standing.seconds, 1e-9), 1),
        "best": best,
        "parameters": {
            "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "all": sum(p.numel() for p in model.parameters()),
        },
    }


def _write_page(out: Path, base: str, data: Path, settings: TuneSettings, results: Mapping[str, Any]) -> str:
    """Draws the run's page and returns its name; or says why there is none, so that the model is not lost with it."""
    try:
        from doctorglm.tune.page import write_page
    except ModuleNotFoundError as missing:
        return f"not drawn: {missing.name} is not installed; pip install 'doctorglm[report]'"
    return write_page(out, base, data, settings, results).name
