"""From many sources to what is kept of them: the streams meet, part again, and are as wide as their counts.

Source of the form: M. Schmidt, "The Sankey diagram in energy and material flow management", J. Ind. Ecol. 12 (2008).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from doctorglm.language import Text
from doctorglm.report import strings
from doctorglm.report.blocks import Chart, Table
from doctorglm.report.charts.canvas import Frame
from doctorglm.report.charts.pen import Drawing, Run, drawn
from doctorglm.report.numbers import number, share_of
from doctorglm.report.tokens import ColourName
from doctorglm.report.wording import Wording, shortened

NODE_WIDTH = 10
WIDE = 1000
"""Pixels; words stand at both sides, so that it needs the page's whole width."""
SMALLEST_STREAM = 1.0
"""Pixels; thinner ones would not be seen."""
_STREAM_OPACITY = (0.25, 0.4)
"""Of colours, and of grey, which by night would drown."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """So many records of one kind; `kept` says how many of a source's stayed, where that is known."""

    label: Wording
    count: int
    kept: int | None = None
    colour: ColourName = "accent"


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What was read from the sources, and went to the parts of the kept set or was left out for a reason."""

    sources: Sequence[Stream]
    kept: int
    parts: Sequence[Stream]
    reasons: Sequence[Stream]

    @property
    def read(self) -> int:
        """All records."""
        return self.kept + self.rejected

    @property
    def rejected(self) -> int:
        """Those that were left out."""
        return sum(reason.count for reason in self.reasons)

    @property
    def is_told_apart(self) -> bool:
        """Whether each source says how many of its records stayed."""
        return all(s.kept is not None for s in self.sources) and sum(s.kept or 0 for s in self.sources) == self.kept


def sankey(flow: Flow) -> Chart:
    """Sources, read, kept and rejected, parts and reasons, from left to right; small ones are gathered as others.

    Raises ValueError when the sources do not add up to what was read, or the parts to what was kept.
    """
    for streams, whole, what in ((flow.sources, flow.read, "read"), (flow.parts, flow.kept, "kept")):
        total = sum(stream.count for stream in streams)
        if streams and total != whole:
            raise ValueError(f"{total} records in parts, but {whole} {what}")
    if any(s.count < 0 or not 0 <= (s.kept or 0) <= s.count for s in (*flow.sources, *flow.parts, *flow.reasons)):
        raise ValueError("a stream of fewer than no records, or with more kept than read")
    return drawn(partial(_picture, flow=flow), table=_table(flow), reading=strings.STREAMS, width=WIDE)


@dataclass(kw_only=True)
class _Node:
    """A bar with its words: where it stands, how high it is, and the room that it takes with them."""

    stream: Stream
    lines: list[list[Run]]
    height: float
    slot: float
    y: float = 0

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


class _Layout:
    """The bars of four columns, and every label in a room of its own."""

    def __init__(self, frame: Frame, flow: Flow) -> None:
        self.frame = frame
        self.scale = (180 if frame.narrow else 260) / max(flow.read, 1)
        most = 8 if frame.narrow else 12
        self.sources = [self._node(s, s.count) for s in gathered(flow.sources, most, strings.OTHER_SOURCES)]
        self.parts = [self._node(s, flow.read) for s in flow.parts]
        self.reasons = [self._node(s, flow.read) for s in gathered(flow.reasons, most, strings.OTHER_REASONS)]
        read, kept, rejected = strings.READ, strings.KEPT, strings.REJECTED
        self.read = self._node(Stream(label=read, count=flow.read), flow.read, above=True)
        self.kept = self._node(Stream(label=kept, count=flow.kept), flow.read, above=True)
        self.rejected = self._node(Stream(label=rejected, count=flow.rejected, colour="base"), flow.read, above=True)
        self._place()
        self.left = self.width_of(self.sources) + 8 if self.sources else 0
        self.right = self.width_of([*self.parts, *self.reasons]) + 8
        columns = 3 if self.sources else 2
        self.pitch = max((frame.width - self.left - self.right - NODE_WIDTH) / columns, 24)
        first = self.left if self.sources else -self.pitch
        self.at = [first + column * self.pitch for column in range(4)]

    def _node(self, stream: Stream, whole: int, *, above: bool = False) -> _Node:
        frame, count = self.frame, number(stream.count, 0)
        name = shortened(frame.say(stream.label), 7.0 if frame.narrow else 19.0)
        share = share_of(stream.count, whole)
        known = stream.count == whole or frame.narrow
        shown = count if known else f"{count}（{share}）" if frame.language == "zh" else f"{count} ({share})"
        one_line: list[list[Run]] = [[(name, "ink"), (f" {shown}", "faint")]]
        two_lines: list[list[Run]] = [[(name, "ink")], [(shown, "faint")]]
        lines = two_lines if above or frame.narrow else one_line
        height = max(self.scale * stream.count, 1.5)
        return _Node(stream=stream, lines=lines, height=height, slot=max(height, len(lines) * frame.line_height + 2))

    @property
    def head(self) -> float:
        """The room above a bar for its words."""
        return 2 * self.frame.line_height + 8

    def _place(self) -> None:
        """The first of every column goes straight on, the others bend down."""
        below = self._column(self.parts, 0)
        self.kept.y = self.read.y = self.parts[0].y if self.parts else 0
        below = max(below, self.kept.y + self.kept.height)
        if self.reasons:
            self._column(self.reasons, below + self.head + 8)
            self.rejected.y = self.reasons[0].y
        self._column(self.sources, 0)

    def _column(self, nodes: Sequence[_Node], y: float) -> float:
        """Places the bars below one another and returns the y below the last."""
        gap = 6
        for node in nodes:
            node.y = y + (node.slot - node.height) / 2
            y += node.slot + gap
        return y - gap if nodes else y

    @property
    def named_above(self) -> list[_Node]:
        return [self.read, self.kept, *([self.rejected] if self.reasons else [])]

    @property
    def extent(self) -> tuple[float, float]:
        """The topmost and the lowest y of all bars and words."""
        slots = [*self.sources, *self.parts, *self.reasons]
        tops = [node.middle - node.slot / 2 for node in slots] + [node.y - self.head for node in self.named_above]
        tops.append(self.read.y - self.head - self.raised)
        ends = [node.middle + node.slot / 2 for node in slots] + [node.y + node.height for node in self.named_above]
        return min(tops), max(ends)

    @property
    def raised(self) -> float:
        """How much higher the first label stands where the next one leaves it no room, as on a phone."""
        return 0 if self.width_of([self.read]) + 8 <= self.pitch else 2 * self.frame.line_height

    def width_of(self, nodes: Sequence[_Node]) -> float:
        """Of the widest label."""
        lines = ("".join(words for words, _ in line) for node in nodes for line in node.lines)
        return max(map(self.frame.text_width, lines), default=0)


def _picture(frame: Frame, flow: Flow) -> str:
    layout, drawing = _Layout(frame, flow), Drawing(frame)
    at = layout.at
    _streams_in(drawing, layout, flow, at)
    _streams_out(drawing, layout, at)
    for node in layout.sources:
        _bar(drawing, node, at[0], told_apart=flow.is_told_apart)
        drawing.words(node.lines, at[0] - 8, node.middle, anchor="end")
    raised = {1: layout.raised}
    for node, column in zip(layout.named_above, (1, 2, 2), strict=False):
        _bar(drawing, node, at[column])
        drawing.words(node.lines, at[column], node.y - layout.head / 2 - 1 - raised.get(column, 0), bold=True)
    for node in (*layout.parts, *layout.reasons):
        _bar(drawing, node, at[3])
        drawing.words(node.lines, at[3] + NODE_WIDTH + 8, node.middle)
    top, bottom = layout.extent
    width = max(frame.width, at[3] + NODE_WIDTH + layout.right)
    return drawing.svg(width, bottom - top + 8, _described(frame, flow), top=4 - top)


def _bar(drawing: Drawing, node: _Node, x: float, *, told_apart: bool = False) -> None:
    hint = _hint(drawing.frame, node.stream)
    if told_apart and node.stream.count:
        kept = node.height * (node.stream.kept or 0) / node.stream.count
        drawing.rectangle(x, node.y, NODE_WIDTH, kept, "accent", hint=hint)
        drawing.rectangle(x, node.y + kept, NODE_WIDTH, node.height - kept, "base", hint=hint)
    else:
        drawing.rectangle(x, node.y, NODE_WIDTH, node.height, node.stream.colour, hint=hint)


def _streams_in(drawing: Drawing, layout: _Layout, flow: Flow, at: Sequence[float]) -> None:
    """From every source to what was read: what stays above, what is left out below, where that is known."""
    scale, upper = layout.scale, layout.read.y
    lower = upper + scale * flow.kept
    for node in layout.sources:
        hint = _hint(drawing.frame, node.stream)
        kept = (node.stream.kept or 0) if flow.is_told_apart else node.stream.count
        rest = node.stream.count - kept
        if kept:
            _ribbon(drawing, at[0], node.y, at[1], upper, scale * kept, "accent", hint)
        if rest:
            _ribbon(drawing, at[0], node.y + scale * kept, at[1], lower, scale * rest, "base", hint)
        upper, lower = upper + scale * kept, lower + scale * rest


def _streams_out(drawing: Drawing, layout: _Layout, at: Sequence[float]) -> None:
    leaves = layout.read.y
    for node in layout.named_above[1:]:
        _stream(drawing, layout, at[1], leaves, at[2], node)
        leaves += layout.scale * node.stream.count
    for whole, ends in ((layout.kept, layout.parts), (layout.rejected, layout.reasons)):
        leaves = whole.y
        for node in ends:
            _stream(drawing, layout, at[2], leaves, at[3], node)
            leaves += layout.scale * node.stream.count


def _stream(drawing: Drawing, layout: _Layout, x: float, y: float, end: float, node: _Node) -> None:
    thickness = layout.scale * node.stream.count
    if thickness:
        hint = _hint(drawing.frame, node.stream)
        _ribbon(drawing, x, y, end, node.y, thickness, node.stream.colour, hint)


def _ribbon(
    drawing: Drawing, x: float, y: float, end: float, end_y: float, thickness: float, paint: ColourName, hint: str
) -> None:
    """From the bar at x to the bar at `end`, of one width, along a smooth step."""
    x, thickness = x + NODE_WIDTH, max(thickness, SMALLEST_STREAM)
    half = (x + end) / 2
    below, end_below = y + thickness, end_y + thickness
    path = (
        f"M{x:.2f},{y:.2f}C{half:.2f},{y:.2f} {half:.2f},{end_y:.2f} {end:.2f},{end_y:.2f}"
        f"L{end:.2f},{end_below:.2f}C{half:.2f},{end_below:.2f} {half:.2f},{below:.2f} {x:.2f},{below:.2f}Z"
    )
    drawing.shape(path, paint, opacity=_STREAM_OPACITY[paint == "base"], hint=hint)


def gathered(streams: Sequence[Stream], most: int, others: Text) -> list[Stream]:
    """The largest first, at most `most`; the small ones as one, last, named by how many they are."""
    ordered = sorted(streams, key=lambda stream: -stream.count)
    if len(ordered) <= most:
        return ordered
    rest = ordered[most - 1 :]
    kept = None if any(s.kept is None for s in rest) else sum(s.kept or 0 for s in rest)
    one = Stream(
        label=strings.counted(others, len(rest)), count=sum(s.count for s in rest), kept=kept, colour=rest[0].colour
    )
    return [*ordered[: most - 1], one]


def _hint(frame: Frame, stream: Stream) -> str:
    colon = "：" if frame.language == "zh" else ": "
    return f"{frame.say(stream.label)}{colon}{number(stream.count, 0)}"


def _described(frame: Frame, flow: Flow) -> str:
    counts = [
        _hint(frame, Stream(label=label, count=count))
        for label, count in ((strings.READ, flow.read), (strings.KEPT, flow.kept), (strings.REJECTED, flow.rejected))
    ]
    return ("；" if frame.language == "zh" else "; ").join(counts + [_hint(frame, part) for part in flow.parts])


def _table(flow: Flow) -> Table:
    blank = "\u2003"
    rows: list[list[Wording]] = []

    def add(label: Wording, count: int, depth: int) -> None:
        indent = blank * depth
        named = indent + label if isinstance(label, str) else type(label)(en=indent + label.en, zh=indent + label.zh)
        rows.append([named, number(count, 0), share_of(count, flow.read)])

    add(strings.READ, flow.read, 0)
    for source in sorted(flow.sources, key=lambda s: -s.count):
        add(source.label, source.count, 1)
    add(strings.KEPT, flow.kept, 0)
    for part in flow.parts:
        add(part.label, part.count, 1)
    add(strings.REJECTED, flow.rejected, 0)
    for reason in sorted(flow.reasons, key=lambda s: -s.count):
        add(reason.label, reason.count, 1)
    return Table(columns=[strings.STAGE, strings.COUNT, strings.SHARE], rows=rows)
