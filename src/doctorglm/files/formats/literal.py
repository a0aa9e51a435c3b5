"""DXY's form: `name@[...]`, a list of Python literals on one line, read one by one without running anything."""

import ast
import re
from collections.abc import Iterator
from typing import TextIO

from doctorglm.errors import DataError
from doctorglm.files.formats.row import MAX_RECORD_CHARS, Row, lines, row, too_long

BEGINNING = re.compile(r"\s*\w{1,40}@\[")
_MARK = re.compile(r"""'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+"|[{}\[\]()]|,""", re.DOTALL)
_MAX_PARTS = 1 << 18
"""Strings, brackets and commas of one record: a parsed part takes half a kilobyte."""


def rows(stream: TextIO, name: str) -> Iterator[Row]:
    """The elements of each line's list, numbered through; raises DataError with the line."""
    count = 0
    for line, text in enumerate(lines(stream, name), 1):
        match = BEGINNING.match(text)
        if not text.strip():
            continue
        if len(text) >= MAX_RECORD_CHARS:
            raise too_long(f"{name}:{line}")
        for element in _elements(text, match.end() if match else text.find("[") + 1, f"{name}:{line}"):
            count += 1
            yield row(count, _value(element, f"{name}:{line}"))


def _elements(text: str, start: int, where: str) -> Iterator[str]:
    """The texts between the commas of the list that is open at `start`; raises DataError when it is not closed."""
    depth, begin, parts = 1, start, 0
    for mark in _MARK.finditer(text, start):
        what = mark[0]
        depth += (what in "{[(") - (what in "}])")
        parts += 1
        if parts > _MAX_PARTS:
            raise _too_many_parts(where)
        if depth == 0 or (depth == 1 and what == ","):
            if text[begin : mark.start()].strip():
                yield text[begin : mark.start()]
            begin, parts = mark.end(), 0
        if depth == 0:
            break
    if depth or not start or text[begin:].strip():
        raise _not_literals(where)


def _value(text: str, where: str) -> object:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise _not_literals(where) from None


def _too_many_parts(where: str) -> DataError:
    return DataError(
        en=f"{where}: a record of more than {_MAX_PARTS:,} parts. Remove it.",
        zh=f"{where}：一条记录超过 {_MAX_PARTS:,} 个部分。请删去它。",
    )


def _not_literals(where: str) -> DataError:
    return DataError(
        en=f"{where}: not a list of Python literals; the line may be cut off. Restore the file.",
        zh=f"{where}：不是 Python 字面量列表，可能不完整。请恢复原文件。",
    )
