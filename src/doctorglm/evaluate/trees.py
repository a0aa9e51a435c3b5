"""Token sequences that begin alike, laid out so that what they share is computed once.

The sequences of one row are a tree: each token of it stands there once and looks at its own ancestors alone. A group of
rows has a prefix in common, whose keys and values are computed before them.
Shapes: S columns of a row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Sharing = Literal["prefixes", "contexts", "nothing"]
"""What may be computed once: whatever comes first in several sequences; whole contexts; or nothing."""
_Ids: TypeAlias = NDArray[np.uint32]

_JOIN = 8
"""From so many shared tokens on two contexts stand in one row: fewer are not worth a longer row."""
_ROW = 512
"""Columns that joining may fill: attention pays for every pair of them."""


@dataclass(frozen=True, slots=True)
class Request:
    """Token ids: how likely is `continuation` right after `context`?"""

    context: tuple[int, ...]
    continuation: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and the columns of its row whose next token its continuation says, one after the other."""

    index: int
    columns: list[int]
    targets: tuple[int, ...]


@dataclass(slots=True)
class Row:
    """A tree of tokens, parents before children."""

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    """The column of the token before; -1 where it is the first one, or the first after the prefix."""
    places: list[int] = field(default_factory=list)
    """Where the token stands in its sequence, the prefix counted."""
    asked: list[Asked] = field(default_factory=list)

    @property
    def linear(self) -> bool:
        """Whether this is one sequence, without branches."""
        return self.parents == list(range(-1, len(self.parents) - 1))

    def sees(self, both_sides: int = 0) -> NDArray[np.bool_]:
        """(S, S): which columns a column looks at; the first `both_sides` look at one another in both directions."""
        sees = np.eye(len(self.tokens), dtype=np.bool_)
        sees[:both_sides, :both_sides] = True
        for column, parent in enumerate(self.parents):
            if parent >= 0:
                sees[column] |= sees[parent]
        return sees


@dataclass(frozen=True, slots=True)
class Group:
    """Rows after one prefix, which may be empty."""

    prefix: tuple[int, ...]
    rows: list[Row]


def plan(requests: Sequence[Request], sharing: Sharing, forward_tokens: int) -> list[Group]:
    """Rows in which every request stands once, in groups.

    A prefix is computed apart where that saves more than `forward_tokens`, which is what another call of the model
    costs, in tokens. Contexts and continuations hold a token at least.
    """
    contexts = [_ids(r.context) for r in requests]
    # big-endian bytes are in the order of the numbers
    order = sorted(
        range(len(requests)), key=lambda i: (contexts[i].tobytes(), _ids(requests[i].continuation).tobytes())
    )
    runs: list[list[int]] = []
    for i in order:
        if not runs or requests[i].context != requests[runs[-1][0]].context:
            runs.append([])
        runs[-1].append(i)
    parts = [(0, len(runs), 0)] if runs else []
    if sharing == "prefixes":
        first = [contexts[run[0]] for run in runs]
        # the last token of a context stays out of the prefix: its column says what comes next
        shared = [min(_common(a, b), len(a) - 1, len(b) - 1) for a, b in pairwise(first)]
        parts = _parts(len(runs), shared, forward_tokens)
    return [
        Group(
            requests[runs[start][0]].context[:length],
            _rows(requests, [i for run in runs[start:end] for i in run], sharing, length),
        )
        for start, end, length in parts
    ]


def _ids(tokens: Sequence[int]) -> _Ids:
    return np.array(tokens, dtype=">u4")


def _common(a: _Ids, b: _Ids) -> int:
    """Length of the longest common prefix."""
    shorter = min(len(a), len(b))
    differs = np.flatnonzero(a[:shorter] != b[:shorter])
    return int(differs[0]) if len(differs) else shorter


@dataclass(slots=True)
class _Interval:
    """A run of sorted contexts that share `length` tokens, and the best that can be made of it."""

    length: int
    start: int
    end: int
    saved: int = 0
    parts: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, child: "_Interval") -> None:
        self.end = child.end
        self.saved += child.saved
        self.parts += child.parts

    def closed(self, forward_tokens: int) -> "_Interval":
        """Shared as a whole where that saves more than its parts do."""
        whole = (self.end - self.start - 1) * self.length - forward_tokens
        if whole > self.saved:
            self.saved, self.parts = whole, [(self.start, self.end, self.length)]
        return self


def _parts(count: int, shared: Sequence[int], forward_tokens: int) -> list[tuple[int, int, int]]:
    """(start, end, shared length) of runs that fill 0..count and save most; `shared[i]` is of i and i + 1.

    The tree of the intervals that share more than their surroundings, from the bottom up with a stack.
    Source: Abouelhoda, Kurtz, Ohlebusch 2004, "Replacing suffix trees with enhanced suffix arrays".
    """
    whole = _Interval(0, 0, 0)
    around = [whole]
    for i in range(count):
        node = _Interval(0, i, i + 1, parts=[(i, i + 1, 0)])
        with_next = shared[i] if i + 1 < count else 0
        while around[-1].length > with_next:
            around[-1].add(node)
            node = around.pop().closed(forward_tokens)
        if around[-1].length < with_next:
            around.append(_Interval(with_next, node.start, node.end))
        around[-1].add(node)
    return _without_prefix_together(whole.parts)


def _without_prefix_together(parts: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Neighbours that share nothing apart are one part."""
    joined: list[tuple[int, int, int]] = []
    for start, end, length in parts:
        if joined and not length and not joined[-1][2]:
            joined[-1] = (joined[-1][0], end, 0)
        else:
            joined.append((start, end, length))
    return joined


def _rows(requests: Sequence[Request], order: Sequence[int], sharing: Sharing, prefix: int) -> list[Row]:
    """The rows of requests in sorted order, without their first `prefix` tokens."""
    return list(_growing(requests, order, sharing, prefix))


def _growing(requests: Sequence[Request], order: Sequence[int], sharing: Sharing, prefix: int) -> Iterator[Row]:
    row, path, before, context = Row(), list[int](), _ids(()), tuple[int, ...]()
    for i in order:
        request = requests[i]
        sequence = _ids((*request.context, *request.continuation[:-1])[prefix:])
        shared = _common(before, sequence)
        size = len(row.tokens) + len(sequence) - shared
        joins = {
            "prefixes": shared >= _JOIN or request.context == context,
            "contexts": request.context == context,
            "nothing": shared == len(before),
        }[sharing]
        if row.tokens and not (joins and size <= max(_ROW, 2 * (len(request.context) - prefix))):
            yield row
            row, path, shared = Row(), [], 0
        path = _add(row, path[:shared], sequence[shared:].tolist(), prefix)
        row.asked.append(Asked(i, path[len(request.context) - 1 - prefix :], request.continuation))
        before, context = sequence, request.context
    if row.tokens:
        yield row


def _add(row: Row, path: list[int], tokens: Sequence[int], prefix: int) -> list[int]:
    """Puts tokens after the last column of `path`; returns all columns from the first token to the last."""
    path = list(path)
    for token in tokens:
        row.parents.append(path[-1] if path else -1)
        row.places.append(prefix + len(path))
        path.append(len(row.tokens))
        row.tokens.append(token)
    return path
