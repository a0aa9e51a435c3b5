"""Attention over several documents that stand in one row without padding, none of which sees another.

A row of documents is a batch without waste. Inside `packed(...)` every model whose attention goes through transformers'
attention interface, and ChatGLM-6B, attends document by document: causally, or from both sides over a document's first
tokens and causally from there on (a prefix language model), which is exactly two calls per document.
Shapes: N heads, M of them of keys and values, T columns of the row, S of one document, D head size.
Source: https://huggingface.co/docs/transformers/attention_interface; GLM, arXiv 2103.10360, section 2.2.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

from doctorglm.errors import ModelError
from doctorglm.models import kernels
from doctorglm.models.kernels import Plan

NAME = "documents"
_CURRENT: ContextVar["Documents | None"] = ContextVar("documents", default=None)


@dataclass(frozen=True, slots=True)
class Documents:
    """Where each document of a row begins and ends; together they fill the row."""

    bounds: tuple[tuple[int, int], ...]
    """(first column, one past the last) of each."""
    ids: torch.Tensor | None = field(default=None, compare=False, repr=False)
    """(T,) the row's tokens on the CPU, where they are known: a model need not ask its device for them, and wait."""
    _plans: dict[Any, Plan] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of_lengths(cls, lengths: list[int], ids: torch.Tensor | None = None) -> "Documents":
        """Documents of these lengths, one after the other."""
        ends = torch.tensor(lengths).cumsum(0).tolist()
        return cls(tuple((end - length, end) for end, length in zip(ends, lengths, strict=True)), ids)

    def positions(self) -> torch.Tensor:
        """(1, T) int64: the place of every token within its document."""
        return torch.cat([torch.arange(end - start) for start, end in self.bounds])[None]

    def plan(self, prefixes: Sequence[int] | None, q_1NTD: torch.Tensor, k_1MTD: torch.Tensor) -> Plan:
        """How attention over the row is computed, for such queries and keys; made by the first layer that asks."""
        key = (tuple(prefixes or ()), q_1NTD.device, q_1NTD.dtype, q_1NTD.shape[1], k_1MTD.shape[1], q_1NTD.shape[-1])
        if key not in self._plans:
            self._plans[key] = kernels.plan(self.bounds, prefixes, q_1NTD.device, kernels.choose(q_1NTD, k_1MTD))
        return self._plans[key]


@contextmanager
def packed(model: Any, documents: Documents) -> Iterator[None]:
    """Within it, `model` reads one row of `documents`; `position_ids` of the row are those of `Documents.positions`.

    Raises ModelError for a model that cannot: ask `can_pack` first.
    """
    if not can_pack(model):
        raise ModelError(
            en=f"{type(model).__name__} cannot read packed documents. Set packing=false.",
            zh=f"{type(model).__name__} 不支持打包多个文档。请设置 packing=false。",
        )
    config = model.config
    before = config._attn_implementation
    token = _CURRENT.set(documents)
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before
        _CURRENT.reset(token)


def current() -> Documents | None:
    """The documents of the row that is being read; None outside `packed`."""
    return _CURRENT.get()


def can_pack(model: Any) -> bool:
    """Whether each token of the model sees others through attention alone, and all of those before it.

    Sliding windows, recurrent layers and convolutions would carry something from one document into the next.
    """
    config = model.config
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    whole = kinds == {"full_attention"} and (
        getattr(config, "sliding_window", None) is None or not getattr(config, "use_sliding_window", True)
    )
    return whole and bool(getattr(model, "_supports_attention_backend", False))


@torch.compiler.disable  # type: ignore[untyped-decorator]
def attend(
    q_1NTD: torch.Tensor,
    k_1MTD: torch.Tensor,
    v_1MTD: torch.Tensor,
    documents: Documents,
    prefixes: list[int] | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
) -> torch.Tensor:
    """[1,N,T,D]: each document attends to itself; its first `prefixes[i]` tokens are seen by all of it."""
    plan = documents.plan(prefixes, q_1NTD, k_1MTD)
    if plan.kernel != "one by one" and not dropout:
        return kernels.attend_by(plan, q_1NTD, k_1MTD, v_1MTD, scale)
    gqa = q_1NTD.shape[1] != k_1MTD.shape[1]
    out = []
    lengths = [end - start for start, end in documents.bounds]
    # split, not sliced: the gradient of a slice is as wide as the row, once for every document
    split = zip(*(x.split(lengths, 2) for x in (q_1NTD, k_1MTD, v_1MTD)), strict=True)
    for i, (q, k, v) in enumerate(split):
        prefix = prefixes[i] if prefixes else 0
        if prefix:
            out.append(
                F.scaled_dot_product_attention(
                    q[:, :, :prefix], k[:, :, :prefix], v[:, :, :prefix], None, dropout, scale=scale, enable_gqa=gqa
                )
            )
        mask = _lower_right(lengths[i] - prefix, lengths[i], q.device) if prefix else None
        out.append(
            F.scaled_dot_product_attention(
                q[:, :, prefix:], k, v, mask, dropout, is_causal=mask is None, scale=scale, enable_gqa=gqa
            )
        )
    return torch.cat(out, 2)


def _lower_right(rows: int, columns: int, device: torch.device) -> torch.Tensor:
    """(rows, columns) bool, true where the last `rows` of `columns` tokens may look."""
    return torch.ones(rows, columns, dtype=torch.bool, device=device).tril(columns - rows)


@torch.compiler.disable  # type: ignore[untyped-decorator]
def _attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention function: [1,N,T,D] in, [1,T,N,D] out."""
    documents = _CURRENT.get()
    assert documents is not None and attention_mask is None
    return attend(query, key, value, documents, scale=scaling, dropout=dropout).transpose(1, 2), None


def _no_mask(*_: Any, **__: Any) -> None:
    """The documents' bounds say what a mask would."""


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, _no_mask)
