"""Which weights of a run are kept, and when it stops.

Weights are better when their validation loss is lower, among those that have forgotten no more than `max_forgetting`;
weights beyond that bound are better only than weights that have forgotten more. A run stops after `patience`
validations without better weights. Both follow from what a checkpoint holds, so that a run that was killed stops where
it would have.
Source: L. Prechelt, Early Stopping - but when?, doi 10.1007/3-540-49430-8_3.
"""

from dataclasses import dataclass
from typing import Any

from doctorglm.language import Text
from doctorglm.tune.settings import TuneSettings
from doctorglm.tune.standing import Standing


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Nats per supervised token of the texts that a run is validated on; None where there is none."""

    valid: float | None = None
    general: float | None = None

    def forgotten_since(self, base: "Losses") -> float | None:
        """The forgetting meter: nats by which a general token costs more than it cost the base; below 0: it gained."""
        if self.general is None or base.general is None:
            return None
        return self.general - base.general


def record(standing: Standing, step: int, losses: Losses, base: Losses, settings: TuneSettings) -> bool:
    """Enters a validation; True when its weights are the best so far. Without a validation loss none are."""
    forgetting = losses.forgotten_since(base)
    if losses.general is not None:
        standing.general.append((step, losses.general))
    if losses.valid is None:
        return False
    standing.history.append((step, losses.valid))
    so_far = _rank(standing.best_valid, standing.best_forgetting, settings)
    if standing.best_step and _rank(losses.valid, forgetting, settings) >= so_far:
        return False
    standing.best_step, standing.best_valid, standing.best_forgetting = step, losses.valid, forgetting
    return True


def within_bound(forgetting: float | None, settings: TuneSettings) -> bool:
    """Whether so much may be forgotten: always where nothing is measured, or no bound is set."""
    return forgetting is None or settings.max_forgetting == 0 or forgetting <= settings.max_forgetting


def _rank(valid: float, forgetting: float | None, settings: TuneSettings) -> tuple[bool, float]:
    """Lower is better."""
    within = within_bound(forgetting, settings)
    assert within or forgetting is not None
    return (False, valid) if within or forgetting is None else (True, forgetting)


def validations_without_better(standing: Standing) -> int:
    """How many validations have passed since the best one."""
    return sum(step > standing.best_step for step, _ in standing.history)


def out_of_patience(standing: Standing, settings: TuneSettings) -> bool:
    """Whether the run ends here, before its last step."""
    return 0 < settings.patience <= validations_without_better(standing)


def outcome(standing: Standing, base: Losses, settings: TuneSettings, steps: int) -> dict[str, Any]:
    """What `run.json` says of it: `before` (the base's losses), `best`, `forgetting` and `stopped`, with its reason."""
    stopped_early = standing.step < steps
    why = _why(standing, settings, steps)
    return {
        "before": {"valid_loss": base.valid, "general_nll": base.general},
        "best": _best(standing, settings),
        "forgetting": _forgetting(standing, base),
        "stopped": {"reason": "patience" if stopped_early else "all steps", "step": standing.step, "of": steps,
                    "en": why.en, "zh": why.zh},
    }  # fmt: skip


def _best(standing: Standing, settings: TuneSettings) -> dict[str, Any] | None:
    if not standing.best_step:
        return None
    return {
        "step": standing.best_step,
        "valid_loss": standing.best_valid,
        "general_nll": dict(standing.general).get(standing.best_step),
        "forgetting": standing.best_forgetting,
        "within_bound": within_bound(standing.best_forgetting, settings),
    }


def _forgetting(standing: Standing, base: Losses) -> dict[str, float] | None:
    """The meter at the weights that are kept, at the last ones, and at its highest; nats per general token."""
    if base.general is None or not standing.general:
        return None
    meter = {step: nats - base.general for step, nats in standing.general}
    last = meter[max(meter)]
    return {"kept": meter.get(standing.best_step, last), "last": last, "highest": max(meter.values())}


def _why(standing: Standing, settings: TuneSettings, steps: int) -> Text:
    """Why the run ended, and which weights were kept, in one or two sentences."""
    kept, waited = standing.best_step, validations_without_better(standing)
    ended = Text(en=f"All {steps} steps were done.", zh=f"全部 {steps} 步已完成。")
    if standing.step < steps:
        ended = Text(
            en=f"Stopped after step {standing.step} of {steps}: {waited} validations without better weights "
            "(patience).",
            zh=f"在第 {standing.step} 步（共 {steps} 步）停止：连续 {waited} 次验证没有更好的权重（patience）。",
        )
    if not kept:
        return Text(
            en=f"{ended.en} There is no data to validate on, so the last weights are kept.",
            zh=f"{ended.zh}没有验证数据，因此保留最后的权重。",
        )
    reason = _why_these(standing, settings)
    return Text(
        en=f"{ended.en} The weights of step {kept} are kept: {reason.en}.",
        zh=f"{ended.zh}保留第 {kept} 步的权重：{reason.zh}。",
    )


def _why_these(standing: Standing, settings: TuneSettings) -> Text:
    lowest = min(standing.history, key=lambda entry: entry[1])
    bound = f"{settings.max_forgetting:g}"
    if not within_bound(standing.best_forgetting, settings):
        return Text(
            en=f"none had forgotten less; all had forgotten more than max_forgetting={bound} nats. Replay, fewer steps "
            "or a lower learning_rate forget less",
            zh=f"它遗忘得最少，但所有权重的遗忘都超过 max_forgetting={bound} nat。"
            "可使用 replay、减少步数或调低 learning_rate",
        )
    if lowest[1] < standing.best_valid:
        return Text(
            en=f"the validation loss is lowest after step {lowest[0]}, but more than max_forgetting={bound} nats were "
            "forgotten there",
            zh=f"第 {lowest[0]} 步的验证损失更低，但遗忘超过 max_forgetting={bound} nat",
        )
    loss = f"{standing.best_valid:.2f}"
    return Text(
        en=f"their validation loss is the lowest, at {loss} nats per token", zh=f"验证损失最低，为 {loss} nat / token"
    )
