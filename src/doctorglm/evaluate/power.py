"""What a number of items can tell: the smallest difference it would show, and how many items another one needs.

Sources: Cohen 1988, Statistical Power Analysis for the Behavioral Sciences, section 2.4; Hoenig and Heisey 2001,
doi 10.1198/000313001300339897 (why the power for the observed difference itself says nothing, and is not given here);
Hanley and Lippman-Hand 1983, doi 10.1001/jama.1983.03330370053031 (events that went unseen).
"""

import math

from scipy import special

from doctorglm.evaluate.statistics import CONFIDENCE, Difference, normal_quantile, standard_error
from doctorglm.language import Text

POWER = 0.8
"""The chance of detection at which "how many items would do" is answered; 0.8 is the custom of trials."""

_HOPELESS = 100
"""A reach this many times too long would need 10,000 times the items: no advice."""


def smallest_n(margin: float) -> int:
    """Items below which no margin can be shown: with fewer, events of that rate go unseen more often than 2.5 %."""
    return math.ceil(math.log((1 - CONFIDENCE) / 2) / math.log(1 - margin))


def detectable(found: Difference) -> float | None:
    """The true difference that this n shows (an interval without 0) with a chance of 80 %; None without interval."""
    if found.low is None or found.high is None:
        return None
    return (normal_quantile() + float(special.ndtri(POWER))) * standard_error(found.low, found.high)


def items_needed(n: int, reach: float, distance: float) -> int | None:
    """Items at which `reach`, which falls with the root of n, is down to `distance`; None if no number would do.

    From 30 items on within 15 % of the t-test's answer; from fewer it asks for more, as their intervals are widened.
    """
    if distance <= 0 or reach / distance > _HOPELESS:
        return None
    return math.ceil(n * (reach / distance) ** 2)


def enough(n: int, reach: float, distance: float) -> Text:
    """`items_needed` as the end of a sentence; empty if no number would do."""
    wanted = items_needed(n, reach, distance)
    if wanted is None:
        return Text(en="", zh="")
    return Text(en=f"; about {wanted} items would do if the difference stays", zh=f"；若差值不变，约需 {wanted} 项")


def power_note(difference: Difference, margin: float | None = None) -> Text:
    """What this n can tell of a metric: the detectable difference, the items that the observed one would need.

    "n is too small to tell" leads where the 95 % interval holds both 0 and a difference that matters: one of `margin`
    in either direction, or without a margin the detectable one.
    """
    reach = detectable(difference)
    if reach is None:
        return Text(en=f"n is too small to tell: n = {difference.n}.", zh=f"条目太少，无法判断：n = {difference.n}。")
    if reach == 0:
        return Text(
            en=f"The {difference.n} items do not vary, so they say nothing about how many would do.",
            zh=f"这 {difference.n} 项没有差异，无法由此估计所需的条目数。",
        )
    notes = [
        _too_small(difference, reach, margin),
        Text(
            en=f"{difference.n} items show a true difference of {reach:.3g} with a chance of {100 * POWER:.0f} %.",
            zh=f"{difference.n} 项能以 {100 * POWER:.0f} % 的概率显示出大小为 {reach:.3g} 的真实差值。",
        ),
        _for_the_observed(difference, reach),
    ]
    told = [note for note in notes if note]
    return Text(en=" ".join(note.en for note in told), zh="".join(note.zh for note in told))


def _too_small(difference: Difference, reach: float, margin: float | None) -> Text | None:
    low, high = difference.low, difference.high
    assert low is not None and high is not None
    matters = reach if margin is None else margin
    if not low <= 0 <= high or max(-low, high) < matters:
        return None
    margin_en, margin_zh = ("", " ") if margin is None else (", the margin", "（界值）")
    return Text(
        en=f"n is too small to tell: the 95 % interval holds both 0 and a difference of {matters:.3g}{margin_en}.",
        zh=f"条目太少，无法判断：95 % 区间既包含 0，也包含大小为 {matters:.3g}{margin_zh}的差值。",
    )


def _for_the_observed(difference: Difference, reach: float) -> Text | None:
    size = abs(difference.difference)
    wanted = items_needed(difference.n, reach, size)
    if wanted is None:
        return None
    return Text(
        en=f"A true difference as large as the observed one ({size:.3g}) needs about {wanted}.",
        zh=f"若真实差值与观察到的（{size:.3g}）一样大，约需 {wanted} 项。",
    )
