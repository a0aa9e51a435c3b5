"""Keys and values with room for more, so that a token adds its own and copies no others.

transformers' growing cache copies all of them for every token.
Shapes: B rows, N heads, S new columns, D head size.
"""

# mypy: allow-subclassing-any
from typing import Any

import torch
from transformers.cache_utils import DynamicLayer

ROOM = 128
"""Columns that are added when there is no room."""


class RoomyLayer(DynamicLayer):
    """One layer's keys and values in `dtype`, in memory that is larger than they are.

    `keys` and `values` are views of its beginning; whatever else is put in their place, by beams for one, is copied.
    """

    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self._rooms: dict[str, torch.Tensor] = {}

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """All keys and values so far, [B,N,T,D] in `dtype`, the new ones [B,N,S,D] among them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states.to(self.dtype), value_states.to(self.dtype))
        self.keys = self._added("keys", self.keys, key_states)
        self.values = self._added("values", self.values, value_states)
        return self.keys, self.values

    def _added(self, name: str, held: torch.Tensor, new_BNSD: torch.Tensor) -> torch.Tensor:
        rows, heads, count, size = new_BNSD.shape
        before = held.shape[2] if held.numel() else 0
        room = self._rooms.get(name)
        if room is None or room.data_ptr() != held.data_ptr() or room.shape[2] < before + count:
            columns = -(-(before + count) // ROOM) * ROOM
            room = new_BNSD.new_empty((rows, heads, columns, size), dtype=self.dtype)
            if before:
                room[:, :, :before] = held
            self._rooms[name] = room
        room[:, :, before : before + count] = new_BNSD
        return room[:, :, : before + count]

    def reset(self) -> None:
        """Forgets everything."""
        self._rooms.clear()
        super().reset()
