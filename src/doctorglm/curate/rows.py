"""A file's text as rows, recognised by content and never by suffix: a JSON array, JSON lines, or a CSV table.

A row that cannot be used carries its reason; a file that cannot be read whole raises DataError with line and column.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from doctorglm.errors import DataError

_MAX_FIELD_CHARS = 1 << 30


@dataclass(frozen=True, slots=True)
class Row:
    """One record: its place, and its fields or the reason why it has none.

    The place is 1-based: a record's number in a JSON array, the line where it begins in JSON lines and tables.
    """

    number: int
    fields: Mapping[str, Any] | None
    reason: str = ""


def rows(text: str, name: str) -> list[Row]:
    """The rows of a file, none when it holds no table; raises DataError with `name`, line, column and remedy."""
    start = text.lstrip()[:1]
    if start == "[":
        return [_row(number, record) for number, record in enumerate(_array(text, name), 1)]
    if start == "{":
        return _lines(text, name)
    return _table(text)


def _row(number: int, record: Any) -> Row:
    return Row(number, record) if isinstance(record, dict) else Row(number, None, "not_an_object")


def _array(text: str, name: str) -> list[Any]:
    records = _parsed(text, name, 1)
    assert isinstance(records, list)
    return records


def _lines(text: str, name: str) -> list[Row]:
    # not splitlines(): U+2028 and U+0085 may stand inside a JSON string
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    try:
        return [_row(number, _parsed(line, name, number)) for number, line in lines]
    except DataError:
        # one record, printed over several lines
        if lines[0][1].strip() == "{":
            return [_row(1, _parsed(text, name, 1))]
        raise


def _parsed(text: str, name: str, line: int) -> Any:
    """The JSON value in `text`, which begins at `line` of the file."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken(error, text, f"{name}:{line + error.lineno - 1}:{error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(
            en=f"{name}:{line}: this JSON is not read ({error}). Remove the record.",
            zh=f"{name}：第 {line} 行的 JSON 无法读取（{error}）。请删去该记录。",
        ) from None


def _broken(error: json.JSONDecodeError, text: str, where: str) -> DataError:
    before, after = text[: error.pos].rstrip(), text[error.pos :].lstrip()
    # Python 3.13 points at the comma, earlier versions behind it
    if after[:1] == ",":
        before, after = before + ",", after[1:].lstrip()
    if before.endswith(",") and after[:1] in ("]", "}"):
        return DataError(
            en=f"{where}: not JSON: a comma stands before the closing bracket. Remove that comma.",
            zh=f"{where}：不是 JSON：右括号前多了一个逗号。请删去这个逗号。",
        )
    if not after or error.msg.startswith("Unterminated string"):
        return DataError(
            en=f"{where}: not JSON: the text ends too early. The file is cut off; restore it.",
            zh=f"{where}：不是 JSON：内容提前结束，文件不完整。请恢复原文件。",
        )
    return DataError(
        en=f"{where}: not JSON ({error.msg}). Mend the file there.",
        zh=f"{where}：不是 JSON（{error.msg}）。请修改该处。",
    )


def _table(text: str) -> list[Row]:
    """The rows of a CSV table; none unless its first line names two columns or more, each once."""
    csv.field_size_limit(_MAX_FIELD_CHARS)
    lines = list(io.StringIO(text, newline=""))
    header = [cell.strip().lower() for cell in next(csv.reader(lines[:1]), [])]
    if len(header) < 2 or len(set(header)) < len(header):
        return []
    found: list[Row] = []
    for line, cells, reason in _records(lines, len(header)):
        if len(cells) == 1 and found:
            # the rest of a text that was broken without quotes: where it belongs is a guess, so both are rejected
            found[-1] = Row(found[-1].number, None, "ragged_row")
        elif reason or len(cells) != len(header):
            found.append(Row(line, None, reason or "ragged_row"))
        else:
            found.append(Row(line, dict(zip(header, cells, strict=True))))
    return found


def _records(lines: Sequence[str], columns: int) -> Iterator[tuple[int, list[str], str]]:
    """(line, cells, reason) of the records behind the header.

    A quote that is not closed, or closed by one of a later row, would swallow what follows; it costs its own line only.
    """
    at = 1
    while at < len(lines):
        reader = csv.reader(lines[i] for i in range(at, len(lines)))
        cells = next(reader, [])
        end = at + max(1, reader.line_num)
        if end - at > 1 and not (len(cells) == columns and _is_well_quoted(lines[at:end])):
            yield at + 1, [], "ragged_row"
            end = at + 1
        elif any(cell.strip() for cell in cells):
            yield at + 1, cells, ""
        at = end


def _is_well_quoted(lines: Sequence[str]) -> bool:
    try:
        return len(list(csv.reader(lines, strict=True))) == 1
    except csv.Error:
        return False
