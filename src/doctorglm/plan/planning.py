"""`doctorglm plan`: memory, hours and USD of a tuning run, from a config and data alone."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from doctorglm.errors import ConfigError
from doctorglm.language import Text
from doctorglm.plan import paper
from doctorglm.plan.assumptions import assumptions_of
from doctorglm.plan.calibration import Calibration, constants
from doctorglm.plan.devices import CPU, Device, at_hand, device_of, devices, made
from doctorglm.plan.memory import SAVINGS, Parts, Saving, adapted, held, memory_of
from doctorglm.plan.probe import Rates, rates_of
from doctorglm.plan.seconds import Seconds, Validation, seconds_of
from doctorglm.plan.settings import PlanSettings, Quantization
from doctorglm.plan.shape import Base, Shape, base_of
from doctorglm.plan.timed import Timed, Trial
from doctorglm.plan.tokens import Tokens, tokens_of
from doctorglm.plan.work import Work, work_of

ROOM = 0.95
"""Of a device's memory, what a plan may use."""
VARIANTS: tuple[Quantization, ...] = ("int8", "int4", "nf4")


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One way of holding the weights on one device."""

    weights: str
    memory: Parts
    fits: bool
    saving: Saving
    seconds: Seconds
    usd: float | None

    @property
    def hours(self) -> float:
        """Training and validation."""
        return self.seconds.total / 3600


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that is said before the start."""

    base: Base
    device: Device
    settings: PlanSettings
    tokens: Tokens
    work: Work
    chosen: Estimate
    trial: Timed | Text | None
    """What a trial of the chosen one took, or why there was none; None where the device is not at hand."""
    variants: tuple[Estimate, ...]
    cards: Mapping[str, Estimate]
    """The same on every device of the table, this machine apart."""
    batch_tokens: int | None
    """The most that fit, a power of two; None where not even the longest sample does."""
    paper: tuple[paper.Row, ...]
    assumptions: tuple[Text, ...]

    def to_dict(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "base": self.base.name,
            "device": self.device.name,
            "method": self.settings.method,
            **_told(self.chosen),
            "device_memory_gb": round(self.device.memory / 1e9, 2),
            "steps": self.work.steps,
            "tokens": round(self.work.tokens),
            "supervised_tokens": round(self.work.supervised),
            "tokens_counted": self.tokens.counted,
            "batch_tokens_that_fit": self.batch_tokens,
            "cards_that_fit": [name for name, one in self.cards.items() if one.fits],
            "cards": {name: _told(one) for name, one in self.cards.items()},
            "variants": [_told(one) for one in self.variants],
            "paper": [{**asdict(row), "reading": row.reading.en} for row in self.paper],
            "trial": self.trial.record() if isinstance(self.trial, Timed) else None,
            "assumptions": [text.en for text in self.assumptions],
        }


def _told(one: Estimate) -> dict[str, Any]:
    return {
        "weights": one.weights,
        "memory_gb": one.memory.in_gb(),
        "fits": one.fits,
        "recompute": one.saving,
        "hours": round(one.hours, 5),
        "hours_validating": round(one.seconds.validation / 3600, 5),
        "usd": None if one.usd is None else round(one.usd, 4),
    }


def plan(base: str, data: Path, device: str, settings: PlanSettings, trial: Trial | None = None) -> Plan:
    """The plan of tuning `base` on `data/train.jsonl`; nothing is written, no weight is read.

    `trial` times the base where the device is at hand; time comes from formulas without it, or where it cannot.
    Raises ConfigError for a base, a device or a setting that cannot be, DataError where there is nothing to train on.
    """
    wanted, found, known = base_of(base), device_of(device, settings.devices), constants()
    settings = _within(wanted, settings)
    tokens = tokens_of(wanted, data, "train", settings.max_length, known)
    valid = tokens_of(wanted, data, "valid", settings.max_length, known) if (data / "valid.jsonl").is_file() else None
    work = work_of(tokens, settings, on_cpu=found.is_cpu)
    rates = rates_of(wanted.shape, work.largest.tokens) if found.is_cpu else None
    saving = saving_for(wanted.shape, settings, work, found, known)
    tried = trial(wanted, settings, tokens, found, saving) if trial and at_hand(found) else None
    timed = tried if isinstance(tried, Timed) else None

    def on(one: Device, of: PlanSettings, timed: Timed | None = None) -> Estimate:
        return estimate(wanted.shape, of, tokens, valid, one, rates, known, timed)

    table = {name: made(name, entry) for name, entry in devices(settings.devices).items() if name != CPU}
    chosen = on(found, settings, timed)
    by = chosen.seconds.training / on(found, settings).seconds.training
    others = [settings]
    if settings.method in ("lora", "qlora"):
        packed = [replace(settings, method="qlora", quantization=kind) for kind in VARIANTS]
        others = [replace(settings, method="lora"), *packed]
    return Plan(
        base=wanted,
        device=found,
        settings=settings,
        tokens=tokens,
        work=work,
        chosen=chosen,
        trial=tried,
        variants=tuple(chosen if of == settings else _slower(on(found, of), by, found) for of in others),
        cards={name: on(one, settings, timed if name == found.name else None) for name, one in table.items()},
        batch_tokens=_most(wanted.shape, settings, tokens, found, known),
        paper=_paper(wanted.shape, settings, tokens, found, table, rates, known, timed),
        assumptions=tuple(assumptions_of(wanted, settings, tokens, found, rates, known, tried)),
    )


def estimate(
    shape: Shape,
    settings: PlanSettings,
    tokens: Tokens,
    valid: Tokens | None,
    device: Device,
    rates: Rates | None,
    known: Calibration,
    timed: Timed | None = None,
) -> Estimate:
    """Memory and time of one setting on one device, with the least recomputation that fits."""
    work = work_of(tokens, settings, on_cpu=device.is_cpu)
    saving = saving_for(shape, settings, work, device, known)
    memory = memory_of(shape, settings, work.largest, device, saving, known)
    validation = _validation(valid, settings, work)
    seconds = seconds_of(shape, settings, work, validation, device, saving, rates, known, timed)
    fits = memory.total <= ROOM * device.memory
    usd = _usd(seconds, device)
    return Estimate(weights=held(settings), memory=memory, fits=fits, saving=saving, seconds=seconds, usd=usd)


def _slower(of: Estimate, by: float, device: Device) -> Estimate:
    """The same on a machine that is so much slower than the formulas say, as a trial of another setting has shown."""
    seconds = Seconds(training=by * of.seconds.training, validation=by * of.seconds.validation)
    return replace(of, seconds=seconds, usd=_usd(seconds, device))


def _usd(seconds: Seconds, device: Device) -> float | None:
    return None if device.usd_per_hour is None else device.usd_per_hour * seconds.total / 3600


def saving_for(shape: Shape, settings: PlanSettings, work: Work, device: Device, known: Calibration) -> Saving:
    """What is asked for; with `auto` the first of none, selective and full that fits, and full where none does."""
    if settings.recompute != "auto":
        return settings.recompute
    for saving in SAVINGS:
        if memory_of(shape, settings, work.largest, device, saving, known).total <= ROOM * device.memory:
            return saving
    return SAVINGS[-1]


def _within(base: Base, settings: PlanSettings) -> PlanSettings:
    """The settings with `max_length` cut to the base's context; raises ConfigError for those that cannot work."""
    shape = base.shape
    context = shape.context or settings.max_length
    if settings.method == "ptuning" and settings.prefix_tokens >= context:
        raise ConfigError(
            en=f"prefix_tokens={settings.prefix_tokens}: {base.name} reads {context} tokens at most, the prefix among "
            f"them. Give fewer, for example prefix_tokens={min(128, context // 4)}.",
            zh=f"prefix_tokens={settings.prefix_tokens}：{base.name} 最多读取 {context} 个 token（含前缀）。"
            f"请调小，例如 prefix_tokens={min(128, context // 4)}。",
        )
    if base.bits and settings.method == "full":
        raise ConfigError(
            en=f"method=full: {base.name} is quantised to {base.bits} bits, and such weights cannot be trained. Use "
            "method=qlora, or the base in 16 bits.",
            zh=f"method=full：{base.name} 已量化为 {base.bits} 位，这样的权重无法训练。"
            "请用 method=qlora，或 16 位基座。",
        )
    if base.bits and settings.method in ("lora", "qlora"):
        kind: Quantization = "int4" if base.bits == 4 else "int8"
        settings = replace(settings, method="qlora", quantization=kind, quantization_embeddings=base.embeddings)
    _refuse_embeddings(base, settings)
    names = [one.name for one in shape.linear]
    if settings.method in ("lora", "qlora") and not adapted(shape, settings):
        raise ConfigError(
            en=f"lora_targets={settings.lora_targets}: {base.name} has no such linear layer; it has "
            f"{', '.join(names)}.",
            zh=f"lora_targets={settings.lora_targets}：{base.name} 没有这样的线性层；可选 {'、'.join(names)}。",
        )
    room = context - (settings.prefix_tokens if settings.method == "ptuning" else 0)
    return replace(settings, max_length=min(settings.max_length, room))


def _refuse_embeddings(base: Base, settings: PlanSettings) -> None:
    """Raises ConfigError where embedding and head cannot be packed."""
    if settings.method != "qlora" or not settings.quantization_embeddings:
        return
    if not base.shape.prefix_lm or settings.quantization == "nf4":
        raise ConfigError(
            en=f"quantization_embeddings: {base.name} with quantization={settings.quantization}; only a ChatGLM-6B in "
            "int8 or int4 has its embedding and head packed. Leave it out.",
            zh=f"quantization_embeddings：{base.name}，quantization={settings.quantization}；只有 int8 或 int4 的 "
            "ChatGLM-6B 才有量化的嵌入与输出层。请去掉它。",
        )


def _validation(valid: Tokens | None, settings: PlanSettings, work: Work) -> Validation:
    if valid is None or not valid.lengths:
        return Validation()
    times = 1 if not settings.validate_every else math.ceil(work.steps / settings.validate_every)
    return Validation(
        times=times,
        tokens=valid.total,
        supervised=valid.scale * sum(valid.supervised),
        squares=valid.scale * sum(n * n for n in valid.lengths),
    )


def _most(shape: Shape, settings: PlanSettings, tokens: Tokens, device: Device, known: Calibration) -> int | None:
    """The largest power of two for `batch_tokens` that fits; beyond an epoch nothing changes any more."""
    most = None
    size = 2 ** math.ceil(math.log2(max(tokens.lengths)))
    while size <= max(2**18, settings.batch_tokens) and (most is None or size <= 2 * tokens.total):
        of = replace(settings, batch_tokens=size)
        work = work_of(tokens, of, on_cpu=device.is_cpu)
        saving = saving_for(shape, of, work, device, known)
        if memory_of(shape, of, work.largest, device, saving, known).total > ROOM * device.memory:
            break
        most, size = size, 2 * size
    return most


def _paper(
    shape: Shape,
    settings: PlanSettings,
    tokens: Tokens,
    device: Device,
    table: Mapping[str, Device],
    rates: Rates | None,
    known: Calibration,
    timed: Timed | None,
) -> tuple[paper.Row, ...]:
    """The paper's rows, and ours for as many answers of this data in one pass, on its card and on the one asked for."""
    theirs = table.get(paper.CARD)
    rows = paper.readings(theirs.usd_per_hour) if theirs and theirs.usd_per_hour else []
    scale = paper.PAIRS / max(1, len(tokens.lengths))
    once = replace(settings, epochs=1, max_steps=0)
    for one in dict.fromkeys((*((theirs,) if theirs else ()), device)):
        own = rates if one.is_cpu else None, known, timed if one == device else None
        found = estimate(shape, once, replace(tokens, scale=scale), None, one, *own)
        price = one.usd_per_hour
        rows.append(
            paper.Row(
                reading=Text(
                    en=f"this plan, one pass, {one.name}" + ("" if found.fits else " (does not fit)"),
                    zh=f"本计划，一轮，{one.name}" + ("" if found.fits else "（放不下）"),
                ),
                pairs=paper.PAIRS,
                hours=found.hours,
                usd=math.nan if price is None else found.hours * price,
                usd_per_hour=math.nan if price is None else price,
                inferred=(),
            )
        )
    return tuple(rows)
