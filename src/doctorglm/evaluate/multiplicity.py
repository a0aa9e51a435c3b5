"""Several metrics of one comparison: p-values adjusted so that a chance finding among them stays rare.

The gate needs none of this, since all of its criteria must hold. Whoever reads down a table and picks out what is
"significant" does.

Source: Holm 1979, Scandinavian Journal of Statistics 6:65, https://www.jstor.org/stable/4615733.
"""

from collections.abc import Mapping

from doctorglm.errors import DataError


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjusted p of every metric, in the order given.

    Whichever of the differences are 0 in truth, the chance that one of them has an adjusted p <= 0.05 is at most 5 %,
    however the metrics depend on one another. One test under two names (NLL and perplexity) belongs in once.
    Raises DataError for a p that is none.
    """
    for name, value in p.items():
        if not 0 <= value <= 1:
            raise DataError(
                en=f"{name}: p is {value}, which is no probability. Compare again.",
                zh=f"{name}：p 为 {value}，不是概率。请重新比较。",
            )
    adjusted: dict[str, float] = {}
    largest = 0.0
    for place, name in enumerate(sorted(p, key=lambda name: p[name])):
        largest = max(largest, min(1.0, (len(p) - place) * p[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p}
