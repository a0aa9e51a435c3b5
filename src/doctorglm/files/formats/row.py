"""What every format gives: rows, each with its place, and its fields or the reason why it has none."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
    """The row of a parsed value: an object as it is, a list of what was said as a conversation, else a reason."""
    if isinstance(record, dict):
        return Row(number, _with_even_keys(record))
    if isinstance(record, list) and record and all(isinstance(said, str) for said in record):
        return Row(number, {"utterances": record})
    if isinstance(record, list) and record and all(isinstance(said, dict) for said in record):
        return Row(number, {"conversations": record})
    return Row(number, None, "not_an_object")


def _with_even_keys(record: dict[str, Any]) -> dict[str, Any]:
    """Keyed as tables are, in lower case and without outer spaces, unless two keys would become one."""
    keys = [key.strip().lower() for key in record]
    same = keys == list(record) or len(set(keys)) < len(keys)
    return record if same else dict(zip(keys, record.values(), strict=True))


def numbered(names: Sequence[str]) -> list[str]:
    """The columns' names, a second one of the same name as `name (2)`, one without a name as `column 3`."""
    seen: Counter[str] = Counter()
    told = []
    for place, name in enumerate(names, 1):
        seen[name] += 1
        told.append(f"column {place}" if not name else f"{name} ({seen[name]})" if seen[name] > 1 else name)
    return told


def lines(stream: TextIO, name: str) -> Iterator[str]:
    """The lines with their ends, without the mark that a file brings along when it is joined to another.

    Raises DataError, with `name` and the line, when one is too long for a record.
    """
    number = 0
    while line := stream.readline(MAX_RECORD_CHARS):
        number += 1
        if len(line) == MAX_RECORD_CHARS and line[-1] not in "\r\n":
            raise too_long(f"{name}:{number}")
        yield line.lstrip("\ufeff")


def too_long(where: str) -> DataError:
    """The error for a record that does not end."""
    return DataError(
        en=f"{where}: a record of more than {MAX_RECORD_CHARS:,} characters. Put one record on each line.",
        zh=f"{where}：一条记录超过 {MAX_RECORD_CHARS:,} 个字符。请每行放一条记录。",
    )
