"""The formats of files, recognised by content and never by suffix; each gives rows. One format per file."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO, TypeAlias

from doctorglm.files.archives import Content
from doctorglm.files.encoding import MARKS, is_binary, prove
from doctorglm.files.formats import excel, json_rows, literal, parquet, spoken, table
from doctorglm.files.formats.row import Row

__all__ = ["Format", "Row", "format_of"]

_Reader: TypeAlias = Callable[[Any, str], Iterator[Row]]
_BEGINNING_CHARS = 1 << 16
_ENCODINGS = {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16", "big5hkscs": "big5"}
_JSON_ARRAY = re.compile(r"""\s*\[\s*(?:$|[{\["\]\d-]|true|false|null|(?<=\n)/[/*])""")
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True)
class Format:
    """What a file turned out to be: its form, its encoding ("" where it has none), and its rows, read as they are used.

    `names` are the columns of a table, in lower case.
    """

    form: str
    encoding: str
    rows: Callable[[], Iterator[Row]]
    names: tuple[str, ...] = ()


def format_of(content: Content, known: Callable[[dict[str, str]], bool]) -> Format:
    """The format, proved as far as its encoding; raises DataError when the text is damaged.

    `known` says whether a table with these columns is a corpus, before its text is looked at for speakers.
    """
    start = content.start()
    for beginning, form, reader in _BINARY:
        if start.startswith(beginning):
            return Format(form, "", partial(_rows, content.open, reader, content.name))
    if start.startswith(_OLD_EXCEL) or is_binary(start):
        return Format("old excel" if start.startswith(_OLD_EXCEL) else "", "", lambda: iter(()))
    codec = prove(content.open, content.name)
    text = partial(_text, content, codec)
    with text() as stream:
        start_of_text = stream.read(_BEGINNING_CHARS)
    form, reader, names = _form_of(start_of_text, known)
    opened = partial(text, newline="") if form == "table" else text
    return Format(form, _ENCODINGS.get(codec, codec), partial(_rows, opened, reader, content.name), tuple(names))


def _form_of(beginning: str, known: Callable[[dict[str, str]], bool]) -> tuple[str, _Reader, list[str]]:
    """The form of a text, what reads it, and the columns of a table."""
    if _JSON_ARRAY.match(beginning):
        return "json", json_rows.array, []
    if beginning.lstrip()[:1] == "{":
        return "json lines", json_rows.records, []
    if literal.BEGINNING.match(beginning):
        return "python literals", literal.rows, []
    names, _, _ = table.beginning(iter(beginning.splitlines()))
    if not (names and known(dict.fromkeys(names, ""))) and spoken.is_spoken(beginning):
        return "spoken lines", spoken.rows, []
    return ("table", table.rows, names) if names else ("text", _no_rows, [])


def _text(content: Content, codec: str, newline: str = "\n") -> TextIO:
    """The file as text; a mark at its beginning is passed."""
    stream = io.TextIOWrapper(content.open(), encoding=codec, errors="strict", newline=newline)
    if codec.startswith("utf-16") and content.start()[:2] in MARKS:
        stream.read(1)
    return stream


def _rows(opened: Callable[[], Any], reader: _Reader, name: str) -> Iterator[Row]:
    with opened() as stream:
        yield from reader(stream, name)


def _no_rows(stream: Any, name: str) -> Iterator[Row]:
    return iter(())


_BINARY: tuple[tuple[bytes, str, _Reader], ...] = (
    (b"PAR1", "parquet", parquet.rows),
    (b"PK\3\4", "excel", excel.rows),
)
