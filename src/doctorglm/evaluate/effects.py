"""How large a paired difference is, in units that do not depend on the metric or on the number of items.

Means and ratios of sums have Cohen's d_z: the difference over the standard deviation of the items' differences.
Shares have Cohen's h. It stays finite where one model never fails, which the odds ratio of the discordant pairs does
not, and it weighs 98 % against 99 % as more than 50 % against 51 %; that the shares are paired is in their interval
and p.

Sources: Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, sections 2.2 (sizes), 2.3.5 (d_z) and 6.2
(h); Lakens 2013, doi 10.3389/fpsyg.2013.00863 (d_z); Cochran 1977, Sampling Techniques, section 6.3 (ratios).
Shapes: I items.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from doctorglm.evaluate.statistics import Numbers, paired_columns, paired_table
from doctorglm.language import Text

_SIZES = (
    (0.2, Text(en="negligible", zh="可忽略")),
    (0.5, Text(en="small", zh="小")),
    (0.8, Text(en="medium", zh="中等")),
    (math.inf, Text(en="large", zh="大")),
)
"""Cohen's conventions, which are the same for d and h: from 0.2 small, from 0.5 medium, from 0.8 large."""


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect size; `value` is None where the items' differences do not vary, so that there is no unit."""

    kind: Literal["d_z", "h"]
    value: float | None

    @property
    def size(self) -> Text:
        """Cohen's word for it; a convention, which knows nothing of medicine."""
        if self.value is None:
            return Text(en="not defined", zh="无定义")
        return next(word for limit, word in _SIZES if abs(self.value) < limit)


def effect_size(ours: Numbers, theirs: Numbers, weights: Numbers | None = None) -> Effect:
    """Cohen's d_z of `ours` less `theirs`, item by item; its sign is the difference's.

    For a ratio of sums R = sum(ours - theirs) / sum(weights) an item contributes, linearised, its difference less
    R x its weight; the unit is those contributions' standard deviation, so that d_z x sqrt(n) is R over its standard
    error as for a mean. A monotone transform of the ratio (perplexity) has the same effect. Raises DataError as
    `paired_difference`.
    """
    ours_IK, theirs_IK = paired_columns(ours, theirs, weights)
    gain_I, weight_I = ours_IK[:, 0] - theirs_IK[:, 0], ours_IK[:, 1]
    ratio = float(gain_I.sum() / weight_I.sum())
    left_I = gain_I - ratio * weight_I
    spread = math.sqrt(float((left_I**2).sum()) / max(1, len(left_I) - 1))
    scale = float(np.abs(gain_I).max())
    # what is equal but for rounding does not vary
    if spread <= 1e-12 * scale or len(gain_I) < 2:
        return Effect("d_z", 0.0 if scale == 0 else None)
    return Effect("d_z", ratio * float(weight_I.mean()) / spread)


def share_effect_size(ours: Sequence[bool], theirs: Sequence[bool]) -> Effect:
    """Cohen's h of the share of True in `ours` against that in `theirs`, from -pi to pi; raises as `mcnemar_exact`."""
    both, only_ours, only_theirs, neither = paired_table(ours, theirs)
    n = both + only_ours + only_theirs + neither
    return Effect("h", _angle((both + only_ours) / n) - _angle((both + only_theirs) / n))


def _angle(share: float) -> float:
    """The arcsine transform, on which equal differences are equally easy to detect."""
    return 2 * math.asin(math.sqrt(share))
