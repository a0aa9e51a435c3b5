"""A trial of a base whose weights are not there: a few layers of its architecture with random ones, and data like ours.

It is made ready exactly as `tune` makes a base ready: the type of its weights or what they are packed in, adapters or a
prefix, packing, fused layers, recomputation. Random weights take as long as learned ones.
"""

from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from typing import Any

import torch
from transformers.initialization import no_init_weights

from doctorglm.language import Text
from doctorglm.models.half import keep_half
from doctorglm.models.loading import best_dtype
from doctorglm.models.quantized.layers import quantize
from doctorglm.plan.calibration import constants
from doctorglm.plan.devices import Device, at_hand
from doctorglm.plan.memory import AS_STORED, Saving, held, keeps_half, memory_of
from doctorglm.plan.planning import ROOM
from doctorglm.plan.settings import PlanSettings
from doctorglm.plan.shape import Base, Shape, few_layers, model_of
from doctorglm.plan.timed import Timed, Trial
from doctorglm.plan.tokens import Tokens
from doctorglm.plan.work import work_of
from doctorglm.render import IGNORED, Sample
from doctorglm.tune.adapt import adapt
from doctorglm.tune.memory import keep_few_products, return_freed_blocks
from doctorglm.tune.reading import compiled_layers, fused_layers, reads_packed
from doctorglm.tune.recompute import recompute
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.trial import Trained, depths, timed, tried

_SPREAD = 0.02
"""Of random weights, as transformers' own."""
_BLOCK = 2**16 + 1
"""Random numbers that are made; larger weights repeat them, since making billions would take minutes."""
_IDS = 4096
"""Tokens that samples are made of, at most."""


def trial_of(settings: TuneSettings) -> Trial:
    """What `plan` is handed: it times a base that is trained with these settings, but for those of the plan."""
    return partial(_trial, settings)


def _trial(
    settings: TuneSettings, base: Base, of: PlanSettings, tokens: Tokens, device: Device, saving: Saving
) -> Timed | Text:
    where = at_hand(device)
    if where is None:
        return Text(en=f"{device.name} is not at hand.", zh=f"本机没有 {device.name}。")
    own = TuneSettings(**(vars(settings) | {name: value for name, value in vars(of).items() if name in vars(settings)}))
    own = replace(own, prefix_init="random", sharding="none")
    few = len(depths(base.shape.layers)[1])
    needed = _needed(base.shape, few, of, tokens, device, saving)
    if needed > ROOM * device.memory:
        gb = f"{needed / 1e9:.1f} GB", f"{device.memory / 1e9:.1f} GB"
        return Text(
            en=f"a trial of {few} layers needs {gb[0]}, and {gb[1]} are free.",
            zh=f"试跑 {few} 层需要 {gb[0]}，可用 {gb[1]}。",
        )
    if where.type == "cpu":
        return_freed_blocks()
        keep_few_products()
    else:
        torch.set_float32_matmul_precision("high")
    return tried(lambda: timed(*_ready(base, own, of, tokens, device, where, saving, few)))


def _ready(
    base: Base,
    own: TuneSettings,
    of: PlanSettings,
    tokens: Tokens,
    device: Device,
    where: torch.device,
    saving: Saving,
    few: int,
) -> tuple[Trained, list[Sample]]:
    """A model that is as far as `tune` is before its first step, and samples like those of the data."""
    model = adapt(random_base(base, of, device, where, few), own)
    samples = samples_like(tokens, model.config)
    packing = reads_packed(model, samples, own)
    fused = fused_layers(model, samples, own, packing)
    compiled_layers(model, samples, own, packing)
    recompute(model, saving)
    so = replace(of, packing=packing, fuse=bool(fused))
    return Trained(model, own, so, base.shape, device, saving, packing), samples


def _needed(shape: Shape, few: int, of: PlanSettings, tokens: Tokens, device: Device, saving: Saving) -> float:
    """Bytes of so many layers with the largest row, and of making them: before they are packed, or copied."""
    of_layer = shape.matrices / shape.layers
    small = replace(shape, layers=few, parameters=round(shape.parameters - (shape.layers - few) * of_layer))
    largest = work_of(tokens, of, on_cpu=device.is_cpu).largest
    return memory_of(small, of, largest, device, saving, constants()).total + 4.0 * small.parameters


def random_base(base: Base, of: PlanSettings, device: Device, where: torch.device, layers: int) -> Any:
    """The base with its first `layers` layers, in evaluation, its weights random and held as in training."""
    with no_init_weights():
        model: Any = model_of(few_layers(base, layers))
    model.tie_weights()
    _fill(model)
    dtype = torch.float32 if of.method == "full" else best_dtype(where)
    half = keeps_half(base.shape, of, device)
    model.to(torch.float16 if half else torch.float32 if dtype == torch.float16 else dtype)
    if half:
        keep_half(model)
    elif held(of) != AS_STORED:
        quantize(model, of.quantization, base.name, where)
    return model.to(where).eval()


@torch.no_grad()
def _fill(model: Any) -> None:
    block = torch.randn(_BLOCK, generator=torch.Generator().manual_seed(0)) * _SPREAD
    for name, p in model.named_parameters():
        if p.dim() < 2:
            p.fill_(0.0 if name.endswith("bias") else 1.0)
        else:
            p.copy_(block.repeat(-(-p.numel() // _BLOCK))[: p.numel()].view(p.shape))


def samples_like(tokens: Tokens, config: Any) -> list[Sample]:
    """As many samples, as long, with as many labels, all at the end; a ChatGLM-6B prompt ends as its own do."""
    special = {value for name, value in vars(config).items() if name.endswith("_token_id") and isinstance(value, int)}
    ids = cycle([i for i in range(min(int(config.vocab_size), _IDS)) if i not in special])
    marks = [config.gmask_token_id, config.bos_token_id] if hasattr(config, "gmask_token_id") else []
    made = []
    for i, (length, supervised) in enumerate(zip(tokens.lengths, tokens.supervised, strict=True)):
        drawn = list(islice(ids, length))
        prompt = max(len(marks), length - supervised)
        drawn[prompt - len(marks) : prompt] = marks
        made.append(Sample(str(i), 0, drawn, [IGNORED] * prompt + drawn[prompt:]))
    return made
