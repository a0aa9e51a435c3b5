"""`torch.nn.attention.varlen.varlen_attn`, which no CPU runs, from its documentation: a loop over sequences."""

import math
from typing import Any

import pytest
import torch

from doctorglm.models import kernels


def varlen_by_meaning(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, cu_seq_q: torch.Tensor, cu_seq_k: torch.Tensor,
    max_q: int, max_k: int, *, scale: float | None = None, window_size: tuple[int, int] = (-1, -1),
    enable_gqa: bool = False,
) -> torch.Tensor:  # fmt: skip
    """[T,N,D]. A window of (-1, 0) is causal, and with fewer queries than keys lies at the last key.

    Source: torch's docstring; for the alignment, https://github.com/Dao-AILab/flash-attention, "2.1".
    """
    assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32 and query.dim() == key.dim() == 3
    assert cu_seq_q[-1] == len(query) and cu_seq_k[-1] == len(key) == len(value) and len(cu_seq_q) == len(cu_seq_k)
    assert max_q == cu_seq_q.diff().max() and max_k == cu_seq_k.diff().max()
    assert enable_gqa or query.shape[1] == key.shape[1]
    out = []
    for i in range(len(cu_seq_q) - 1):
        q, k, v = (x[ends[i] : ends[i + 1]] for x, ends in ((query, cu_seq_q), (key, cu_seq_k), (value, cu_seq_k)))
        assert 0 < len(q) <= len(k)
        k, v = (x.repeat_interleave(q.shape[1] // k.shape[1], 1) for x in (k, v))
        scores = torch.einsum("qhd,khd->hqk", q, k) * (q.shape[-1] ** -0.5 if scale is None else scale)
        if window_size == (-1, 0):
            late = torch.arange(len(k)) > torch.arange(len(q))[:, None] + len(k) - len(q)
            scores = scores.masked_fill(late, -math.inf)
        out.append(torch.einsum("hqk,khd->qhd", scores.softmax(-1), v))
    return torch.cat(out)


@pytest.fixture
def varlen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows are read by variable-length calls, as on a GPU; the list gets the number of documents of each call."""
    calls: list[int] = []

    def counted(*args: Any, **named: Any) -> torch.Tensor:
        calls.append(len(args[3]) - 1)
        return varlen_by_meaning(*args, **named)

    monkeypatch.setattr(kernels, "choose", lambda *_: "varlen")
    monkeypatch.setattr(kernels, "_varlen", lambda: counted)
    return calls
