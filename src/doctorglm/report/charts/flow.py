"""A flow that branches: how many records were read, and where each of them went (a Sankey diagram)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import altair as alt

from doctorglm.report import strings
from doctorglm.report.blocks import Chart, Table
from doctorglm.report.charts.canvas import Frame, Plot, colour, data, draw, text
from doctorglm.report.numbers import number, share_of
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording, wrapped

NODE_WIDTH = 10
NARROW_LABEL_EM = 9.0
_BENDS = 16


@dataclass(frozen=True, kw_only=True)
class Branch:
    """So many records at one place, and the places that they went on to; an end has no `parts`."""

    label: Wording
    count: int
    parts: Sequence["Branch"] = ()
    colour: ColourName = "accent"

    @property
    def depth(self) -> int:
        """How many places follow one another, this one included."""
        return 1 + max((part.depth for part in self.parts), default=0)


def flow(root: Branch) -> Chart:
    """The tree from left to right; raises ValueError when the parts of a branch do not add up to it."""
    _check(root)
    return draw(partial(_plot, root=root), table=_table(root), reading=strings.WIDTHS)


def _check(branch: Branch) -> None:
    total = sum(part.count for part in branch.parts)
    if branch.count < 0 or (branch.parts and total != branch.count):
        raise ValueError(f"{branch.label}: {branch.count} records, but its parts hold {total}")
    for part in branch.parts:
        _check(part)


@dataclass(frozen=True, kw_only=True)
class _Node:
    """A branch with its place in the picture, in pixels; `stream_y` is where its stream leaves its parent."""

    branch: Branch
    label: str
    column: int
    y: float
    height: float
    parent: "_Node | None" = None
    stream_y: float = 0


class _Layout:
    """Places a tree: a first part goes straight on, the others bend down; ends keep room for their label."""

    def __init__(self, frame: Frame, root: Branch) -> None:
        self.frame, self.whole = frame, root.count
        self.scale = (150 if frame.narrow else 200) / max(root.count, 1)
        self.nodes: list[_Node] = []
        self.height = self._place(root, column=0, y=0)

    def _place(self, branch: Branch, column: int, y: float, parent: _Node | None = None, stream_y: float = 0) -> float:
        """Adds the branch and what follows it; returns the y below all of it."""
        height = max(self.scale * branch.count, 1.5)
        label = _label(self.frame, branch, self.whole)
        slot = height if branch.parts else max(height, self.lines(label) * self.frame.line_height)
        node = _Node(
            branch=branch,
            label=label,
            column=column,
            y=y + (slot - height) / 2,
            height=height,
            parent=parent,
            stream_y=stream_y,
        )
        self.nodes.append(node)
        below, leaves_at = y, node.y
        for index, part in enumerate(branch.parts):
            if index:
                below += self._gap(part)
            below = self._place(part, column + 1, below, node, leaves_at)
            leaves_at += self.scale * part.count
        return max(below, y + slot)

    def _gap(self, branch: Branch) -> float:
        head = self.lines(_label(self.frame, branch, self.whole)) * self.frame.line_height + 6
        return 14 + (head if branch.parts else 0)

    @staticmethod
    def lines(label: str) -> int:
        return label.count("\n") + 1


def _plot(frame: Frame, root: Branch) -> Plot:
    layout = _Layout(frame, root)
    ends = [node.label for node in layout.nodes if node.column == root.depth - 1]
    right = max(map(frame.text_width, ends)) + 12
    top = (
        max(layout.lines(node.label) for node in layout.nodes if node.branch.parts or not node.column)
        * frame.line_height
        + 10
    )
    width = frame.width - right
    pitch = (width - NODE_WIDTH) / max(root.depth - 1, 1)
    layers = [_stream(node, pitch) for node in layout.nodes if node.parent]
    for node in layout.nodes:
        layers.append(_bar(node, pitch))
        layers.append(_words(frame, layout, node, pitch))
    return Plot(layers=layers, width=width, height=layout.height, right=right, top=top, bottom=4)


def _label(frame: Frame, branch: Branch, whole: int) -> str:
    name, count = frame.say(branch.label), number(branch.count, 0)
    if frame.narrow:
        return f"{wrapped(name, NARROW_LABEL_EM)}\n{count}"
    if branch.count == whole:
        return f"{name} {count}"
    share = share_of(branch.count, whole)
    return f"{name} {count}（{share}）" if frame.language == "zh" else f"{name} {count} ({share})"


def _words(frame: Frame, layout: _Layout, node: _Node, pitch: float) -> Any:
    """An end is named at its right, any other place above its bar, where no stream runs."""
    x, below_first = node.column * pitch, (layout.lines(node.label) - 1) * frame.line_height
    if node.branch.parts:
        y = node.y - 8 - below_first
        return text(frame, node.label, x, y, baseline="alphabetic", bold=True)
    y = node.y + node.height / 2 - below_first / 2
    return text(frame, node.label, x + NODE_WIDTH + 8, y)


def _bar(node: _Node, pitch: float) -> Any:
    x = node.column * pitch
    bar = alt.Chart(data([{}])).mark_rect(color=colour(node.branch.colour), cornerRadius=1.5)
    return bar.encode(
        x=alt.XValue(x), x2=alt.X2Value(x + NODE_WIDTH), y=alt.YValue(node.y), y2=alt.Y2Value(node.y + node.height)
    )


def _stream(node: _Node, pitch: float) -> Any:
    """The ribbon from its parent's bar to its own, of one width, along a smooth step."""
    assert node.parent is not None
    start, end = node.parent.column * pitch + NODE_WIDTH, node.column * pitch
    rows = []
    for index in range(_BENDS + 1):
        share = index / _BENDS
        y = node.stream_y + (node.y - node.stream_y) * share * share * (3 - 2 * share)
        rows.append({"x": start + (end - start) * share, "y": y, "y2": y + node.height})
    ribbon = alt.Chart(data(rows)).mark_area(color=colour(node.branch.colour), opacity=0.25, interpolate="monotone")
    return ribbon.encode(x=alt.X("x:Q", scale=None, axis=None), y=alt.Y("y:Q", scale=None, axis=None), y2="y2:Q")


def _walk(branch: Branch, depth: int = 0) -> Iterator[tuple[int, Branch]]:
    yield depth, branch
    for part in branch.parts:
        yield from _walk(part, depth + 1)


def _table(root: Branch) -> Table:
    rows = [
        [_indented(branch.label, depth), number(branch.count, 0), share_of(branch.count, root.count)]
        for depth, branch in _walk(root)
    ]
    return Table(columns=[strings.STAGE, strings.COUNT, strings.SHARE], rows=rows)


def _indented(label: Wording, depth: int) -> Wording:
    blank = "\u2003" * depth
    if isinstance(label, str):
        return blank + label
    return type(label)(en=blank + label.en, zh=blank + label.zh)
