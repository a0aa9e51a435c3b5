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
    rows: list[Row] = []
    for batch in batches:
        lengths = [tokens.lengths[i] for i in batch]
        supervised = sum(tokens.supervised[i] for i in batch)
        squares = sum(n * n for n in lengths)
        if not settings.packing:
            rows.append(_row(max(lengths) * len(lengths), max(lengths) ** 2 * len(lengths), supervised, 1))
            continue
        total = sum(lengths)
        # as `tune` does: as few rows of nearly one length as hold ROW_TOKENS each
        rows.append(_row(total, squares, supervised, math.ceil(total / ROW_TOKENS) if on_cpu else 1))
    tallest = max(rows, key=lambda row: row.tokens)
    return Row(
        tokens=max(tallest.tokens, max(tokens.lengths)),
        squares=max(row.squares for row in rows),
        supervised=max(row.supervised for row in rows),
    )


def _row(tokens: int, squares: float, supervised: int, parts: int) -> Row:
    """One of `parts` equal rows."""
    return Row(tokens=math.ceil(tokens / parts), squares=squares / parts, supervised=math.ceil(supervised / parts))
