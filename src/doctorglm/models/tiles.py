"""Weights that are unpacked a tile of rows at a time, into one buffer that stays in the processor's caches.

Shapes: O outputs, I inputs, R rows of a tile.
"""

import threading

import torch

_buffers = threading.local()


def height(outputs: int, inputs: int, tile_bytes: int, unit: int = 1) -> int:
    """Rows of a float32 tile of at most `tile_bytes`: a multiple of `unit`, at least one of them, at most all rows."""
    return max(1, min(outputs, max(unit, tile_bytes // (4 * inputs) // unit * unit)))


def buffer(size: int) -> torch.Tensor:
    """`size` float32 values of this thread's buffer, which the next caller overwrites."""
    held: torch.Tensor | None = getattr(_buffers, "held", None)
    if held is None or len(held) < size:
        # made here, an inference tensor could not be written to outside
        with torch.inference_mode(False):
            _buffers.held = held = torch.empty(size)
    return held[:size]
