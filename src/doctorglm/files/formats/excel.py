"""Excel workbooks as rows, every sheet that has a header; cells become the text that the sheet means.

A number comes without the decimals and the exponent that floating point would give it (a telephone number), a text cell
as it is, leading zeros included.
"""

import itertools
import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any, BinaryIO

import openpyxl

from doctorglm.errors import DataError, without_values
from doctorglm.files.formats.row import Row, numbered

_MAX_TITLE_LINES = 5
_ERRORS = {"#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NULL!", "#NUM!"}
"""What a formula leaves that came to nothing."""


def rows(stream: BinaryIO, name: str) -> Iterator[Row]:
    """The rows below each sheet's header; raises DataError when the workbook is damaged."""
    try:
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        number = 0
        for sheet in book.worksheets:
            cells = _quietly(sheet.iter_rows(values_only=True))
            names = _header(cells)
            if not names:
                continue
            for values in cells:
                number += 1
                told = [_text(value) for value in values]
                if any(text.strip() for text in told):
                    yield _row(number, names, told)
    except Exception as error:  # openpyxl lets through whatever zip, XML and its own parsers raise
        said = f"{type(error).__name__}: {without_values(str(error))}"
        raise DataError(
            en=f"{name}: the workbook is damaged ({said}). Open it and save it again.",
            zh=f"{name}：工作簿已损坏（{said}）。请打开后重新保存。",
        ) from None


def _quietly(cells: Iterator[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """The same without openpyxl's warnings, which quote a cell that is no date although it is formatted as one."""
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = next(cells, None)
        if values is None:
            return
        yield values


def _header(cells: Iterator[Sequence[Any]]) -> list[str]:
    """The columns' names, from the first line that has two or more; a title above it is passed."""
    for values in itertools.islice(cells, _MAX_TITLE_LINES + 1):
        names = [_text(value).strip().lower() for value in values]
        while names and not names[-1]:
            names.pop()
        if sum(map(bool, names)) > 1:
            return numbered(names)
    return []


def _row(number: int, names: list[str], told: list[str]) -> Row:
    if any(told[len(names) :]):
        return Row(number, None, "ragged_row")
    told += [""] * (len(names) - len(told))
    return Row(number, dict(zip(names, told, strict=False)))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{Decimal(repr(value)):f}"
    if isinstance(value, datetime):
        return value.isoformat(" ") if value.time() > time() else value.date().isoformat()
    return "" if value in _ERRORS else str(value)
