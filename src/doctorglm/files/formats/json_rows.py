"""JSON as rows, read on as it is needed: an array of records, JSON lines, or records printed over several lines."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from doctorglm.errors import DataError
from doctorglm.files.formats.row import MAX_RECORD_CHARS, Row, lines, row, too_long

_CHUNK_CHARS = 1 << 20
_SPACE = re.compile(r"[ \t\r\n\ufeff]*")
_NEAR_THE_END = 12
"""An error this close to the end of what was read may be an escape, a number or a name that goes on."""


def array(stream: TextIO, name: str) -> Iterator[Row]:
    """The elements of the array that the stream holds; raises DataError with `name`, line, column and remedy."""
    window = _Window(stream, name)
    window.take("[")
    number = 0
    while window.peek() != "]" or number:
        number += 1
        yield row(number, window.value())
        if window.peek() == "]":
            break
        window.take(",")
        if window.peek() == "]":
            raise _surplus_comma(window.where())
    window.take("]")
    if window.peek():
        raise _broken(window.where(), "more text behind the closing bracket")


def records(stream: TextIO, name: str) -> Iterator[Row]:
    """A record from each line, or records that go over several lines; errors as `array` raises them."""
    source = lines(stream, name)
    number, first = next(((n, line) for n, line in enumerate(source, 1) if line.strip()), (1, ""))
    try:
        value = parsed(first, name, number)
    except DataError:
        if first.strip() != "{":
            raise
        yield from _printed(_Window(stream, name, first, number))
        return
    rest = ((following, line) for following, line in enumerate(source, number + 1) if line.strip())
    second = next(rest, None)
    if second is None and (wrapped := _wrapped(value)):
        yield from (row(place, record) for place, record in enumerate(wrapped, 1))
        return
    yield row(number, value)
    for following, line in rest if second is None else itertools.chain([second], rest):
        yield row(following, parsed(line, name, following))


def _printed(window: "_Window") -> Iterator[Row]:
    """Records one after the other, each over several lines; one alone that only wraps a list is that list."""
    while window.peek():
        line = window.line
        value = window.value()
        wrapped = _wrapped(value)
        if wrapped and not window.peek():
            yield from (row(number, record) for number, record in enumerate(wrapped, 1))
            return
        yield row(line, value)


def _wrapped(value: Any) -> list[Any]:
    """The records of an object that holds one list of objects, maybe beside scalars (`{"data": [...]}`), or columns."""
    if not isinstance(value, dict):
        return []
    if columns := _columns(value):
        return columns
    if _OWN_KEYS & value.keys():
        return []
    lists = [v for v in value.values() if isinstance(v, list | dict)]
    alone = lists[0] if len(lists) == 1 and isinstance(lists[0], list) else []
    spoken = {"role", "from", "value", "content", "q", "speaker"}
    return alone if alone and all(isinstance(r, dict) and not spoken & r.keys() for r in alone) else []


def _columns(table: dict[str, Any]) -> list[Any]:
    """The records of a table by columns: `{"question": [...], "answer": [...]}`, or `{"0": ...}` in place of lists."""
    columns = list(table.values())
    if all(isinstance(c, dict) for c in columns) and all(c.keys() == columns[0].keys() for c in columns):
        columns = [list(c.values()) for c in columns]
    if len(columns) < 2 or not all(isinstance(c, list) and len(c) == len(columns[0]) > 1 for c in columns):
        return []
    if any(isinstance(value, list | dict) for column in columns for value in column):
        return []
    return [dict(zip(table, values, strict=True)) for values in zip(*columns, strict=True)]


_OWN_KEYS = {"question", "answer", "instruction", "output", "prompt", "response", "ask", "问题", "回答"}
"""A record that has one of these speaks for itself; a list beside it (its sources) is not what it wraps."""


class _Window:
    """The text of a stream from where it is read to as far as it was needed."""

    def __init__(self, stream: TextIO, name: str, begun: str = "", line: int = 1) -> None:
        self._stream, self._name, self._text, self._at = stream, name, begun, 0
        self._ended = False
        self.line, self._column = line, 1

    def where(self) -> str:
        """name:line:column of what comes next."""
        return f"{self._name}:{self.line}:{self._column}"

    def peek(self) -> str:
        """The next character that is no space, or "" at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            assert match
            self._pass(match.end())
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_on():
                return ""

    def take(self, mark: str) -> None:
        """Passes this mark; raises DataError when something else stands there."""
        found = self.peek()
        if found != mark:
            raise _broken(self.where(), f"expecting {mark!r}") if found else _cut_off(self.where())
        self._pass(self._at + 1)

    def value(self) -> Any:
        """The next JSON value; raises DataError where it is broken, cut off or too long."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not (self._goes_on(error) and self._read_on()):
                    raise _named(error, self._place(error.pos), self._text) from None
                continue
            except (ValueError, RecursionError) as error:
                raise _refused(self.where(), error) from None
            if end == len(self._text) and self._read_on():
                continue  # a number may go on
            self._pass(end)
            return value

    def _goes_on(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _NEAR_THE_END

    def _read_on(self) -> bool:
        """Reads at least as much again as is held; False at the end."""
        held = len(self._text) - self._at
        if held > MAX_RECORD_CHARS:
            raise too_long(self.where())
        more = "" if self._ended else self._stream.read(max(_CHUNK_CHARS, held))
        self._ended = not more
        self._text, self._at = self._text[self._at :] + more, 0
        return bool(more)

    def _pass(self, end: int) -> None:
        self.line, self._column = self._moved(end)
        self._at = end

    def _place(self, position: int) -> str:
        line, column = self._moved(position)
        return f"{self._name}:{line}:{column}"

    def _moved(self, end: int) -> tuple[int, int]:
        breaks = self._text.count("\n", self._at, end)
        if not breaks:
            return self.line, self._column + end - self._at
        return self.line + breaks, end - self._text.rindex("\n", self._at, end)


_DECODER = json.JSONDecoder(strict=False)
"""A tab or a NUL inside a string costs no file; what a NUL makes of its record, the filters say."""


def parsed(text: str, name: str, line: int) -> Any:
    """The JSON value in `text`, which is this line of the file; raises DataError with line, column and remedy."""
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError as error:
        raise _named(error, f"{name}:{line + error.lineno - 1}:{error.colno}", text) from None
    except (ValueError, RecursionError) as error:
        raise _refused(f"{name}:{line}", error) from None


def _named(error: json.JSONDecodeError, where: str, text: str) -> DataError:
    before, after = text[: error.pos].rstrip(), text[error.pos :].lstrip()
    # Python 3.13 points at the comma, earlier versions behind it
    if after[:1] == ",":
        before, after = before + ",", after[1:].lstrip()
    if before.endswith(",") and after[:1] in ("]", "}"):
        return _surplus_comma(where)
    if error.msg == "Extra data":
        return _joined(where, "," if before.endswith(",") else after[:1])
    if not after or error.msg.startswith("Unterminated string"):
        return _cut_off(where)
    return _broken(where, error.msg)


def _surplus_comma(where: str) -> DataError:
    return DataError(
        en=f"{where}: not JSON: a comma stands before the closing bracket. Remove that comma.",
        zh=f"{where}：不是 JSON：右括号前多了一个逗号。请删去这个逗号。",
    )


def _joined(where: str, mark: str) -> DataError:
    if mark == ",":
        return DataError(
            en=f"{where}: not JSON lines: a comma stands behind the record. Remove the commas at the lines' ends.",
            zh=f"{where}：不是 JSON 行：记录后面有逗号。请删去行尾的逗号。",
        )
    return DataError(
        en=f"{where}: not JSON lines: more text behind the record. Put each record on a line of its own.",
        zh=f"{where}：不是 JSON 行：记录后面还有内容。请每行只放一条记录。",
    )


def _cut_off(where: str) -> DataError:
    return DataError(
        en=f"{where}: not JSON: the text ends too early. The file is cut off; restore it.",
        zh=f"{where}：不是 JSON：内容提前结束，文件不完整。请恢复原文件。",
    )


def _broken(where: str, what: str) -> DataError:
    return DataError(
        en=f"{where}: not JSON ({what}). Mend the file there.",
        zh=f"{where}：不是 JSON（{what}）。请修改该处。",
    )


def _refused(where: str, error: Exception) -> DataError:
    return DataError(
        en=f"{where}: this JSON is not read ({error}). Remove the record.",
        zh=f"{where}：这里的 JSON 无法读取（{error}）。请删去该记录。",
    )
