"""Excel workbooks as rows, every sheet that has a header; cells become the text that the sheet means.

A number comes without the decimals and the exponent that floating point would give it (a telephone number), a text cell
as it is, leading zeros included.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, BinaryIO

import openpyxl

from doctorglm.curate.formats.row import Row
from doctorglm.errors import DataError


def rows(stream: BinaryIO, name: str) -> Iterator[Row]:
    """The rows below each sheet's first line; raises DataError when the workbook is damaged."""
    try:
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        number = 0
        for sheet in book.worksheets:
            cells = sheet.iter_rows(values_only=True)
            names = [_text(value).strip().lower() for value in next(cells, ())]
            while names and not names[-1]:
                names.pop()
            if len(names) < 2 or len(set(names)) < len(names):
                continue
            for values in cells:
                number += 1
                told = [_text(value) for value in values]
                if any(text.strip() for text in told):
                    yield _row(number, names, told)
    except Exception as error:  # openpyxl lets through whatever zip, XML and its own parsers raise
        raise DataError(
            en=f"{name}: the workbook is damaged ({type(error).__name__}: {error}). Open it and save it again.",
            zh=f"{name}：工作簿已损坏（{type(error).__name__}：{error}）。请打开后重新保存。",
        ) from None


def _row(number: int, names: list[str], told: list[str]) -> Row:
    if any(told[len(names) :]):
        return Row(number, None, "ragged_row")
    told += [""] * (len(names) - len(told))
    return Row(number, dict(zip(names, told, strict=False)))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date):
        return value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)
