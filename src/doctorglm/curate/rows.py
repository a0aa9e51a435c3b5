"""A file's text as rows, recognised by content and never by suffix: a JSON array, JSON lines, or a CSV table.

A row that cannot be used carries its reason; a file that cannot be read whole raises DataError with line and column.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from doctorglm.errors import DataError

_MAX_FIELD_CHARS = 1 << 30


@dataclass(frozen=True, slots=True)
class Row:
    """One record of a file: its number (1-based; a CSV table counts records, JSON lines count lines), and its fields or
    the reason why it has none."""

    number: int
    fields: Mapping[str, Any] | None
    reason: str = ""


def rows(text: str, name: str) -> Iterator[Row] | None:
    """The rows of a file, or None when it holds no table; raises DataError with `name`, line, column and remedy."""
    start = text.lstrip()[:1]
    if start == "[":
        return _array(text, name)
    if start == "{":
        return _lines(text, name)
    return _table(text, name)


def _array(text: str, name: str) -> Iterator[Row]:
    try:
        records = json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken(error, text, name) from None
    return (Row(number, *_fields(record)) for number, record in enumerate(records, 1))


def _lines(text: str, name: str) -> Iterator[Row]:
    found = []
    # not splitlines(): U+2028 and U+0085 may stand inside a JSON string
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found.append(Row(number, *_fields(json.loads(line))))
        except json.JSONDecodeError as error:
            raise _broken(error, line, name, number) from None
    return iter(found)


def _fields(record: Any) -> tuple[Mapping[str, Any] | None, str]:
    return (record, "") if isinstance(record, dict) else (None, "not_an_object")


def _broken(error: json.JSONDecodeError, text: str, name: str, line: int | None = None) -> DataError:
    before = text[: error.pos].rstrip()
    after = text[error.pos :].lstrip()
    where = f"{name}:{line or error.lineno}:{error.colno}"
    if (before.endswith(",") and after[:1] in ("]", "}", "")) or (
        after[:1] == "," and after[1:].lstrip()[:1] in ("]", "}")
    ):
        return DataError(
            en=f"{where}: not JSON: a comma stands before the closing bracket. Remove that comma.",
            zh=f"{where}：不是 JSON：右括号前多了一个逗号。请删去这个逗号。",
        )
    if not after:
        return DataError(
            en=f"{where}: not JSON: the text ends too early. The file is cut off; restore it.",
            zh=f"{where}：不是 JSON：内容提前结束，文件不完整。请恢复原文件。",
        )
    return DataError(
        en=f"{where}: not JSON ({error.msg}). Mend the file there.",
        zh=f"{where}：不是 JSON（{error.msg}）。请修改该处。",
    )


def _table(text: str, name: str) -> Iterator[Row] | None:
    csv.field_size_limit(_MAX_FIELD_CHARS)
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [cell.strip().lower() for cell in next(reader, [])]
    if len(header) < 2 or len(set(header)) < len(header):
        return None
    return _table_rows(reader, header, name)


def _table_rows(reader: Any, header: list[str], name: str) -> Iterator[Row]:
    number = 1
    try:
        for number, cells in enumerate(reader, 2):
            if len(cells) == len(header):
                yield Row(number, dict(zip(header, cells, strict=True)))
            elif any(cell.strip() for cell in cells):
                yield Row(number, None, "ragged_row")
    except csv.Error as error:
        raise DataError(
            en=f"{name}: row {number + 1} (line {reader.line_num}): not CSV ({error}). Mend the row.",
            zh=f"{name}：第 {number + 1} 行（文件第 {reader.line_num} 行）不是 CSV（{error}）。请修改该行。",
        ) from None
