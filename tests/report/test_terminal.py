"""The terminal's table: columns where the eye expects them, in plain text."""

import io
import unicodedata

import pytest

from doctorglm import language
from doctorglm.language import Text
from doctorglm.report.blocks import Table
from doctorglm.report.terminal import show

TABLE = Table(
    title=Text(en="Comparison", zh="比较"),
    columns=[Text(en="Measure", zh="指标"), Text(en="Base", zh="基座"), Text(en="Tuned", zh="微调")],
    rows=[
        [Text(en="Perplexity", zh="困惑度"), "20.51", "3.59"],
        [Text(en="Ends by itself", zh="自行结束"), "61.1\u202f%", "100.0\u202f%"],
        ["[red]x[/red]\x1b[31m", "–", "−1"],
    ],
)


def printed(table: Table = TABLE) -> str:
    out = io.StringIO()
    show(table, out)
    return out.getvalue()


def columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


@pytest.mark.parametrize("chosen", ["zh", "en"])
def test_numbers_end_in_one_column(chosen: language.Language) -> None:
    language.choose(chosen)
    lines = [line.rstrip() for line in printed().splitlines() if line.strip()]
    rows = [line for line in lines if any(end in line for end in ("3.59", "100.0", "−1"))]
    assert len(rows) == 3
    assert len({columns(row) for row in rows}) == 1
    heading = next(line for line in lines if ("微调" if chosen == "zh" else "Tuned") in line)
    assert columns(heading) == columns(rows[0])


def test_speaks_the_language_in_force() -> None:
    assert "Perplexity" in printed() and "困惑度" not in printed()
    language.choose("zh")
    assert "困惑度" in printed() and "Perplexity" not in printed()


def test_nothing_steers_the_terminal() -> None:
    assert "\x1b" not in printed()
    assert "[red]x[/red]\ufffd[31m" in printed()


def test_a_long_value_is_shown_whole() -> None:
    path = "/data/" + "x" * 200
    table = Table(columns=["key", "value"], rows=[["data", path]])
    assert "".join(printed(table).split()).endswith("x" * 100)
    assert "…" not in printed(table)
