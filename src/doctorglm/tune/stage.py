"""`doctorglm tune`: reads conversations and a base, trains, and leaves an adapter or a model with its run."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from doctorglm import models
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.errors import ConfigError, DataError, ModelError
from doctorglm.language import Text, readable
from doctorglm.models.adapters import base_fingerprint, save_adapter
from doctorglm.models.half import weights_in
from doctorglm.models.loading import base_folder, best_device, best_dtype
from doctorglm.models.quantized.layers import parameter_count, weight_bytes
from doctorglm.models.saving import save_model
from doctorglm.plan.measured import held_now
from doctorglm.render import Rejection, Renderer, Sample, renderer_for
from doctorglm.report.progress import progress_line
from doctorglm.runs import Run, atomic_file, note, read_json, sha256_file, write_json
from doctorglm.settings import plain
from doctorglm.tune.adapt import adapt
from doctorglm.tune.before import losses_before, replayed
from doctorglm.tune.general import NO_REPLAY, Replay, general_text
from doctorglm.tune.held_out import refuse_held_out
from doctorglm.tune.impossible import refuse_impossible, refuse_no_room
from doctorglm.tune.loop import Corpus, steps_of, train
from doctorglm.tune.memory import told_when_out
from doctorglm.tune.planned import compared, planned, remedy_of, saving_of
from doctorglm.tune.reading import compiled_layers, fused_layers, reads_packed
from doctorglm.tune.recompute import recompute
from doctorglm.tune.replay import refuse_too_few
from doctorglm.tune.settings import Method, TuneSettings
from doctorglm.tune.standing import Standing
from doctorglm.tune.stopping import outcome

_PARTS = ("train", "valid")


@told_when_out(remedy_of(None))  # what is read and proved before the run has its plan
def tune(base: str, data: Path, out: Path, settings: TuneSettings, *, name: Text | None = None) -> Run:
    """Tunes `base` on `data/train.jsonl`, validated on `data/valid.jsonl`; a finished `out` is returned as it is.

    Leaves `adapter/` (PEFT's format) or `model/`, `checkpoints/`, `metrics.jsonl`, `rejected.jsonl`, `base.json` (the
    base's losses), `replay.jsonl` where the base answered, `report.html` and `run.json`; nothing before there is
    something to train on. Raises DataError when there is not, ModelError for the base and for numbers that are not
    finite, ConfigError for a setting and for an `out` that holds another run.
    """
    at_first = held_now()
    refuse_impossible(base, settings)
    fingerprint = base_fingerprint(base_folder(base))
    files = files_of(data, settings)
    conversations = {part: list(read_conversations(file)) for part, file in files.items()}
    named = {file.name if part in _PARTS else f"{part} text": file for part, file in files.items()}
    inputs = {"base": fingerprint, **{name: sha256_file(file) for name, file in named.items()}}
    refuse_held_out(files, conversations)
    asked_again = conversations.pop("replay", [])
    if settings.replay != NO_REPLAY:
        refuse_too_few(asked_again, files["replay"], Replay.of(settings.replay))
    dtype = _dtype(settings.method)
    recorded = {"base": base, "dtype": str(dtype), **plain(settings)}
    opened = partial(_open, out, recorded, inputs, settings.seed)
    if (out / "run.json").exists() and (earlier := opened()).finished:
        return earlier
    refuse_no_room(base, out, settings)
    if best_device().type == "cuda":  # weights in 32 bits are multiplied by tensor cores, as TensorFloat-32
        torch.set_float32_matmul_precision("high")
    kind = settings.quantization if settings.method == "qlora" else None
    model, tokenizer = models.load(base, dtype=dtype, frozen=settings.method != "full", quantization=kind)
    renderer = renderer_for(tokenizer)
    max_length = _max_length(base, model, settings)
    rendered = {part: _rendered(renderer, of, max_length) for part, of in conversations.items()}
    samples, rejected = rendered["train"]
    if not samples:
        raise _nothing(files["train"], rejected)
    _refuse_unknown_tokens(base, model, [sample for of, _ in rendered.values() for sample in of])
    held_out = {part: rendered[part][0] if part in rendered else [] for part in ("valid", "general")}
    corpus = Corpus(samples, held_out["valid"], _padding(tokenizer, renderer), general=held_out["general"])
    before = losses_before(out / "base.json", model, corpus, settings)
    holding = opened() if Replay.of(settings.replay).own_answers else None  # they are kept as they come
    learned = sum(sample.supervised for sample in samples)
    render = partial(_rendered, renderer, max_length=max_length)
    mixed_in = replayed(out, model, tokenizer, asked_again, settings, render, learned, max_length)
    if mixed_in is not None:
        samples = [*samples, *mixed_in.samples]
        rendered["replay"], conversations["replay"] = (mixed_in.samples, mixed_in.rejected), asked_again
    model = adapt(model, settings, tokenizer)
    run = holding or opened()
    write_json(out / "base.json", asdict(before))
    _write_rejected(out / "rejected.jsonl", {part: rejections for part, (_, rejections) in rendered.items()})
    packing = reads_packed(model, samples, settings)
    fused = fused_layers(model, samples, settings, packing)
    compiled = compiled_layers(model, samples, settings, packing)
    expected = planned(model, samples, [*corpus.valid, *corpus.general], settings, packing=packing, fused=fused)
    again = recompute(model, saving_of(expected, settings))
    corpus = replace(corpus, train=samples, packing=packing)
    steps = len(steps_of(samples, settings, packing))
    with progress_line(name or Text(en="tune", zh="微调"), steps) as line, told_when_out(remedy_of(expected)):
        standing = train(model, corpus, settings, out, line, run.identity, before)
    ended = outcome(standing, before, settings, steps)
    if standing.step < steps or not (ended["best"] or {"within_bound": True})["within_bound"]:
        note(en=ended["stopped"]["en"], zh=ended["stopped"]["zh"])
    if settings.method == "full":
        save_model(model, tokenizer, out / "model")
    else:
        save_adapter(model, out / "adapter", fingerprint)
    results = {"counts": _counts(conversations, rendered), "max_length": max_length, **_results(model, standing)}
    results |= ended
    if mixed_in is not None:
        results["counts"]["replay"] |= mixed_in.counts(learned)
    results |= {"recomputed_layers": again, **compared(expected, at_first, model.device, standing.seconds)}
    results |= {"packed": packing, "fused_layers": fused, "compiled_layers": compiled, "weights_in": weights_in(model)}
    results["weight_bytes"] = weight_bytes(model)
    run.finish(**results, data=readable(str(data.resolve())), report=_write_page(out, base, data, settings, results))
    return run


def files_of(data: Path, settings: TuneSettings) -> dict[str, Path]:
    """Part -> the file that it is read from; `train` may be missing, which reading it says."""
    files = {part: data / f"{part}.jsonl" for part in _PARTS if part == "train" or (data / f"{part}.jsonl").exists()}
    general = general_text(settings.general, "valid")
    replay = general_text(settings.replay_data, "train") if settings.replay != NO_REPLAY else None
    return files | {part: file for part, file in (("general", general), ("replay", replay)) if file is not None}


def _open(out: Path, settings: Mapping[str, Any], inputs: Mapping[str, str], seed: int) -> Run:
    """The run of `out`; raises ConfigError for another run's, and says why a run cannot be made longer."""
    try:
        return Run(out, stage="tune", settings=settings, inputs=inputs, seed=seed)
    except ConfigError as error:
        if not _asks_for_more(out, settings, inputs):
            raise
        raise ConfigError(
            en=f"{error.text.en} More steps cannot be added to a run afterwards: its learning rate has fallen for the "
            "number of steps that it was given, and would have to rise again. In another --out all epochs are trained.",
            zh=f"{error.text.zh} 已有的训练不能追加步数：学习率是按原定步数下降的，追加就得重新升高。"
            "换一个 --out 会从头训练全部轮次。",
        ) from None


def _asks_for_more(out: Path, settings: Mapping[str, Any], inputs: Mapping[str, str]) -> bool:
    """Whether the record of `out` is of the same run but for its length."""
    record = read_json(out / "run.json") if (out / "run.json").is_file() else {}
    if not isinstance(record, dict) or record.get("stage") != "tune" or record.get("inputs") != inputs:
        return False
    before = record["settings"]
    changed = {name for name in {*before, *settings} if before.get(name) != settings.get(name)}
    return bool(changed) and changed <= {"epochs", "max_steps"}


def _max_length(base: str, model: Any, settings: TuneSettings) -> int:
    """`max_length`, or the base's context where that is smaller: no position beyond it means anything to the base."""
    context = getattr(model.config, "max_position_embeddings", None) or settings.max_length
    if context < settings.max_length:
        note(
            en=f"max_length {settings.max_length}: {base} reads {context} tokens at most, so that {context} is used; "
            "longer answers are rejected.",
            zh=f"max_length {settings.max_length}：{base} 最多读取 {context} 个 token，因此按 {context} 处理；"
            "更长的回答将被剔除。",
        )
    return min(int(context), settings.max_length)


def _refuse_unknown_tokens(base: str, model: Any, samples: Iterable[Sample]) -> None:
    rows = model.get_input_embeddings().weight.shape[0]
    for sample in samples:
        if (highest := max(sample.input_ids)) >= rows:
            raise ModelError(
                en=f"{base}: record {sample.record_id} has token {highest}, and the model embeds {rows} tokens "
                f"(0 to {rows - 1}). Use the tokenizer that came with the weights.",
                zh=f"{base}：记录 {sample.record_id} 含 token {highest}，而模型只有 {rows} 个 token"
                f"（0 至 {rows - 1}）。请使用与权重配套的分词器。",
            )


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
    return {
        "steps": standing.step,
        "tokens": standing.tokens,
        "training_s": round(standing.seconds, 2),
        "tokens_per_s": round(standing.tokens / max(standing.seconds, 1e-9), 1),
        "parameters": {
            "trainable": sum(p.numel() for p in model.parameters() if p.requires_grad),
            "all": parameter_count(model),
        },
    }


def _write_page(out: Path, base: str, data: Path, settings: TuneSettings, results: Mapping[str, Any]) -> str:
    """Draws the run's page and returns its name; or says why there is none, so that the model is not lost with it."""
    try:
        from doctorglm.tune.page import write_page
    except ModuleNotFoundError as missing:
        return f"not drawn: {missing.name} is not installed; pip install 'doctorglm[report]'"
    return write_page(out, base, data, settings, results).name
