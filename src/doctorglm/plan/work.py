"""What a run does in all: steps, rows, tokens, and of each row what attention and the head are given.

Shapes: S tokens of a sample, T of a row.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from doctorglm.plan.settings import PlanSettings
from doctorglm.plan.tokens import Tokens

ROW_TOKENS = 2048
"""Tokens of a packed row on a CPU, as `tune` cuts them."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """The largest row: what has to fit at once."""

    tokens: int
    """With padding, where rows are padded."""
    squares: float
    """The sum of S x S over its samples."""
    supervised: int
    others: bool = False
    """Whether its step has other rows too, whose gradients are there when it begins."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """Of the whole run, validations apart."""

    steps: int
    tokens: float
    """That are trained on, over all epochs, without padding."""
    computed: float
    """The same with padding."""
    supervised: float
    squares: float
    """The sum of S x S over all samples and epochs."""
    largest: Row


def work_of(tokens: Tokens, settings: PlanSettings, *, on_cpu: bool) -> Work:
    """The work of training on these samples; the order is that of the file, which a shuffle changes little."""
    batches = _packed(tokens, settings) if settings.packing else _padded(tokens, settings)
    # a sample of the data stands for all of it
    in_epoch = math.ceil(len(batches) * tokens.scale) if tokens.scale > 1 else len(batches)
    whole = settings.epochs * math.ceil(in_epoch / settings.accumulation)
    steps = min(settings.max_steps, whole) if settings.max_steps else whole
    share = settings.epochs * tokens.scale * steps / whole
    sizes = [[tokens.lengths[i] for i in batch] for batch in batches]
    computed = sum(sum(s) if settings.packing else max(s) * len(s) for s in sizes)
    return Work(
        steps=steps,
        tokens=share * sum(tokens.lengths),
        computed=share * computed,
        supervised=share * sum(tokens.supervised),
        squares=share * sum(n * n for n in tokens.lengths),
        largest=_largest(tokens, batches, settings, on_cpu=on_cpu),
    )


def _packed(tokens: Tokens, settings: PlanSettings) -> list[list[int]]:
    batches: list[list[int]] = []
    room = 0
    for i, length in enumerate(tokens.lengths):
        if length > room:
            batches.append([])
            room = settings.batch_tokens
        batches[-1].append(i)
        room -= length
    return batches


def _padded(tokens: Tokens, settings: PlanSettings) -> list[list[int]]:
    batches: list[list[int]] = []
    for i in sorted(range(len(tokens.lengths)), key=lambda i: -tokens.lengths[i]):
        longest = tokens.lengths[batches[-1][0]] if batches else 0
        if batches and longest * (len(batches[-1]) + 1) <= settings.batch_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def _largest(tokens: Tokens, batches: Sequence[Sequence[int]], settings: PlanSettings, *, on_cpu: bool) -> Row:
    """The row that needs most memory, among all rows of an epoch."""
    rows = [row for batch in batches for row in (_rows(tokens, batch, on_cpu) if settings.packing else [batch])]
    others = settings.accumulation > 1 or len(rows) > len(batches)
    largest = Row(tokens=0, squares=0.0, supervised=0, others=others)
    for row in rows:
        lengths = [tokens.lengths[i] for i in row]
        padded = [max(lengths)] * len(lengths) if not settings.packing else lengths
        largest = Row(
            tokens=max(largest.tokens, sum(padded)),
            squares=max(largest.squares, sum(n * n for n in padded)),
            supervised=max(largest.supervised, sum(tokens.supervised[i] for i in row)),
            others=others,
        )
    return largest


def _rows(tokens: Tokens, batch: Sequence[int], on_cpu: bool) -> list[list[int]]:
    """The rows of a packed batch, as `tune` cuts them: of nearly one length, on a CPU of ROW_TOKENS about."""
    total = sum(tokens.lengths[i] for i in batch)
    share = total / (math.ceil(total / ROW_TOKENS) if on_cpu else 1)
    rows: list[list[int]] = []
    used = 0
    for i in batch:
        if used >= share * len(rows):
            rows.append([])
        rows[-1].append(i)
        used += tokens.lengths[i]
    return rows
