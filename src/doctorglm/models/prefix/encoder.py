"""The learned keys and values of all layers, as one matrix or as what a small network makes of one.

Shapes: P places of the prefix, L layers, M heads of keys and values, D head size, C hidden units of the network.
The flat layout is the published one and PEFT's: for each place 2L slots of M*D, slot 2i the key, 2i+1 the value of
layer i. Source: arXiv 2110.07602, section 3.3; `prefix_encoder` of the published ChatGLM-6B.
"""

# mypy: allow-subclassing-any
import copy
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

KeyValue = tuple[torch.Tensor, torch.Tensor]
"""A key and a value, each [1,M,P,D]."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a prefix must be like for a model."""

    layers: int
    heads: int
    """Heads of keys and values: with grouped queries fewer than those of queries."""
    head_dim: int

    @property
    def width(self) -> int:
        """Numbers for each place of the prefix."""
        return self.layers * 2 * self.heads * self.head_dim


class LayerPrefix:
    """Where the attention of one layer finds its key and value; filled anew by every forward of the model."""

    def __init__(self) -> None:
        self.key_value: KeyValue | None = None
        self.taken = False

    def fill(self, key_value: KeyValue) -> None:
        """Puts the pair there, not yet taken."""
        self.key_value, self.taken = key_value, False

    def take(self, like: torch.Tensor) -> KeyValue:
        """The pair, in the type and on the device of a key."""
        assert self.key_value is not None, "the model's forward fills it"
        self.taken = True
        key, value = self.key_value
        return key.to(like), value.to(like)

    def __deepcopy__(self, memo: dict[int, Any]) -> "LayerPrefix":
        """Empty: what is being read is not copied with a model."""
        return LayerPrefix()


class PrefixEncoder(nn.Module):
    """Makes each layer's key and value; always in 32 bits, since its updates are too small for less."""

    def __init__(
        self, tokens: int, shape: Shape, projection: tuple[int, int] | None = None, dropout: float = 0.0
    ) -> None:
        """`projection` is the width of a place's embedding and the network's hidden units; None: no network."""
        super().__init__()
        self.tokens, self.shape, self.dropout = tokens, shape, dropout
        self.projection = projection
        self.embedding = nn.Embedding(tokens, projection[0] if projection else shape.width, dtype=torch.float32)
        self.trans: nn.Sequential | None = None
        if projection:
            first = nn.Linear(*projection, dtype=torch.float32)
            self.trans = nn.Sequential(first, nn.Tanh(), nn.Linear(projection[1], shape.width, dtype=torch.float32))
        self.places = [LayerPrefix() for _ in range(shape.layers)]
        """What the attention of each layer reads, where that is not handed to it."""
        self._kept: tuple[Any, list[KeyValue]] | None = None

    def forward(self) -> torch.Tensor:
        """[P, 2LMD]: the flat layout."""
        flat: torch.Tensor = self.embedding.weight if self.trans is None else self.trans(self.embedding.weight)
        return flat

    def key_values(self, dtype: torch.dtype) -> list[KeyValue]:
        """Of each layer key and value, [1,M,P,D] in `dtype`; of a frozen prefix made once, until a weight changes.

        In training dropout is applied to both, as published.
        """
        weights = list(self.parameters())
        # fused optimizers change weights without counting it, and inference tensors do not count at all
        if self.training or any(w.requires_grad or w.is_inference() for w in weights):
            return self._made(dtype)
        key = (dtype, torch.is_inference_mode_enabled(), *((w.data_ptr(), w.device, w._version) for w in weights))
        if self._kept is None or self._kept[0] != key:
            self._kept = key, self._made(dtype)
        return self._kept[1]

    def _made(self, dtype: torch.dtype) -> list[KeyValue]:
        flat = F.dropout(self(), self.dropout, self.training)
        return [(key[None], value[None]) for key, value in split(flat.to(dtype), self.shape)]

    def __deepcopy__(self, memo: dict[int, Any]) -> "PrefixEncoder":
        """A copy without what was made, which may hang on a graph."""
        made = self.__class__.__new__(self.__class__)
        memo[id(self)] = made
        made.__dict__.update({n: copy.deepcopy(v, memo) for n, v in self.__dict__.items() if n != "_kept"})
        made._kept = None
        return made


def split(flat: torch.Tensor, shape: Shape) -> list[KeyValue]:
    """Of each layer key and value, [M,P,D], from the flat layout [P, 2LMD]."""
    slots = flat.view(len(flat), shape.layers, 2, shape.heads, shape.head_dim).permute(1, 2, 3, 0, 4)
    return [(one[0], one[1]) for one in slots]


def joined(key_values: list[KeyValue]) -> torch.Tensor:
    """The flat layout [P, 2LMD] of each layer's key and value, [M,P,D]: the inverse of `split`."""
    slots = torch.stack([torch.stack(pair) for pair in key_values])
    return slots.permute(3, 0, 1, 2, 4).flatten(1)
