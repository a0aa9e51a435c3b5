"""Sources cut into chunks of rows: what a worker does at once, and what is not done again after a kill.

The cut depends on the files alone, so that the same chunk has the same key whoever reads it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from doctorglm.curate.readers import Reader
from doctorglm.curate.sources import FileReport, read
from doctorglm.errors import DataError
from doctorglm.files.formats import Row
from doctorglm.files.found import SourceFile

_ROWS = 1000
_CHARS = 4_000_000
"""Rows may be long: a chunk ends early where its texts are."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one source, in order; each source has at least one, which may be empty.

    `key` sorts as the sources were read: file, the source's number in it (of an archive), and the part.
    """

    key: str
    report: FileReport
    rows: Sequence[Row]

    @property
    def source(self) -> str:
        """What the chunks of one source have in common."""
        return self.key.rpartition("-")[0]


def chunks_of(number: int, file: SourceFile, mapping: Reader | None, finished: Collection[str] = ()) -> Iterator[Chunk]:
    """The chunks of a file but those that are finished; damage ends it, and is the report of its last chunk."""
    report, at, part = FileReport(file.name), 0, 0
    try:
        for source in read(file, mapping):
            report = source.report
            for rows in _gathered(source.rows):
                key = _key(number, at, part)
                if key not in finished:
                    yield Chunk(key, report, rows)
                part += 1
            report, at, part = FileReport(file.name), at + 1, 0
    except DataError as error:
        damaged = replace(report, damaged={"en": error.text.en, "zh": error.text.zh})
        yield Chunk(_key(number, at, part), damaged, ())


def _key(file: int, source: int, part: int) -> str:
    return f"{file:05}-{source:05}-{part:06}"


def _gathered(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """The rows in lists that end at a number of rows or characters; one list at least."""
    gathered: list[Row] = []
    chars, given = 0, False
    for row in rows:
        gathered.append(row)
        chars += sum(len(value) for value in row.fields.values() if isinstance(value, str)) if row.fields else 0
        if len(gathered) == _ROWS or chars >= _CHARS:
            yield gathered
            gathered, chars, given = [], 0, True
    if gathered or not given:
        yield gathered
