"""The Sankey read back from its SVG: counts that add up, widths in proportion, words that lie upon nothing."""

import re
from itertools import combinations, pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.language import Text
from doctorglm.report.blocks import Chart
from doctorglm.report.charts import Flow, Stream, sankey
from doctorglm.report.tokens import COLOURS

GREEN, GREY = COLOURS["accent"].light, COLOURS["base"].light
SVG = "{http://www.w3.org/2000/svg}"
SIZES = {"wide": 14, "narrow": 12}
Box = tuple[float, float, float, float]


def small() -> Flow:
    return Flow(
        sources=[Stream(label="cmd", count=600, kept=480), Stream(label="丁香园", count=400, kept=320)],
        kept=800,
        parts=[Stream(label="train", count=700), Stream(label="test", count=100)],
        reasons=[Stream(label=Text(en="cut off", zh="截断"), count=150, colour="base"), Stream(label="loop", count=50)],
    )


def large() -> Flow:
    """30 sources and 20 reasons, from one record to hundreds of thousands, in both scripts."""
    sources = [
        Stream(label=f"{'很长的语料库名称' if i % 2 else 'a-corpus-with-a-long-name'}-{i}", count=2**i, kept=2**i // 2)
        for i in range(30)
    ]
    read, kept = sum(s.count for s in sources), sum(s.kept or 0 for s in sources)
    reasons = [Stream(label=f"reason {i} 原因", count=2**i, colour="base") for i in range(19)]
    reasons.append(Stream(label="the rest", count=read - kept - sum(r.count for r in reasons), colour="base"))
    parts = [Stream(label="训练", count=kept - 2), Stream(label="valid", count=1), Stream(label="test", count=1)]
    return Flow(sources=sources, kept=kept, parts=parts, reasons=reasons)


def drawings(chart: Chart) -> dict[tuple[str, str], ElementTree.Element]:
    """Each of the four, parsed; fails where one is not well formed."""
    found = {}
    for width in ("wide", "narrow"):
        for language in ("en", "zh"):
            found[width, language] = ElementTree.fromstring(getattr(getattr(chart, width), language))
    return found


def bars(svg: ElementTree.Element) -> list[Box]:
    """x, y, width and height of every bar."""
    return [tuple(float(bar.get(key, 0)) for key in ("x", "y", "width", "height")) for bar in svg.iter(f"{SVG}rect")]  # type: ignore[misc]


def streams(svg: ElementTree.Element) -> list[tuple[float, float, float, float, float, str]]:
    """Of every stream: left x and y, right x and y, how thick it is, and its colour."""
    found = []
    for path in svg.iter(f"{SVG}path"):
        numbers = [float(number) for number in re.findall(r"-?\d+\.\d+", path.get("d", ""))]
        assert len(numbers) == 16
        x, y, end, end_y, below = numbers[0], numbers[1], numbers[6], numbers[7], numbers[9]
        found.append((x, y, end, end_y, below - end_y, path.get("fill", "")))
    return found


def words(svg: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in svg.iter(f"{SVG}text")]


def boxes(svg: ElementTree.Element, size: int) -> list[tuple[str, Box]]:
    """Where each line of text lies, a Latin letter taken as half as wide as a Chinese one."""
    found = []
    for text in svg.iter(f"{SVG}text"):
        said = "".join(text.itertext())
        width = size * sum(1.0 if ord(c) > 0x2E7F else 0.5 for c in said)
        x, y = float(text.get("x", 0)), float(text.get("y", 0))
        left = x - width if text.get("text-anchor") == "end" else x
        found.append((said, (left, y - 0.86 * size, width, size)))
    return found


@pytest.mark.parametrize("make", [small, large])
def test_words_lie_neither_upon_one_another_nor_outside(make: object) -> None:
    for (width, _), svg in drawings(sankey(make())).items():  # type: ignore[operator]
        left, top, across, down = map(float, svg.get("viewBox", "").split())
        placed = boxes(svg, SIZES[width])
        assert len(placed) > 9
        for _, (x, y, w, h) in placed:
            assert x >= left - 1 and y >= top and x + w <= left + across + 1 and y + h <= top + down
        for (a, (x, y, w, h)), (b, (x2, y2, w2, h2)) in combinations(placed, 2):
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y, (a, b)


def test_counts_stand_there_with_separators_and_add_up() -> None:
    flow = Flow(
        sources=[Stream(label="a", count=1_234_567)],
        kept=1_000_000,
        parts=[Stream(label="train", count=1_000_000)],
        reasons=[Stream(label="cut off", count=234_567, colour="base")],
    )
    for (width, language), svg in drawings(sankey(flow)).items():
        said = words(svg)
        assert sum("1,234,567" in line for line in said) == 2 and sum("1,000,000" in line for line in said) == 2
        share = {"wide": {"en": "234,567 (19.0\u202f%)", "zh": "234,567（19.0\u202f%）"}, "narrow": {}}
        assert share[width].get(language, "234,567") in " ".join(said)


def test_widths_are_the_counts_and_fill_the_bars() -> None:
    svg = drawings(sankey(small()))["wide", "en"]
    found = streams(svg)
    xs = sorted({stream[0] for stream in found})
    assert len(xs) == 3
    into = [stream for stream in found if stream[0] == xs[0]]
    per_record = 260 / 1000
    assert sorted(round(stream[4] / per_record) for stream in into) == [80, 120, 320, 480]
    assert {round(s[4] / per_record) for s in into if s[5] == GREEN} == {320, 480}
    assert {round(s[4] / per_record) for s in into if s[5] == GREY} == {80, 120}
    # what comes in at `read` leaves no gap and no overlap, green above grey
    edges = sorted((s[3], s[3] + s[4], s[5]) for s in into)
    for above, below in pairwise(edges):
        assert above[1] == pytest.approx(below[0], abs=0.02)
    assert [colour for _, _, colour in edges] == [GREEN, GREEN, GREY, GREY]
    out = [stream for stream in found if stream[0] == xs[1]]
    assert [round(s[4] / per_record) for s in out] == [800, 200]
    ends = [stream for stream in found if stream[0] == xs[2]]
    assert [round(s[4] / per_record) for s in ends] == [700, 100, 150, 50]


def test_bars_of_a_column_stand_apart_and_tiny_ones_are_seen() -> None:
    for svg in drawings(sankey(large())).values():
        assert min(thickness for *_, thickness, _ in streams(svg)) >= 0.99
        of: dict[float, list[tuple[float, float]]] = {}
        for x, y, _, height in bars(svg):
            of.setdefault(x, []).append((y, y + height))
        assert len(of) == 4
        for column in of.values():
            column.sort()
            assert all(a[1] <= b[0] + 0.02 for a, b in pairwise(column))


def test_small_ones_are_gathered_and_all_stand_in_the_table() -> None:
    chart = sankey(large())
    said = words(drawings(chart)["wide", "en"])
    assert any(line.startswith("19 other sources 524,287") for line in said)
    assert any("其他 19 个来源" in line for line in words(drawings(chart)["wide", "zh"]))
    rows = [[str(cell).strip() for cell in row] for row in chart.table.rows]
    assert len(rows) == 3 + 30 + 3 + 20
    numbers = {row[0]: int(row[1].replace(",", "")) for row in rows}
    assert sum(n for name, n in numbers.items() if "corpus" in name or "语料" in name) == numbers["Read"] == 2**30 - 1
    assert numbers["Kept"] + numbers["Rejected"] == numbers["Read"]


@given(
    st.lists(st.tuples(st.integers(0, 10**7), st.integers(0, 10**7)), min_size=1, max_size=30),
    st.integers(0, 20),
)
@settings(max_examples=25, deadline=None)
def test_any_flow_is_drawn(counts: list[tuple[int, int]], most: int) -> None:
    sources = [Stream(label=f"来源 {i}", count=a + b, kept=a) for i, (a, b) in enumerate(counts)]
    kept, rejected = sum(a for a, _ in counts), sum(b for _, b in counts)
    each = [rejected // most] * most if most else []
    reasons = [Stream(label=f"r{i}", count=n, colour="base") for i, n in enumerate(each)]
    rest = rejected - sum(each)
    if rest:
        reasons.append(Stream(label="rest", count=rest, colour="base"))
    for (width, _), svg in drawings(sankey(Flow(sources=sources, kept=kept, parts=[], reasons=reasons))).items():
        assert "nan" not in ElementTree.tostring(svg, encoding="unicode")
        for (a, (x, y, w, h)), (b, (x2, y2, w2, h2)) in combinations(boxes(svg, SIZES[width]), 2):
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y, (a, b)


def test_nothing_rejected_and_no_sources() -> None:
    flow = Flow(sources=[], kept=5, parts=[Stream(label="train", count=5)], reasons=[])
    said = words(drawings(sankey(flow))["wide", "en"])
    assert said == ["Read", "5", "Kept", "5", "train 5"]


def test_sources_that_do_not_say_what_stayed_are_of_one_colour() -> None:
    flow = Flow(sources=[Stream(label="a", count=10)], kept=6, parts=[], reasons=[Stream(label="r", count=4)])
    svg = drawings(sankey(flow))["wide", "en"]
    first = min(stream[0] for stream in streams(svg))
    assert [stream[5] for stream in streams(svg) if stream[0] == first] == [GREEN]


def test_a_hostile_name_is_text() -> None:
    evil = '"><script>alert(1)</script>&\x00\u202e'
    flow = Flow(sources=[Stream(label=evil, count=1)], kept=0, parts=[], reasons=[Stream(label=evil, count=1)])
    for svg in drawings(sankey(flow)).values():
        assert not list(svg.iter(f"{SVG}script")) and not list(svg.iter("script"))
        titles = [title.text or "" for title in svg.iter(f"{SVG}title")]
        assert any('"><script>alert(1)</script>&\ufffd\ufffd' in title for title in titles)


def test_it_says_itself_in_words() -> None:
    said = drawings(sankey(small()))["wide", "zh"].find(f"{SVG}desc")
    assert said is not None and said.text == "读入：1,000；保留：800；剔除：200；train：700；test：100"


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        (Flow(sources=[Stream(label="a", count=9)], kept=10, parts=[], reasons=[]), "9 records in parts, but 10 read"),
        (Flow(sources=[], kept=10, parts=[Stream(label="a", count=9)], reasons=[]), "9 records in parts, but 10 kept"),
        (Flow(sources=[Stream(label="a", count=1, kept=2)], kept=1, parts=[], reasons=[]), "more kept than read"),
        (Flow(sources=[], kept=1, parts=[], reasons=[Stream(label="a", count=-1)]), "fewer than no records"),
    ],
)
def test_what_does_not_add_up_is_refused(flow: Flow, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sankey(flow)
