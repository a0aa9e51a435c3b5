"""What a trial on the machine at hand took, and a run's time by it.

A trial is made by `tune`, which knows how a run computes, and handed down to a plan. It gives seconds for each FLOP of
the very way, shapes and lengths of the run, so that nothing has to be known of the machine; what a run's rows have more
or less of than the trial's, in tokens, squares of their samples and labels, is counted in FLOPs.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from doctorglm.language import Text
from doctorglm.plan.devices import Device
from doctorglm.plan.memory import Saving
from doctorglm.plan.settings import PlanSettings
from doctorglm.plan.shape import Base
from doctorglm.plan.tokens import Tokens


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Seconds of a whole model, all of its layers."""

    row_s: float
    """Of a row's way there and back, clipping and update apart."""
    row_flops: float
    """What that row computes, as `seconds.flops_of` counts it."""
    update_s: float
    """Of what is done once a step: clipping, and the update of all that is trained."""
    reading_s: float
    """Of a batch that is read without gradients."""
    reading_flops: float
    tokens: int
    """Of the row."""
    layers: int
    """That were read, of which the others are like."""

    def training(self, flops: float, steps: int) -> float:
        """Seconds of a run that computes so much in so many steps."""
        return self.row_s * flops / self.row_flops + steps * self.update_s

    def reading(self, flops: float) -> float:
        """Seconds of validations that compute so much."""
        return self.reading_s * flops / self.reading_flops

    def record(self) -> dict[str, Any]:
        """What `--json` and run.json say of it."""
        return {name: float(f"{value:.4g}") if "_" in name else value for name, value in asdict(self).items()}


Trial = Callable[[Base, PlanSettings, Tokens, Device, Saving], Timed | Text]
"""Times a base on the machine at hand; or says why it cannot."""


def extrapolated(shallow: float, deep: float, layers: int, more: int) -> float:
    """Seconds of all `layers`, from those of one and of `more` besides it, in which whatever is no layer is the same.

    A model of one layer has no more: `more` is 0, and `deep` is not looked at.
    """
    return shallow + (layers - 1) * max(0.0, deep - shallow) / more if more else shallow
