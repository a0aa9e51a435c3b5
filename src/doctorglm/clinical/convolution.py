"""Dilated convolutions as small networks over characters use them, computed with numpy alone."""

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Layer: TypeAlias = tuple[Floats, Floats]
"""Weight (3 D, D), of the place before, the place and the place after, and bias (D,)."""


def convolve(hidden_LD: Floats, layers: Iterable[tuple[int, Layer]], empty: NDArray[np.intp] | None = None) -> None:
    """Adds to each row, in place, what each layer makes of it and of the rows `dilation` before and after it.

    The rows in `empty` are kept at zero, as those beyond the ends are.
    """
    length, width = hidden_LD.shape
    seen = np.zeros((length, 3 * width), dtype=np.float32)
    for dilation, (weight, bias) in layers:
        near = min(dilation, length)
        seen[:, width : 2 * width] = hidden_LD
        seen[:near, :width] = 0
        seen[near:, :width] = hidden_LD[: length - near]
        seen[length - near :, 2 * width :] = 0
        seen[: length - near, 2 * width :] = hidden_LD[near:]
        added = seen @ weight
        added += bias
        np.maximum(added, 0, out=added)
        hidden_LD += added
        if empty is not None:
            hidden_LD[empty] = 0
