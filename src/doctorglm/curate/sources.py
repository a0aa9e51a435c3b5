"""Sources to entries: every file found, decoded, recognised and read, each record with a stable id and its place."""

import hashlib
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation, is_own_id
from doctorglm.curate.readers import READERS, Reader, reader_for
from doctorglm.errors import DataError
from doctorglm.files.archives import contents
from doctorglm.files.formats import Format, Row, format_of
from doctorglm.files.found import SourceFile
from doctorglm.files.told import columns

_DOCUMENT_KEYS = {"text", "source", "licence"}
_HAN = re.compile("[\u4e00-\u9fff]")
_REASON = re.compile("[a-z_]{3,30}")
"""A reader's own reason; what else a ValueError says may be a value."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record that was read: where, and the conversation or the reason why there is none."""

    id: str
    file: str
    row: int
    conversation: Conversation | None
    reason: str = ""
    numbers: int = 0
    """Messages that the source wrote as a number, not as text."""
    damaged_numbers: int = 0
    """Cells that a spreadsheet rounded to a power of ten (1.38E+10); what they were is lost."""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What a file turned out to be; `skipped` says why it holds no conversations."""

    name: str
    encoding: str = ""
    licence: str = ""
    skipped: str = ""
    form: str = ""
    records: int = 0
    damaged: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with it, in English and Chinese; then none of its entries count."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was opened: its report, and its rows, read as they are used and only once."""

    report: FileReport
    rows: Iterator[Row]
    readers: Sequence[Reader]

    @property
    def entries(self) -> Iterator[Entry]:
        """The rows as entries."""
        return (entry_of(row, self.report, self.readers) for row in self.rows)


def read(file: SourceFile, mapping: Reader | None = None) -> Iterator[Source]:
    """The file, or what an archive holds, in order; `mapping` is asked before the readers that are known.

    What holds no conversations is skipped with the reason, in a folder or an archive. Raises DataError when it is
    damaged, or was named itself and holds none: at once, or when the entries come to the damage.
    """
    readers = readers_with(mapping)
    licence = licence_beside(file.path)
    for content in contents(file.path, file.name):
        form = format_of(content, lambda columns: reader_for(columns, readers) is not None)
        rows = form.rows()
        first = list(itertools.islice(rows, _FIRST_ROWS))
        why = ""
        is_known = bool(first and reader_for(dict.fromkeys(form.names, ""), readers))
        if not is_known and not any(row.fields is not None and reader_for(row.fields, readers) for row in first):
            why = _no_dialogues(content.name, file.given and content.name == file.name, form, first)
        report = FileReport(content.name, form.encoding, licence, why, form.form)
        yield Source(report, iter(()) if why else itertools.chain(first, rows), readers)


def readers_with(mapping: Reader | None) -> Sequence[Reader]:
    """The readers that are asked, in their order: the user's own first."""
    return (mapping, *READERS) if mapping else READERS


_FIRST_ROWS = 1000
"""A file is a corpus when one of so many first rows is known."""


def licence_beside(path: Path) -> str:
    """The licence named by a LICENSE file in the same folder, or ""."""
    for candidate in sorted(path.parent.glob("LICEN[CS]E*")):
        if candidate.is_file():
            start = candidate.read_bytes()[:2000].decode("latin-1")
            return next((name for pattern, name in _LICENCES if re.search(pattern, start)), "")
    return ""


_LICENCES = (
    (r"MIT License", "MIT"),
    (r"Apache License\s+Version 2\.0", "Apache-2.0"),
    (r"Attribution 4\.0 International", "CC BY 4.0"),
    (r"Attribution-ShareAlike 4\.0 International", "CC BY-SA 4.0"),
)


def _no_dialogues(name: str, given: bool, form: Format, first: list[Row]) -> str:
    """Why a file without any known record is skipped; "" when its rows are to be counted as rejected."""
    record = next((row.fields for row in first if row.fields is not None), None)
    if record is not None and record.keys() >= _DOCUMENT_KEYS:
        return "documents for pretraining"
    if given:
        raise _unknown_format(name, form, record)
    keys = list(record) if record else list(form.names)
    return f"unknown keys {columns(keys).en}" if keys else "no records" if form.encoding else "not text"


def _unknown_format(name: str, form: Format, record: Mapping[str, Any] | None) -> DataError:
    keys = list(record) if record else list(form.names)
    en, zh = f"its first record has the keys {columns(keys).en}", f"第一条记录的键是 {columns(keys).zh}"
    if not keys:
        en = f"it is {form.form or 'no text'} without records" if form.form != "text" else "it is empty, or no table"
        zh = f"文件（{form.form or '不是文本'}）里没有记录" if form.form != "text" else "文件是空的，或不是表格"
    if form.form == "old excel":
        en, zh = "it is a workbook of Excel 97-2003: save it as .xlsx", "这是 Excel 97-2003 工作簿：请另存为 .xlsx"
    return DataError(
        en=f"{name}: no conversations found: {en}. Say with mapping=FILE which columns hold question and answer; "
        "the shapes that are known stand in docs/curate.md.",
        zh=f"{name}：没有找到对话：{zh}。可用 mapping=文件 指明哪些列是问题和回答；认识的格式见 docs/curate.md。",
    )


def entry_of(row: Row, report: FileReport, readers: Sequence[Reader]) -> Entry:
    """The conversation of a row, or the reason why it holds none."""
    file = report.name
    reader = reader_for(row.fields, readers) if row.fields is not None else None
    if row.fields is None or reader is None:
        return Entry(f"row-{_digest([file, row.number])}", file, row.number, None, row.reason or "unknown_keys")
    identifier = record_id(row.fields, reader.NAME)
    try:
        conversation = _conversation(row.fields, reader, identifier, report.licence)
    except ValueError as error:
        reason = str(error) if _REASON.fullmatch(str(error)) else "unreadable"
        return Entry(identifier, file, row.number, None, reason)
    numbers, damaged = _numbers_as_text(row.fields, conversation), _damaged_numbers(row.fields)
    return Entry(identifier, file, row.number, conversation, numbers=numbers, damaged_numbers=damaged)


_ROUNDED = re.compile(r"\s*[1-9](?:\.[0-9]+)?[Ee]\+1[0-9]\s*")


def _damaged_numbers(record: Mapping[str, Any]) -> int:
    return sum(isinstance(value, str) and _ROUNDED.fullmatch(value) is not None for value in _scalars(record))


def _numbers_as_text(record: Mapping[str, Any], conversation: Conversation) -> int:
    """How many messages are a number that the source did not write as text."""
    numbers = {str(value) for value in _scalars(record) if isinstance(value, int | float)}
    return sum(m.content in numbers for m in conversation.messages) if numbers else 0


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _scalars(part)
    else:
        yield value


def _conversation(record: Mapping[str, Any], reader: Reader, identifier: str, licence: str) -> Conversation:
    messages = tuple(reader.messages(record))
    is_chinese = any(_HAN.search(m.content) for m in messages)
    meta = record.get("meta")
    return Conversation(
        id=identifier,
        messages=messages,
        source=_text_or(record.get("source"), reader.NAME),
        licence=_text_or(record.get("licence"), licence),
        language=_text_or(record.get("language"), "zh" if is_chinese else "en"),
        department=reader.department(record),
        meta=meta if isinstance(meta, dict) else {},
    )


def _text_or(value: Any, default: str) -> str:
    return value if isinstance(value, str) and value else default


def record_id(record: Mapping[str, Any], prefix: str) -> str:
    """An id from the record's content alone, so that splits do not depend on names or order.

    An id that this function gave earlier is kept; any other may hold patient data (a record number) and is not.
    """
    own = record.get("id")
    if isinstance(own, str) and is_own_id(own):
        return own
    return f"{prefix}-{_digest({key: value for key, value in record.items() if key != 'id'})}"


def _digest(value: Any) -> str:
    canonical = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:16]
