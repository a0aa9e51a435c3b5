"""Plain text for pretraining: JSON lines of `text, source, licence`, let in by licence."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from doctorglm.errors import DataError
from doctorglm.files.archives import contents
from doctorglm.files.formats import format_of
from doctorglm.files.found import find_files

PERMISSIVE = (
    "Apache-2.0",
    "BSD-3-Clause",
    "CC BY 2.0 FR",
    "CC BY 4.0",
    "CC0 1.0",
    "MIT",
    "Unlicense",
    "public domain (PRC Copyright Law art. 5)",
)
"""Licences under which a model may be shipped without being bound to a licence itself; MPL and CC BY-SA are not."""


@dataclass(frozen=True, slots=True)
class Document:
    """A paragraph or a page, with where it comes from and its licence."""

    text: str
    source: str
    licence: str


def read_documents(
    sources: Sequence[Path], licences: Collection[str] = PERMISSIVE, left_out: Counter[str] | None = None
) -> Iterator[Document]:
    """Yields the documents whose licence is allowed; `left_out` counts the others by licence.

    Raises DataError with file and row for a record without text or licence.
    """
    for file in find_files(sources):
        for content in contents(file.path, file.name):
            for row in format_of(content, lambda _: True).rows():
                document = _document(row.fields or {}, f"{content.name}:{row.number}")
                if document.licence in licences:
                    yield document
                elif left_out is not None:
                    left_out[document.licence] += 1


def _document(record: object, where: str) -> Document:
    values = [record.get(key) for key in ("text", "source", "licence")] if isinstance(record, dict) else []
    if len(values) != 3 or not all(isinstance(value, str) for value in values):
        raise DataError(
            en=f"{where}: a document needs the strings `text`, `source` and `licence`. Add what is missing.",
            zh=f"{where}：文档要有 `text`、`source` 和 `licence` 三个字符串。请补上缺少的。",
        )
    return Document(*map(str, values))
