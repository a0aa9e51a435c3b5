"""An embedding with its rows in 8 or 4 bits, of which only those that are looked up are unpacked.

ChatGLM-6B's folders with `quantization_embeddings` have one, and a head of the very same packed rows.
Shapes: V vocabulary, H width, T tokens.
Source: https://huggingface.co/THUDM/chatglm-6b-int4-qe, its format re-implemented.
"""

# mypy: allow-subclassing-any
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from doctorglm.models.quantized.formats import Quantization, pack, stored_like, unpack
from doctorglm.models.quantized.linear import QuantizedLinear


class QuantizedEmbedding(nn.Embedding):
    """A frozen `nn.Embedding`; `weight` and `weight_scale` are buffers under their official names.

    A scale stays in float32 whatever the model is turned into; `like` is empty, and its type, which follows the
    model's, is that in which rows are given.
    """

    weight: torch.Tensor
    weight_scale: torch.Tensor
    like: torch.Tensor

    def __init__(self, rows: int, width: int, kind: Quantization, *, device: Any = None) -> None:
        assert kind != "nf4", "its scales are those of blocks, which do not begin with rows"
        super().__init__(rows, width, device="meta")
        del self.weight
        shape, dtype, scales = stored_like(kind, rows, width)
        self.kind = kind
        self.register_buffer("weight", torch.zeros(shape, dtype=dtype, device=device))
        self.register_buffer("weight_scale", torch.zeros(scales, dtype=torch.float32, device=device))
        self.register_buffer("like", torch.zeros(0, device=device), persistent=False)

    @classmethod
    def of(cls, embedding: nn.Embedding, kind: Quantization, name: str) -> "QuantizedEmbedding":
        """The layer with the rows of `embedding` packed; raises ModelError with `name` for ones that cannot be."""
        made = cls(embedding.num_embeddings, embedding.embedding_dim, kind, device="meta")
        stored, scale = pack(embedding.weight, kind, name)
        made.weight, made.weight_scale = stored, scale.float()
        made.like = embedding.weight.detach().new_empty(0)
        return made.train(embedding.training)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """[...] int64 to [..., H] in the model's type."""
        flat_T = ids.flatten()
        out_TH = self._space(len(flat_T))
        unpack(self.weight.index_select(0, flat_T), self.weight_scale.index_select(0, flat_T), self.kind, out_TH)
        return out_TH.to(self.like.dtype).view(*ids.shape, self.embedding_dim)

    def dequantized(self) -> torch.Tensor:
        """All rows as they are looked up, (V, H) float32."""
        return unpack(self.weight, self.weight_scale, self.kind, self._space(self.num_embeddings))

    def extra_repr(self) -> str:
        """What `nn.Embedding` says, and the quantisation."""
        return f"{super().extra_repr()}, {self.kind}"

    def _space(self, rows: int) -> torch.Tensor:
        return torch.empty(rows, self.embedding_dim, dtype=torch.float32, device=self.weight.device)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        exact = self.weight_scale
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self.weight_scale.dtype != torch.float32:
            self.weight_scale = exact.to(self.weight.device)
        return self


def share(table: QuantizedEmbedding, head: Any) -> None:
    """Gives a `QuantizedLinear` the embedding's packed rows and scales, the same tensors."""
    head.weight, head.weight_scale = table.weight, table.weight_scale


def shared(table: nn.Module, head: nn.Module) -> bool:
    """Whether the two are packed, and hold the same tensors."""
    return isinstance(table, QuantizedEmbedding) and isinstance(head, QuantizedLinear) and head.weight is table.weight


def equal(table: QuantizedEmbedding, head: QuantizedLinear) -> bool:
    """Whether the two hold the same values."""
    return torch.equal(table.weight, head.weight) and torch.equal(table.weight_scale, head.weight_scale)
