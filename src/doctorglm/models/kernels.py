"""Which kernel attends over the documents of a row, and what it needs to know of the row, made once for all layers.

A causal model is one variable-length call. A prefix language model splits exactly into two: the prompts' queries over
the prompts' keys, from both sides; the answers' queries over whole documents, causally, aligned at the last token.
Where a GPU lacks that call, FlexAttention reads the same row with a block mask; on a CPU documents go one by one.
Shapes: N heads of queries, M of keys and values, T columns of the row, K of a part of them, n documents, D head size.
Source: `torch.nn.attention.varlen` and `torch.nn.attention.flex_attention`; FlashAttention-2, arXiv 2307.08691.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import torch

Kernel = Literal["varlen", "flex", "one by one"]
Bounds = Sequence[tuple[int, int]]

_CANNOT = (ImportError, RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, slots=True)
class Call:
    """One variable-length call: of each document a run of queries, and a run of keys that they look at."""

    queries: torch.Tensor | None
    """(K,) int64: the columns that are queries here; None: all columns."""
    keys: torch.Tensor | None
    """The same of keys and values."""
    ends_of_queries: torch.Tensor
    """(n+1,) int32: where the queries of each document begin among them, and the end."""
    ends_of_keys: torch.Tensor
    longest_queries: int
    longest_keys: int
    causal: bool
    """Whether a document's i-th query from the end looks at all keys but the last i; else it looks at all."""


@dataclass(frozen=True, slots=True)
class Split:
    """The calls of a row."""

    calls: tuple[Call, ...]
    back: torch.Tensor | None
    """(T,) int64: which output of all calls' belongs to each column; None: they are in order."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The kernel of a row and its description."""

    kernel: Kernel
    split: Split | None = None
    block_mask: Any = None


def plan(
    bounds: Bounds, prefixes: Sequence[int] | None, device: torch.device, kernel: Kernel, learned: int = 0
) -> Plan:
    """What `kernel` needs to know of a row whose documents' first `prefixes[i]` tokens are seen by all of them.

    With `learned`, so many keys and values that are no token's stand before those of every document.
    """
    with torch.inference_mode(False):  # a plan that is made in inference mode could not be used in training
        if kernel == "varlen":
            return Plan(kernel, split=split(bounds, prefixes, device, learned))
        if kernel == "flex":
            return Plan(kernel, block_mask=block_mask(bounds, prefixes, device, learned))
    return Plan("one by one")


def of_keys(bounds: Bounds, learned: int) -> Bounds:
    """Where each document's keys begin and end, those included that stand before its own."""
    return [(start + i * learned, end + (i + 1) * learned) for i, (start, end) in enumerate(bounds)]


def split(bounds: Bounds, prefixes: Sequence[int] | None, device: torch.device, learned: int = 0) -> Split:
    """The variable-length calls of a row: one, or two where there are prefixes."""
    keys = of_keys(bounds, learned)
    if not prefixes or not any(prefixes):
        return Split((_call(bounds, keys, True, device, in_order=True),), None)
    middles = [start + prefix for (start, _), prefix in zip(bounds, prefixes, strict=True)]
    prompts = [(start, middle) for (start, _), middle in zip(bounds, middles, strict=True) if middle > start]
    seen = [(keys[i][0], keys[i][0] + learned + n) for i, n in enumerate(prefixes) if n]
    # a document that is all prompt has no query left for the second call
    rest = [i for i, (_, end) in enumerate(bounds) if end > middles[i]]
    calls = [_call(prompts, seen, False, device)]
    answers = [(middles[i], bounds[i][1]) for i in rest]
    if rest:
        calls.append(_call(answers, [keys[i] for i in rest], True, device))
    order = torch.cat([_columns(prompts), _columns(answers)])
    return Split(tuple(calls), sent(order.argsort(), device))


def _call(queries: Bounds, keys: Bounds, causal: bool, device: torch.device, *, in_order: bool = False) -> Call:
    longest = [max(end - start for start, end in of) for of in (queries, keys)]
    ends = [sent(_ends(of), device) for of in (queries, keys)]
    columns = [None if in_order else sent(_columns(of), device) for of in (queries, keys)]
    return Call(columns[0], columns[1], ends[0], ends[1], longest[0], longest[1], causal)


def _ends(of: Bounds) -> torch.Tensor:
    lengths = torch.tensor([0, *(end - start for start, end in of)])
    return lengths.cumsum(0).to(torch.int32)


def _columns(of: Bounds) -> torch.Tensor:
    return torch.cat([torch.arange(start, end) for start, end in of] or [torch.empty(0, dtype=torch.long)])


def block_mask(bounds: Bounds, prefixes: Sequence[int] | None, device: torch.device, learned: int = 0) -> Any:
    """FlexAttention's description of the row: blocks that are empty are not read, full ones not masked."""
    from torch.nn.attention.flex_attention import create_block_mask

    lengths = torch.tensor([end - start for start, end in bounds])
    keys = of_keys(bounds, learned)
    numbers = torch.arange(len(bounds))
    open_to = torch.tensor([k + learned + p for (k, _), p in zip(keys, prefixes or [0] * len(bounds), strict=True)])
    document_T = sent(numbers.repeat_interleave(lengths), device)
    of_key_K = sent(numbers.repeat_interleave(lengths + learned), device)
    open_to_T = sent(open_to.repeat_interleave(lengths), device)

    def seen(_b: Any, _h: Any, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        own = query + (document_T[query] + 1) * learned  # where the query's own key stands
        return (document_T[query] == of_key_K[key]) & ((key <= own) | (key < open_to_T[query]))

    return create_block_mask(seen, None, None, len(document_T), len(of_key_K), device=device)


def attend_by(
    made: Plan, q_1NTD: torch.Tensor, k_1MTD: torch.Tensor, v_1MTD: torch.Tensor, scale: float | None
) -> torch.Tensor:
    """[1,N,T,D] by the plan's kernel, which is not `one by one`."""
    if made.split is not None:
        return _by_varlen(made.split, q_1NTD, k_1MTD, v_1MTD, scale)
    gqa = q_1NTD.shape[1] != k_1MTD.shape[1]
    out: torch.Tensor = _flex(q_1NTD.device.type)(
        q_1NTD, k_1MTD, v_1MTD, block_mask=made.block_mask, scale=scale, enable_gqa=gqa
    )
    return out


def _by_varlen(
    of: Split, q_1NTD: torch.Tensor, k_1MTD: torch.Tensor, v_1MTD: torch.Tensor, scale: float | None
) -> torch.Tensor:
    q_TND, k_TMD, v_TMD = (x[0].transpose(0, 1) for x in (q_1NTD, k_1MTD, v_1MTD))
    outs = []
    for call in of.calls:
        q, k, v = (_taken(x, at) for x, at in ((q_TND, call.queries), (k_TMD, call.keys), (v_TMD, call.keys)))
        outs.append(
            _varlen()(
                q, k, v, call.ends_of_queries, call.ends_of_keys, call.longest_queries, call.longest_keys,
                scale=scale, window_size=(-1, 0) if call.causal else (-1, -1), enable_gqa=q.shape[1] != k.shape[1],
            )
        )  # fmt: skip
    out_TND = outs[0] if of.back is None else _taken(torch.cat(outs), of.back)
    return out_TND.transpose(0, 1)[None]


class _Taken(torch.autograd.Function):
    """Distinct rows of x; the gradient is put back without the atomic additions that indexing makes."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, at_K: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(at_K)
        ctx.rows = len(x)
        return x.index_select(0, at_K)

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, None]:
        (at_K,) = ctx.saved_tensors
        return dy.new_zeros(ctx.rows, *dy.shape[1:]).index_copy_(0, at_K, dy), None


def _taken(x: torch.Tensor, at_K: torch.Tensor | None) -> torch.Tensor:
    out: torch.Tensor = x if at_K is None else _Taken.apply(x, at_K)  # type: ignore[no-untyped-call]
    return out


def choose(q: torch.Tensor, k: torch.Tensor) -> Kernel:
    """The first kernel that computes the right thing on this device, in this type and at this shape of heads."""
    if q.device.type != "cuda":
        return "one by one"
    shape = (q.device, q.dtype, q.shape[1], k.shape[1], q.shape[-1])
    if q.dtype in (torch.bfloat16, torch.float16) and _works("varlen", *shape):
        return "varlen"
    return "flex" if _works("flex", *shape) else "one by one"


@cache
def _works(kernel: Kernel, device: torch.device, dtype: torch.dtype, heads: int, key_heads: int, size: int) -> bool:
    """Whether a kernel gives what the definition gives, forward and backward, on three short documents.

    It is tried rather than looked up: it depends on the card, on how torch was built and on its version (torch 2.10
    has the call without `window_size`; FlexAttention needs Triton).
    """
    bounds, prefixes = [(0, 5), (5, 6), (6, 25)], [3, 0, 12]
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode(False), torch.enable_grad():
        q, k, v = (
            torch.randn(1, n, 25, size, generator=generator).to(device, dtype).requires_grad_()
            for n in (heads, key_heads, key_heads)
        )
        try:
            made = plan(bounds, prefixes, device, kernel)
            ours = _with_gradients(attend_by(made, q, k, v, None), q, k, v)
        except _CANNOT:
            return False
        exact = [x.detach().double().requires_grad_() for x in (q, k, v)]
        theirs = _with_gradients(by_definition(bounds, prefixes, *exact), *exact)
    close = 0.03 if dtype in (torch.bfloat16, torch.float16) else 1e-2  # of TensorFloat-32, the coarser of two
    return all(bool((a.double() - b).norm() <= close * b.norm()) for a, b in zip(ours, theirs, strict=True))


def _with_gradients(out: torch.Tensor, *given: torch.Tensor) -> list[torch.Tensor]:
    return [out.detach(), *torch.autograd.grad(out.float().square().sum(), given)]


def by_definition(
    bounds: Bounds, prefixes: Sequence[int], q: torch.Tensor, k: torch.Tensor, v: torch.Tensor
) -> torch.Tensor:
    """[1,N,T,D] as softmax(q k' / sqrt(D)) v under the full mask, of T x T scores."""
    group = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(group, 1) for x in (k, v))
    open_TT = torch.zeros(q.shape[2], q.shape[2], dtype=torch.bool, device=q.device)
    for (start, end), prefix in zip(bounds, prefixes, strict=True):
        open_TT[start:end, start:end] = open_TT.new_ones(end - start, end - start).tril()
        open_TT[start:end, start : start + prefix] = True
    scores = (q @ k.mT) * q.shape[-1] ** -0.5
    out: torch.Tensor = scores.masked_fill(~open_TT, -torch.inf).softmax(-1) @ v
    return out


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The tensor on `device`; on the way to a GPU nothing waits for what the GPU is still doing."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


@cache
def _varlen() -> Callable[..., Any]:
    from torch.nn.attention.varlen import varlen_attn

    return varlen_attn


@cache
def _flex(device: str) -> Callable[..., Any]:
    """FlexAttention, compiled but on a CPU: uncompiled it makes all scores, which only a test can afford."""
    from torch.nn.attention.flex_attention import flex_attention

    uncompiled: Callable[..., Any] = flex_attention
    return uncompiled if device == "cpu" else torch.compile(uncompiled, dynamic=True)
