"""Parquet as rows, read by batches."""

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow
from pyarrow import parquet

from doctorglm.curate.formats.row import Row
from doctorglm.errors import DataError

_BATCH_ROWS = 1024


def rows(stream: BinaryIO, name: str) -> Iterator[Row]:
    """The rows, keyed by the columns' names in lower case; raises DataError when the file is damaged."""
    try:
        file = parquet.ParquetFile(stream)
        names = [column.lower() for column in file.schema_arrow.names]
        number = 0
        for batch in file.iter_batches(_BATCH_ROWS):
            columns = [column.to_pylist() for column in batch.columns]
            for values in zip(*columns, strict=True):
                number += 1
                yield Row(number, dict(zip(names, values, strict=True)))
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(
            en=f"{name}: this Parquet file is damaged ({error}). Fetch or write it again.",
            zh=f"{name}：Parquet 文件已损坏（{error}）。请重新下载或生成。",
        ) from None
