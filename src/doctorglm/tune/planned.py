"""The plan of a run that is about to begin: what is recomputed, what to change when memory ends, how long it takes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from doctorglm.errors import ModelError
from doctorglm.language import Text
from doctorglm.models.half import half_of
from doctorglm.plan.calibration import constants
from doctorglm.plan.devices import Device, this_device
from doctorglm.plan.measured import Held
from doctorglm.plan.memory import SAVINGS, Saving, memory_of
from doctorglm.plan.planning import Estimate, estimate
from doctorglm.plan.probe import Rates, rates_of
from doctorglm.plan.settings import PlanSettings
from doctorglm.plan.shape import Shape, shape_of
from doctorglm.plan.timed import Timed
from doctorglm.plan.tokens import Tokens
from doctorglm.plan.work import work_of
from doctorglm.render import Sample
from doctorglm.runs import note
from doctorglm.tune.ranks import ranks
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.trial import Trained, timed, tried, worth_it


@dataclass(frozen=True)
class Planned:
    """The plan of this very run, on the memory that is there."""

    shape: Shape
    settings: PlanSettings
    tokens: Tokens
    device: Device
    chosen: Estimate
    valid: Tokens | None
    rates: Rates | None
    trial: Timed | Text | None = None
    """What a trial took, or why there was none."""

    @property
    def saving(self) -> Saving:
        """What is recomputed."""
        return self.chosen.saving

    def record(self) -> dict[str, Any]:
        """What goes into run.json."""
        seconds = round(self.chosen.seconds.total, 2)
        trial = self.trial.record() if isinstance(self.trial, Timed) else self.trial and self.trial.en
        memory = self.chosen.memory.in_gb()
        return {"memory_gb": memory, "seconds": seconds, "fits": self.chosen.fits, "trial": trial}

    def remedy(self) -> Text:
        """What to change when memory ends, each with what it saves, in GB."""
        now = self.chosen.memory.total
        ways = []
        for saving in SAVINGS[SAVINGS.index(self.saving) + 1 :]:
            ways.append((f"recompute={saving}", now - self._total(replace(self.settings, recompute=saving))))
        half = max(max(self.tokens.lengths), self.settings.batch_tokens // 2)
        smaller = replace(self.settings, recompute=self.saving, batch_tokens=half)
        ways.append((f"batch_tokens={half}", now - self._total(smaller)))
        told = [f"{way} (-{saved / 1e9:.2f} GB)" for way, saved in ways if saved > 0]
        first = Text(
            en=f"Change one of: {', '.join(told)}; then max_length" if told else "Lower max_length",
            zh=f"可改其中一项：{'、'.join(told)}；然后是 max_length" if told else "请调小 max_length",
        )
        total = f"{now / 1e9:.2f} GB"
        return Text(
            en=f"Planned were {total}, of {self.device.memory / 1e9:.2f} GB that were free. "
            f"{first.en}, and last a base in 4 bits.",
            zh=f"计划需要 {total}，当时可用 {self.device.memory / 1e9:.2f} GB。{first.zh}，最后才是 4 位基座。",
        )

    def _total(self, settings: PlanSettings) -> float:
        work = work_of(self.tokens, settings, on_cpu=self.device.is_cpu)
        saving = SAVINGS[0] if settings.recompute == "auto" else settings.recompute
        return memory_of(self.shape, settings, work.largest, self.device, saving, constants()).total


def planned(
    model: Any,
    train: Sequence[Sample],
    valid: Sequence[Sample],
    settings: TuneSettings,
    *,
    packing: bool,
    fused: int,
) -> Planned | None:
    """The plan for a model that is loaded and adapted; None for one whose shape cannot be planned.

    Says on stderr when even with everything recomputed it is not expected to fit.
    """
    try:
        shape = shape_of(model)
    except ModelError:
        return None
    wanted = plan_settings(settings, packing=packing, fuse=bool(fused))
    half = settings.method != "full" and next(model.parameters()).element_size() == 2 and not half_of(model)
    device = this_device(model.device, half=half)
    tokens = _tokens(train)
    # what weights and their copies hold is no longer free
    largest = work_of(tokens, wanted, on_cpu=device.is_cpu).largest
    held = memory_of(shape, wanted, largest, replace(device, memory=math.inf), "none", constants()).weights
    device = replace(device, memory=device.memory + held)
    rates = rates_of(shape, max(tokens.lengths)) if device.is_cpu else None
    held_out = _tokens(valid) if valid else None
    chosen = estimate(shape, wanted, tokens, held_out, device, rates, constants())
    made = Planned(shape, wanted, tokens, device, chosen, held_out, rates)
    if not chosen.fits:
        remedy = made.remedy()
        note(en=f"This run may not fit. {remedy.en}", zh=f"本次训练可能放不下。{remedy.zh}")
    return made


def by_trial(
    expected: Planned | None, model: Any, samples: Sequence[Sample], settings: TuneSettings, *, steps: int
) -> Planned | None:
    """The plan with the time that a trial of the model says, which is ready for its first step; else as it was.

    There is none of a run that is hardly longer than one, nor of several processes, which would have to make it
    together.
    """
    if expected is None:
        return None
    if ranks().count > 1:
        return replace(expected, trial=Text(en="several processes", zh="多进程"))
    if not worth_it(steps * settings.accumulation, expected.shape.layers):
        return replace(expected, trial=Text(en="a run hardly longer than a trial", zh="训练比试跑长不了多少"))
    of, packing = expected.settings, expected.settings.packing
    ready = Trained(model, settings, of, expected.shape, expected.device, expected.saving, packing)
    found = tried(lambda: timed(ready, samples))
    return replace(expected, trial=found) if isinstance(found, Text) else with_time(expected, found)


def with_time(expected: Planned, found: Timed) -> Planned:
    """The plan with the time of a trial; what is recomputed stays."""
    shape, of = expected.shape, replace(expected.settings, recompute=expected.saving)
    again = estimate(shape, of, expected.tokens, expected.valid, expected.device, expected.rates, constants(), found)
    return replace(expected, chosen=replace(expected.chosen, seconds=again.seconds), trial=found)


def plan_settings(settings: TuneSettings, **changed: Any) -> PlanSettings:
    """The settings that memory and time depend on, by the names that they share."""
    names = {f.name for f in fields(PlanSettings)}
    shared = {f.name: getattr(settings, f.name) for f in fields(TuneSettings) if f.name in names}
    return PlanSettings(**{**shared, **changed})


def saving_of(expected: Planned | None, settings: TuneSettings) -> Saving:
    """What is recomputed: what the plan chose, or without one what is asked for."""
    if expected is not None:
        return expected.saving
    return "none" if settings.recompute == "auto" else settings.recompute


def remedy_of(expected: Planned | None) -> Callable[[], Text]:
    """What is said when memory ends all the same."""
    without = Text(
        en="Lower batch_tokens or max_length, or set recompute=full; `doctorglm plan` says by how much.",
        zh="请调小 batch_tokens 或 max_length，或设 recompute=full；`doctorglm plan` 会给出具体数值。",
    )
    return (lambda: without) if expected is None else expected.remedy


def compared(expected: Planned | None, at_first: Held, device: torch.device, seconds: float) -> dict[str, Any]:
    """`planned` and `measured` of run.json; no `planned` for a model that cannot be planned."""
    measured = {"measured": {"memory_gb": at_first.peak_gb(device), "seconds": round(seconds, 2)}}
    return measured if expected is None else {"planned": expected.record(), **measured}


def _tokens(samples: Sequence[Sample]) -> Tokens:
    return Tokens(
        lengths=[len(s.input_ids) for s in samples],
        supervised=[s.supervised for s in samples],
        conversations=len(samples),
    )
