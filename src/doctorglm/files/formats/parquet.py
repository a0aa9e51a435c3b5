"""Parquet as rows, read by batches."""

import math
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow
from pyarrow import parquet

from doctorglm.errors import DataError, without_values
from doctorglm.files.formats.row import Row

_BATCH_ROWS = 64
"""Few, since a row may hold megabytes."""


def rows(stream: BinaryIO, name: str) -> Iterator[Row]:
    """The rows, keyed by the columns' names in lower case; raises DataError when the file is damaged."""
    try:
        file = parquet.ParquetFile(stream)
        names = [column.lower() for column in file.schema_arrow.names]
        if len(set(names)) < len(names):
            names = list(file.schema_arrow.names)
        number = 0
        for batch in file.iter_batches(_BATCH_ROWS):
            columns = [[_plain(value) for value in column.to_pylist()] for column in batch.columns]
            for values in zip(*columns, strict=True):
                number += 1
                yield Row(number, dict(zip(names, values, strict=True)))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(
            en=f"{name}: this Parquet file is damaged ({without_values(str(error))}). Fetch or write it again.",
            zh=f"{name}：Parquet 文件已损坏（{without_values(str(error))}）。请重新下载或生成。",
        ) from None


_WHOLE_FROM = 1e6
"""Whole numbers among which one is missing are written as floating point; from here on they are identifiers."""


def _plain(value: Any) -> Any:
    """The value as JSON has it: days and exact decimals as they are written, bytes as the text that they are."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return int(value) if value.is_integer() and abs(value) >= _WHOLE_FROM else value
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, bytes):
        return _decoded(value)
    return value if isinstance(value, int | None) else str(value)


def _decoded(value: bytes) -> str:
    """The text; U+FFFD alone for what is none, which no filter lets through."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return "\ufffd"
