"""`doctorglm tune`: reads conversations and a base, trains, and leaves an adapter or a model with its run."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from doctorglm import models
from doctorglm.language import Text, readable
from doctorglm.models.adapters import save_adapter
from doctorglm.models.half import weights_in
from doctorglm.models.loading import best_device, best_dtype
from doctorglm.models.quantized.layers import parameter_count, weight_bytes
from doctorglm.models.saving import save_model
from doctorglm.plan.measured import Held, held_now
from doctorglm.render import renderer_for
from doctorglm.report.progress import progress_line
from doctorglm.runs import Run, note, write_json
from doctorglm.tune.adapt import adapt
from doctorglm.tune.before import losses_before, replayed
from doctorglm.tune.corpus import Corpus, steps_of
from doctorglm.tune.general import Replay
from doctorglm.tune.given import Given, given, open_run
from doctorglm.tune.impossible import refuse_impossible, refuse_no_room
from doctorglm.tune.loop import train
from doctorglm.tune.memory import keep_few_products, return_freed_blocks, told_when_out
from doctorglm.tune.parallel import opened_together, refuse_different, together
from doctorglm.tune.planned import Planned, by_trial, compared, planned, remedy_of, saving_of
from doctorglm.tune.ranks import ranks
from doctorglm.tune.reading import compiled_layers, fused_layers, reads_packed
from doctorglm.tune.recompute import recompute
from doctorglm.tune.replay import Replayed
from doctorglm.tune.samples import (
    Part,
    Rendering,
    counts,
    longest,
    padding,
    refuse_nothing,
    refuse_unknown_tokens,
    write_rejected,
)
from doctorglm.tune.settings import Method, TuneSettings
from doctorglm.tune.standing import Standing
from doctorglm.tune.stopping import Losses, outcome


@together
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
    dtype = _dtype(settings.method)
    of = given(base, data, settings, str(dtype))
    refuse_different(of.recorded, of.inputs)
    opened = partial(opened_together, partial(open_run, out, of))
    if ranks().from_first((out / "run.json").exists) and (earlier := opened()).finished:
        return earlier
    refuse_no_room(base, out, settings)
    if best_device().type == "cpu":
        return_freed_blocks()
        keep_few_products()
    loaded = _loaded(of, settings, dtype)
    run, ready = _prepared(out, of, loaded, settings, opened)
    standing, how = _trained(out, ready, settings, run, at_first, name)
    if not ranks().first:
        return run
    if settings.method == "full":
        save_model(ready.model, loaded.tokenizer, out / "model")
    else:
        save_adapter(ready.model, out / "adapter", of.fingerprint)
    results = {"counts": ready.counts, "max_length": loaded.render.max_length, **_results(ready.model, standing), **how}
    run.finish(**results, data=readable(str(data.resolve())), report=_write_page(out, base, data, settings, results))
    return run


@dataclass(frozen=True)
class _Loaded:
    """The base in memory, and the conversations as it reads them."""

    model: Any
    tokenizer: Any
    render: Rendering
    parts: dict[str, Part]

    @property
    def corpus(self) -> Corpus:
        held_out = {name: self.parts[name].samples if name in self.parts else [] for name in ("valid", "general")}
        pad = padding(self.tokenizer, self.render.renderer)
        return Corpus(self.parts["train"].samples, held_out["valid"], pad, general=held_out["general"])


@dataclass(frozen=True)
class _Ready:
    """The adapted model, what it is trained on, and what is known before its first step."""

    model: Any
    corpus: Corpus
    before: Losses
    counts: dict[str, Any]


def _loaded(of: Given, settings: TuneSettings, dtype: torch.dtype) -> _Loaded:
    if best_device().type == "cuda":  # weights in 32 bits are multiplied by tensor cores, as TensorFloat-32
        torch.set_float32_matmul_precision("high")
    kind = settings.quantization if settings.method == "qlora" else None
    frozen = settings.method != "full" and settings.sharding == "none"  # parts are never mapped from a file
    model, tokenizer = models.load(of.base, dtype=dtype, frozen=frozen, quantization=kind)
    render = Rendering(renderer_for(tokenizer), longest(of.base, model, settings))
    parts = {name: render.part(conversations) for name, conversations in of.conversations.items()}
    refuse_nothing(of.files["train"], parts["train"])
    refuse_unknown_tokens(of.base, model, [sample for part in parts.values() for sample in part.samples])
    return _Loaded(model, tokenizer, render, parts)


def _prepared(
    out: Path, of: Given, base: _Loaded, settings: TuneSettings, opened: Callable[[], Run]
) -> tuple[Run, _Ready]:
    """The run, opened once there is something to train on, and the model with its adapter."""
    corpus = base.corpus
    before = losses_before(out / "base.json", base.model, corpus, settings)
    # the base's own answers are kept as they come, in a folder that is this run's
    holding = opened() if Replay.of(settings.replay).own_answers else None
    learned = base.parts["train"].supervised
    mixed_in = replayed(out, base.model, base.tokenizer, of.asked_again, settings, base.render, learned)
    parts = base.parts | _part_of(mixed_in, len(of.asked_again))
    model = adapt(base.model, settings, base.tokenizer)
    run = holding or opened()
    if ranks().first:
        write_json(out / "base.json", asdict(before))
        write_rejected(out / "rejected.jsonl", parts)
    counted = counts(parts)
    if mixed_in is not None:
        corpus = replace(corpus, train=[*corpus.train, *mixed_in.samples])
        counted["replay"] |= mixed_in.counts(learned)
    return run, _Ready(model, corpus, before, counted)


def _part_of(mixed_in: Replayed | None, asked: int) -> dict[str, Part]:
    return {} if mixed_in is None else {"replay": Part(asked, mixed_in.samples, mixed_in.rejected)}


def _trained(
    out: Path, ready: _Ready, settings: TuneSettings, run: Run, at_first: Held, name: Text | None
) -> tuple[Standing, dict[str, Any]]:
    """Trains to the end, and returns where that is and how it was come to."""
    model, samples = ready.model, ready.corpus.train
    packing = all(ranks().gathered(reads_packed(model, samples, settings)))
    fused = fused_layers(model, samples, settings, packing)
    compiled = compiled_layers(model, samples, settings, packing)
    held_out = [*ready.corpus.valid, *ready.corpus.general]
    expected: Planned | None = planned(model, samples, held_out, settings, packing=packing, fused=fused)
    again = recompute(model, saving_of(expected, settings))
    steps = len(steps_of(samples, settings, packing))
    expected = by_trial(expected, model, samples, settings, steps=steps)
    with progress_line(name or Text(en="tune", zh="微调"), steps) as line, told_when_out(remedy_of(expected)):
        corpus = replace(ready.corpus, packing=packing)
        standing = train(model, corpus, settings, out, line, run.identity, ready.before)
    if not ranks().first:
        return standing, {}
    ended = outcome(standing, ready.before, settings, steps)
    if standing.step < steps or not (ended["best"] or {"within_bound": True})["within_bound"]:
        note(en=ended["stopped"]["en"], zh=ended["stopped"]["zh"])
    shared = {"processes": ranks().count, "sharding": settings.sharding}
    reading = {"packed": packing, "fused_layers": fused, "compiled_layers": compiled, "recomputed_layers": again}
    return standing, ended | shared | reading | compared(expected, at_first, model.device, standing.seconds)


def _dtype(method: Method) -> torch.dtype:
    """Weights that are trained are in 32 bits, since updates are too small for less; and nothing is trained through
    float16, whose gradients vanish without loss scaling."""
    frozen = best_dtype(best_device())
    return torch.float32 if method == "full" or frozen == torch.float16 else frozen


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
        "weights_in": weights_in(model),
        "weight_bytes": weight_bytes(model),
    }


def _write_page(out: Path, base: str, data: Path, settings: TuneSettings, results: Mapping[str, Any]) -> str:
    """Draws the run's page and returns its name; or says why there is none, so that the model is not lost with it."""
    try:
        from doctorglm.tune.page import write_page
    except ModuleNotFoundError as missing:
        return f"not drawn: {missing.name} is not installed; pip install 'doctorglm[report]'"
    return write_page(out, base, data, settings, results).name
