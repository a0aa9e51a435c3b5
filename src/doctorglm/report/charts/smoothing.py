"""Many logged values on few pixels: their local mean, and a thin line that keeps every extreme."""

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]
"""(step, value)"""


def smoothed(points: Sequence[Point], sd: float, most: int) -> list[Point]:
    """Gaussian-weighted mean of the values around at most `most` of the steps (Nadaraya-Watson), `sd` in steps."""
    steps, values = np.asarray(points, dtype=np.float64).T
    means = []
    for step in steps[evenly(len(steps), most)]:
        weights = np.exp(-0.5 * ((steps - step) / sd) ** 2)
        means.append((float(step), float(weights @ values / weights.sum())))
    return means


def envelope(points: Sequence[Point], of: int) -> list[Point]:
    """The lowest and the highest of every `of` points, in order; all points when `of` is 2 or less."""
    if of <= 2:
        return list(points)
    kept = []
    for start in range(0, len(points), of):
        few = range(start, min(start + of, len(points)))
        kept += sorted({min(few, key=lambda i: points[i][1]), max(few, key=lambda i: points[i][1])})
    return [points[i] for i in kept]


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the indices below `count`, spread evenly, first and last among them."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]
