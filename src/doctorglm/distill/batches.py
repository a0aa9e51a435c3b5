"""Batches of sentences of like lengths, filled up to a number of tokens."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from doctorglm.distill.samples import Sample

_POOL = 64
"""Batches' worth of sentences that are sorted by length together; the order among pools stays random."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`source` and its `mask` (B, S); `target` (B, T), -100 in padding, and `given`, the same shifted right."""

    source: torch.Tensor
    mask: torch.Tensor
    given: torch.Tensor
    target: torch.Tensor


def epoch(samples: Sequence[Sample], batch_tokens: int, tag_share: float, seed: int) -> list[list[tuple[int, bool]]]:
    """Batches of (index, whether with tags) in the order of an epoch, which the seed fixes; every sample once."""
    chance = random.Random(seed)
    chosen = [(i, one.tagged is not None and chance.random() < tag_share) for i, one in enumerate(samples)]
    chance.shuffle(chosen)
    pool = max(1, _POOL * batch_tokens // _mean(samples))
    batches = [
        batch
        for start in range(0, len(chosen), pool)
        for batch in _filled(samples, sorted(chosen[start : start + pool], key=lambda one: _lengths(samples, one)),
                             batch_tokens)
    ]  # fmt: skip
    chance.shuffle(batches)
    return batches


def collate(samples: Sequence[Sample], chosen: Sequence[tuple[int, bool]], pad: int) -> Batch:
    """The tensors of a batch; decoding begins with the padding's token."""
    sources = [_source(samples[i], with_tags) for i, with_tags in chosen]
    targets = [samples[i].target for i, _ in chosen]
    source, target = _padded(sources, pad), _padded(targets, -100)
    given = torch.full_like(target, pad)
    given[:, 1:] = target[:, :-1]
    return Batch(source, (source != pad).long(), given.masked_fill(given == -100, pad), target)


def _filled(
    samples: Sequence[Sample], chosen: Sequence[tuple[int, bool]], batch_tokens: int
) -> list[list[tuple[int, bool]]]:
    batches, batch, widest = list[list[tuple[int, bool]]](), list[tuple[int, bool]](), (0, 0)
    for one in chosen:
        target, source = _lengths(samples, one)
        wider = (max(widest[0], target), max(widest[1], source))
        if batch and (len(batch) + 1) * sum(wider) > batch_tokens:
            batches.append(batch)
            batch, wider = [], (target, source)
        batch.append(one)
        widest = wider
    return [*batches, batch] if batch else batches


def _lengths(samples: Sequence[Sample], one: tuple[int, bool]) -> tuple[int, int]:
    return len(samples[one[0]].target), len(_source(samples[one[0]], one[1]))


def _source(sample: Sample, with_tags: bool) -> tuple[int, ...]:
    return sample.tagged if with_tags and sample.tagged is not None else sample.source


def _mean(samples: Sequence[Sample]) -> int:
    return max(1, sum(len(one.source) + len(one.target) for one in samples) // max(1, len(samples)))


def _padded(rows: Sequence[Sequence[int]], pad: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=pad)
