"""Numbers as people read them: a true minus, grouped thousands, a thin space before the unit."""

import math

THIN_SPACE = "\u202f"
"""Narrow and no place for a line break."""


def number(value: float, digits: int = 2, *, signed: bool = False) -> str:
    """`-0.4123` as `−0.412` (digits=3); signed: `+` where it is positive, no sign on what rounds to zero."""
    if not math.isfinite(value):
        return "–"
    text = f"{value:{'+' if signed else ''},.{digits}f}"
    if not text.strip("+-0.,"):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def interval(low: float, high: float, digits: int = 2, *, signed: bool = False) -> str:
    """`[−0.46, −0.36]`, the two ends of a confidence interval."""
    return f"[{number(low, digits, signed=signed)}, {number(high, digits, signed=signed)}]"


def percent(share: float, digits: int = 1, *, signed: bool = False) -> str:
    """The share 0.314 as `31.4 %`."""
    return f"{number(100 * share, digits, signed=signed)}{THIN_SPACE}%"


SMALLEST_SHARE = 0.001


def share_of(count: int, whole: int) -> str:
    """The share of a count as a percentage, `<0.1 %` where it would round to nothing."""
    share = count / max(whole, 1)
    return f"<{percent(SMALLEST_SHARE)}" if 0 < share < SMALLEST_SHARE else percent(share)


def quantity(value: float, unit: str, digits: int = 0) -> str:
    """A value with its unit: `5.4 mmol/L`."""
    return f"{number(value, digits)}{THIN_SPACE}{unit}"
