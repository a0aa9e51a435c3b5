"""What every format gives: rows, each with its place, and its fields or the reason why it has none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from doctorglm.errors import DataError

MAX_RECORD_CHARS = 1 << 26
"""Characters of one record or line: beyond this no consultation goes, and memory would be at the input's mercy."""


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its place, and its fields or the reason why it has none.

    The place is 1-based: a record's number in a JSON array or a sheet, the line where it begins in lines and tables.
    """

    number: int
    fields: Mapping[str, Any] | None
    reason: str = ""


def row(number: int, record: Any) -> Row:
    """The row of a parsed value: an object as it is, a list of spoken lines as `utterances`, else a reason."""
    if isinstance(record, dict):
        return Row(number, record)
    if isinstance(record, list) and record and all(isinstance(said, str) for said in record):
        return Row(number, {"utterances": record})
    return Row(number, None, "not_an_object")


def lines(stream: TextIO, name: str) -> Iterator[str]:
    """The lines with their ends; raises DataError, with `name` and the line, when one is too long for a record."""
    number = 0
    while line := stream.readline(MAX_RECORD_CHARS):
        number += 1
        if len(line) == MAX_RECORD_CHARS and line[-1] not in "\r\n":
            raise too_long(f"{name}:{number}")
        yield line


def too_long(where: str) -> DataError:
    """The error for a record that does not end."""
    return DataError(
        en=f"{where}: a record of more than {MAX_RECORD_CHARS:,} characters. Put one record on each line.",
        zh=f"{where}：一条记录超过 {MAX_RECORD_CHARS:,} 个字符。请每行放一条记录。",
    )
