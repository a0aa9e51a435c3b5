"""Searches every byte of a folder for literals, in every form in which a program may have written them.

That is: UTF-8, GB18030, UTF-16, JSON's and Python's escapes, HTML's, a URL's; in any case of Latin letters, also with
the signs between digits taken out; inside of zip, gzip, Excel, Parquet and PyTorch's files too. In a file that is no
text, where four bytes stand by chance, only what takes eight bytes and more is sought.
"""

import gzip
import html
import io
import json
import re
import urllib.parse
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

_WINDOW = 6
_LONG_BYTES = 8
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""Not sought as eight digits in a row, which an invented identity number may hold by chance as its day of birth."""
_BETWEEN = b" \t\r\n-().+\xc2\xb7_"


class Literals:
    """The literals that are sought; `found` says which of them are in some bytes, `below` which are in a folder."""

    def __init__(self, literals: Iterable[str]) -> None:
        self._of: dict[int, list[tuple[bytes, str]]] = defaultdict(list)
        for literal in literals:
            for form in {form.lower() for form in _forms(literal)}:
                if len(form) >= _WINDOW:
                    self._of[_windows(form[:_WINDOW])[0].item()].append((form, literal))
        self._beginnings = np.array(sorted(self._of), dtype=np.uint64)

    def below(self, folder: Path) -> dict[str, set[str]]:
        """Literal -> the files and the names of files that hold it."""
        where: dict[str, set[str]] = defaultdict(set)
        for path in sorted(folder.rglob("*")):
            place = str(path.relative_to(folder))
            for literal in self.found(place.encode("utf-8", "surrogateescape")):
                where[literal].add(f"the name {place}")
            for data in _opened(path.read_bytes()) if path.is_file() and not path.is_symlink() else ():
                for literal in self.found(data):
                    where[literal].add(place)
        return dict(where)

    def found(self, data: bytes) -> set[str]:
        """The literals in the bytes."""
        least = _WINDOW if _is_text(data) else _LONG_BYTES
        data = data.lower()
        return self._found(data, least) | self._found(data.translate(None, _BETWEEN), max(least, _LONG_BYTES))

    def _found(self, data: bytes, least: int) -> set[str]:
        if len(data) < _WINDOW:
            return set()
        starts = np.flatnonzero(np.isin(_windows(data), self._beginnings, kind="sort"))
        return {
            literal
            for start in starts.tolist()
            for form, literal in self._of[_windows(data[start : start + _WINDOW])[0].item()]
            if len(form) >= least and data.startswith(form, start)
        }


def _windows(data: bytes) -> "np.typing.NDArray[np.uint64]":
    """Every run of so many bytes as a number."""
    codes = np.frombuffer(data, np.uint8)
    count = len(codes) - _WINDOW + 1
    windows = np.zeros(count, np.uint64)
    for i in range(_WINDOW):
        windows = windows << np.uint64(8) | codes[i : i + count].astype(np.uint64)
    return windows


def _forms(literal: str) -> Iterator[bytes]:
    escaped = json.dumps(literal)[1:-1]
    for text in (literal, escaped, escaped.replace("\\", "\\\\"), html.escape(literal), json.dumps(escaped)[1:-1]):
        yield text.encode()
    yield literal.encode("ascii", "xmlcharrefreplace")
    yield "".join(c if c.isascii() else f"&#x{ord(c):x};" for c in literal).encode()
    yield repr(literal.encode())[2:-1].encode()
    yield literal.encode("utf-8").decode("latin-1").encode("utf-8")
    for codec in ("gb18030", "utf-16-le", "utf-16-be"):
        yield literal.encode(codec)
    for safe in ("/", "", "/:?=&"):
        yield urllib.parse.quote(literal, safe=safe).encode()
    yield urllib.parse.quote_plus(literal).encode()
    if not _DAY.fullmatch(literal):
        yield literal.encode().translate(None, _BETWEEN)


def _is_text(data: bytes) -> bool:
    for codec in ("utf-8", "gb18030"):
        try:
            data.decode(codec)
        except UnicodeDecodeError:
            continue
        return b"\0" not in data
    return data[:2] in (b"\xff\xfe", b"\xfe\xff")


def _opened(data: bytes) -> Iterator[bytes]:
    """The bytes, and what is packed in them."""
    yield data
    if data.startswith(b"PK\3\4"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                yield member.filename.encode()
                yield from _opened(archive.read(member))
    elif data.startswith(b"\x1f\x8b"):
        yield from _opened(gzip.decompress(data))
    elif data.startswith(b"PAR1"):
        from pyarrow import parquet

        yield json.dumps(parquet.read_table(io.BytesIO(data)).to_pylist(), ensure_ascii=False, default=str).encode()
