"""A table in the terminal: columns aligned by East Asian width, no colour when the output is not a terminal."""

import sys
from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text as Line

from doctorglm.report.blocks import Table
from doctorglm.report.wording import Wording, clean

PLAIN_WIDTH = 120
"""Columns of a table that goes to a file or a pipe."""


def show(table: Table, out: IO[str] | None = None) -> None:
    """Prints the table in the language in force, to stderr unless told otherwise."""
    out = out or sys.stderr
    console = Console(file=out, width=None if out.isatty() else PLAIN_WIDTH, highlight=False)
    console.print(_rich(table))


def _rich(table: Table) -> RichTable:
    drawn = RichTable(
        box=box.SIMPLE_HEAD,
        title=None if table.title is None else _line(table.title),
        title_justify="left",
        title_style="bold",
        caption=None if table.note is None else _line(table.note),
        caption_justify="left",
        pad_edge=False,
    )
    for column, numeric in zip(table.columns, table.numeric, strict=True):
        drawn.add_column(_line(column), justify="right" if numeric else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*map(_line, row))
    return drawn


def _line(wording: Wording) -> Line:
    """Text that is neither read as markup nor able to steer the terminal."""
    return Line(clean(str(wording)))
