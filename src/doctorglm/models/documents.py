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
from doctorglm.models.prefix.encoder import KeyValue, LayerPrefix

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

    def plan(
        self, prefixes: Sequence[int] | None, q_1NTD: torch.Tensor, k_1MTD: torch.Tensor, learned: int = 0
    ) -> Plan:
        """How attention over the row is computed, for such queries and keys; made by the first layer that asks."""
        of_queries = q_1NTD.device, q_1NTD.dtype, q_1NTD.shape[1], q_1NTD.shape[-1]
        key = (tuple(prefixes or ()), learned, k_1MTD.shape[1], *of_queries)
        if key not in self._plans:
            kernel = kernels.choose(q_1NTD, k_1MTD)
            self._plans[key] = kernels.plan(self.bounds, prefixes, q_1NTD.device, kernel, learned)
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
    learned: KeyValue | None = None,
) -> torch.Tensor:
    """[1,N,T,D]: each document attends to itself; its first `prefixes[i]` tokens are seen by all of it.

    `learned` is a key and a value [1,M,P,D] that every token of every document sees besides.
    """
    places = learned[0].shape[2] if learned else 0
    plan = documents.plan(prefixes, q_1NTD, k_1MTD, places)
    lengths = [end - start for start, end in documents.bounds]
    if learned:
        k_1MTD, v_1MTD = (_before_each(one, x, lengths) for one, x in zip(learned, (k_1MTD, v_1MTD), strict=True))
    if plan.kernel != "one by one" and not dropout:
        return kernels.attend_by(plan, q_1NTD, k_1MTD, v_1MTD, scale)
    gqa = q_1NTD.shape[1] != k_1MTD.shape[1]
    out = []
    # split, not sliced: the gradient of a slice is as wide as the row, once for every document
    keys = [length + places for length in lengths]
    split = zip(q_1NTD.split(lengths, 2), k_1MTD.split(keys, 2), v_1MTD.split(keys, 2), strict=True)
    for i, (q, k, v) in enumerate(split):
        prefix = prefixes[i] if prefixes else 0
        if prefix:
            seen = places + prefix
            out.append(
                F.scaled_dot_product_attention(
                    q[:, :, :prefix], k[:, :, :seen], v[:, :, :seen], None, dropout, scale=scale, enable_gqa=gqa
                )
            )
        mask = _lower_right(lengths[i] - prefix, keys[i], q.device) if prefix or places else None
        out.append(
            F.scaled_dot_product_attention(
                q[:, :, prefix:], k, v, mask, dropout, is_causal=mask is None, scale=scale, enable_gqa=gqa
            )
        )
    return torch.cat(out, 2)


def _before_each(learned_1MPD: torch.Tensor, x_1MTD: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """The learned keys (or values) before those of every document."""
    return torch.cat([part for own in x_1MTD.split(lengths, 2) for part in (learned_1MPD, own)], 2)


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
    learned = learned_by(module, key)
    return attend(query, key, value, documents, None, scaling, dropout, learned).transpose(1, 2), None


def learned_by(module: torch.nn.Module, like: torch.Tensor) -> KeyValue | None:
    """The key and value that an attention module of transformers has learned, as `like`; None for one without."""
    place: LayerPrefix | None = getattr(module, "learned_prefix", None)
    return None if place is None else place.take(like)


def _no_mask(*_: Any, **__: Any) -> None:
    """The documents' bounds say what a mask would."""


AttentionInterface.register(NAME, _attention)
AttentionMaskInterface.register(NAME, _no_mask)
