"""DXY's form: `name@[...]`, a list of Python literals on one line, read without running anything."""

import ast
import re
from collections.abc import Iterator
from typing import TextIO

from doctorglm.curate.formats.row import MAX_RECORD_CHARS, Row, lines, row, too_long
from doctorglm.errors import DataError

BEGINNING = re.compile(r"\s*\w{1,40}@\[")


def rows(stream: TextIO, name: str) -> Iterator[Row]:
    """The elements of each line's list, numbered through; raises DataError with the line."""
    count = 0
    for line, text in enumerate(lines(stream, name), 1):
        match = BEGINNING.match(text)
        if not text.strip():
            continue
        if len(text) >= MAX_RECORD_CHARS:
            raise too_long(f"{name}:{line}")
        for value in _list(text[match.end() - 1 :] if match else text, f"{name}:{line}"):
            count += 1
            yield row(count, value)


def _list(text: str, where: str) -> list[object]:
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise DataError(
            en=f"{where}: not a list of Python literals; the line may be cut off. Restore the file.",
            zh=f"{where}：不是 Python 字面量列表，可能不完整。请恢复原文件。",
        )
    return value
