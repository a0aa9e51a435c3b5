"""Tables of text as rows: comma, tab, semicolon or bar between the cells, and quotes around what holds these."""

import csv
import itertools
import re
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TextIO

from doctorglm.files.formats.row import MAX_RECORD_CHARS, Row, lines

_DELIMITERS = ",\t;|"
_MAX_TITLE_LINES = 5
_MAX_LINES_OF_A_CELL = 2000
"""A quote that is still open so many lines later was never meant to be one."""


def header(line: str) -> tuple[list[str], str]:
    """The names of the columns and what stands between them; none unless there are two or more, each once."""
    best: list[str] = []
    between = ","
    for delimiter in _DELIMITERS:
        cells = [cell.strip().lower() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        while cells and not cells[-1]:
            cells.pop()
        if cells[1:] and not cells[0]:
            cells[0] = "index"  # as data frames are written
        if len(cells) > len(best):
            best, between = cells, delimiter
    return (best, between) if len(best) > 1 and len(set(best)) == len(best) and all(best) else ([], between)


def beginning(source: Iterator[str]) -> tuple[list[str], str, int]:
    """The columns' names, what stands between them, and the header's line.

    Empty lines, Excel's `sep=;` and a title, which is alone in its row of cells, may stand above it.
    """
    for line, text in enumerate(itertools.islice(source, _MAX_TITLE_LINES + 1), 1):
        names, delimiter = header(text)
        if names or not _is_above(text):
            return names, delimiter, line
    return [], ",", 1


def _is_above(text: str) -> bool:
    said = text.strip().lower()
    titled = any(len(said.split(d)) > 1 and len([c for c in said.split(d) if c.strip()]) == 1 for d in _DELIMITERS)
    return not said or titled or re.fullmatch(r"sep=.?", said) is not None


def rows(stream: TextIO, name: str) -> Iterator[Row]:
    """The rows of a table, each keyed by the header in lower case.

    A header that stands there again, as in files that were joined, is rejected: repeated_header.

    The rest of a text that was broken without quotes stands alone on its line: where it belongs is a guess, so it is
    rejected together with the row before it, as one row.
    """
    csv.field_size_limit(MAX_RECORD_CHARS)
    source = lines(stream, name)
    names, delimiter, top = beginning(source)
    held: Row | None = None
    for line, cells, reason in _records(source, len(names), delimiter, top + 1):
        if len(cells) == 1 and held is not None:
            held = Row(held.number, None, "ragged_row")
            continue
        if held is not None:
            yield held
        wrong = reason or _wrong(cells, names)
        held = Row(line, None, wrong) if wrong else Row(line, dict(zip(names, cells, strict=False)))
    if held is not None:
        yield held


def _wrong(cells: Sequence[str], names: Sequence[str]) -> str:
    """Why the cells are no row of the table; empty ones too many are none of it."""
    if not _fits(cells, len(names)):
        return "ragged_row"
    return "repeated_header" if [cell.strip().lower() for cell in cells[: len(names)]] == list(names) else ""


def _fits(cells: Sequence[str], columns: int) -> bool:
    return len(cells) >= columns and not any(cells[columns:])


def _records(source: Iterator[str], columns: int, delimiter: str, line: int) -> Iterator[tuple[int, list[str], str]]:
    """(line, cells, reason) of the records behind the header.

    A quote that is not closed, or closed by one of a later row, would swallow what follows; it costs its own line only.
    """
    again: deque[str] = deque()
    while True:
        taken: list[str] = []
        reader = csv.reader(_taking(again, source, taken), delimiter=delimiter)
        try:
            cells = next(reader, [])
        except csv.Error:  # a cell beyond all bounds, which only a quote that is never closed can make
            cells = []
        if not taken:
            return
        if len(taken) > 1 and not (_fits(cells, columns) and _is_well_quoted(taken, delimiter)):
            yield line, [], "ragged_row"
            again.extendleft(reversed(taken[1:]))
            line += 1
            continue
        if any(cell.strip() for cell in cells):
            yield line, cells, ""
        line += len(taken)


def _taking(again: deque[str], source: Iterator[str], taken: list[str]) -> Iterator[str]:
    """The next lines, noted as they are taken."""
    chars = 0
    while len(taken) < _MAX_LINES_OF_A_CELL and chars < MAX_RECORD_CHARS:
        line = again.popleft() if again else next(source, None)
        if line is None:
            return
        taken.append(line)
        chars += len(line)
        yield line


def _is_well_quoted(taken: Sequence[str], delimiter: str) -> bool:
    try:
        return len(list(csv.reader(taken, delimiter=delimiter, strict=True))) == 1
    except csv.Error:
        return False
