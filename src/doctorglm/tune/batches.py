"""Samples to batches, in an order that the seed and the epoch fix: packed into one row, or padded to one length.

A packed batch has no padding, and no document in it sees another (`doctorglm.models.documents`). Padded batches are
made of samples of nearly equal length, for models that cannot read packed ones.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from doctorglm.models.documents import Documents
from doctorglm.models.kernels import sent
from doctorglm.render import IGNORED, Sample


@dataclass(frozen=True)
class Batch:
    """Tensors of one forward pass; B rows, S the longest of them, T supervised tokens in all. Packed, B is 1."""

    input_ids: torch.Tensor
    """(B, S) int64, padded on the right, or packed."""
    attention_mask: torch.Tensor
    """(B, S) int64: 1 a token, 0 padding."""
    places: torch.Tensor
    """(T,) int64: where in the flattened (B*S) positions the next token is supervised."""
    targets: torch.Tensor
    """(T,) int64: that next token."""
    rows: torch.Tensor
    """(T,) int64: the sample of each supervised token."""
    record_ids: tuple[str, ...]
    documents: Documents | None = None
    """Where the samples of a packed batch lie; None when it is padded."""

    def to(self, device: torch.device) -> "Batch":
        """The same batch on `device`; nothing waits for what a GPU is still doing."""
        held: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        moved: dict[str, Any] = {name: sent(t, device) for name, t in held.items() if isinstance(t, torch.Tensor)}
        return replace(self, **moved)

    def unsupervised(self) -> "Batch":
        """The same batch, read for nothing: no token of it is learned."""
        return replace(self, places=self.places[:0], targets=self.targets[:0], rows=self.rows[:0])


def order(
    samples: Sequence[Sample], batch_tokens: int, seed: int, epoch: int, *, packing: bool = False
) -> list[list[int]]:
    """Indices of every sample exactly once, in batches of at most `batch_tokens`.

    With `packing` these are all tokens, taken as the shuffle gives them. Without, they are rows times the longest row:
    samples are shuffled, sorted by length within pools of about 32 batches, and the batches shuffled again. A sample
    longer than `batch_tokens` is a batch of its own.
    """
    shuffler = random.Random(f"{seed}/{epoch}")
    indices = list(range(len(samples)))
    shuffler.shuffle(indices)
    if packing:
        return _fill_packed(samples, indices, batch_tokens)
    mean = sum(len(s.input_ids) for s in samples) / max(1, len(samples))
    pool = max(1, round(32 * batch_tokens / max(1.0, mean)))
    batches: list[list[int]] = []
    for start in range(0, len(indices), pool):
        batches += _fill(
            samples, sorted(indices[start : start + pool], key=lambda i: -len(samples[i].input_ids)), batch_tokens
        )
    shuffler.shuffle(batches)
    return batches


def _fill_packed(samples: Sequence[Sample], indices: list[int], batch_tokens: int) -> list[list[int]]:
    """Cuts indices, in their order, into batches."""
    batches: list[list[int]] = []
    room = 0
    for i in indices:
        length = len(samples[i].input_ids)
        if length > room:
            batches.append([])
            room = batch_tokens
        batches[-1].append(i)
        room -= length
    return batches


def _fill(samples: Sequence[Sample], indices: list[int], batch_tokens: int) -> list[list[int]]:
    """Cuts indices, longest first, into batches."""
    batches: list[list[int]] = []
    for i in indices:
        longest = len(samples[batches[-1][0]].input_ids) if batches else 0
        if batches and longest * (len(batches[-1]) + 1) <= batch_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def in_rows(samples: Sequence[Sample], most_tokens: int) -> list[list[Sample]]:
    """Samples in as few rows of nearly equal length as hold at most `most_tokens` each, but one sample at least."""
    total = sum(len(s.input_ids) for s in samples)
    share = total / math.ceil(total / most_tokens)
    rows: list[list[Sample]] = []
    used = 0
    for sample in samples:
        if used >= share * len(rows):
            rows.append([])
        rows[-1].append(sample)
        used += len(sample.input_ids)
    return rows


def collate(samples: Sequence[Sample], pad_token_id: int) -> Batch:
    """The tensors of one padded batch."""
    longest = max(len(s.input_ids) for s in samples)
    ids = torch.tensor([s.input_ids + [pad_token_id] * (longest - len(s.input_ids)) for s in samples])
    labels = torch.tensor([s.labels + [IGNORED] * (longest - len(s.labels)) for s in samples])
    lengths = torch.tensor([len(s.input_ids) for s in samples])
    next_label = torch.cat([labels[:, 1:], labels.new_full((len(samples), 1), IGNORED)], dim=1).flatten()
    places = (next_label != IGNORED).nonzero().flatten()
    return Batch(
        input_ids=ids,
        attention_mask=(torch.arange(longest) < lengths[:, None]).long(),
        places=places,
        targets=next_label[places],
        rows=places // longest,
        record_ids=tuple(s.record_id for s in samples),
    )


def pack(samples: Sequence[Sample]) -> Batch:
    """The tensors of one packed batch; the last token of a sample predicts nothing, whatever follows it."""
    ids = torch.tensor([[i for s in samples for i in s.input_ids]])
    documents = Documents.of_lengths([len(s.input_ids) for s in samples], ids[0])
    next_label = torch.tensor([label for s in samples for label in (*s.labels[1:], IGNORED)])
    places = (next_label != IGNORED).nonzero().flatten()
    ends = torch.tensor([end for _, end in documents.bounds])
    return Batch(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        places=places,
        targets=next_label[places],
        rows=torch.searchsorted(ends, places, right=True),
        record_ids=tuple(s.record_id for s in samples),
        documents=documents,
    )
