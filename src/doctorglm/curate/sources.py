"""Sources to entries: every file found, decoded, recognised and read, each record with a stable id and its place."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doctorglm.conversation import Conversation
from doctorglm.curate.decode import decode
from doctorglm.curate.readers import Reader, reader_for
from doctorglm.curate.rows import Row, rows
from doctorglm.errors import DataError

_OWN_ID = re.compile(r"[a-z]+-[0-9a-f]{16}")
_DOCUMENT_KEYS = {"text", "source", "licence"}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file, its name in reports (relative to the source that was given), and whether it was named itself."""

    path: Path
    name: str
    given: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One record that was read: where, and the conversation or the reason why there is none."""

    id: str
    file: str
    row: int
    conversation: Conversation | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class FileReport:
    """What a file turned out to be; `skipped` says why it holds no conversations."""

    name: str
    encoding: str
    licence: str
    skipped: str = ""


def find_files(sources: Sequence[Path]) -> list[SourceFile]:
    """The files of all sources in a fixed order; raises DataError for a source that is missing or empty."""
    found: dict[Path, SourceFile] = {}
    for source in sources:
        if source.is_file():
            inside = [SourceFile(source, source.name, True)]
        else:
            paths = sorted(p for p in source.rglob("*") if p.is_file() and not p.name.startswith("."))
            inside = [SourceFile(p, p.relative_to(source.parent).as_posix(), False) for p in paths]
        if not inside:
            raise DataError(
                en=f"{source}: no such file, or a folder without files. Check the path.",
                zh=f"{source}：文件不存在，或文件夹是空的。请检查路径。",
            )
        for file in inside:
            found.setdefault(file.path.resolve(), file)
    return list(found.values())


def read_file(file: SourceFile) -> tuple[FileReport, list[Entry]]:
    """A file's report and entries; raises DataError when it is damaged, or was named and holds no conversations."""
    decoded = decode(file.path.read_bytes(), file.name)
    licence = licence_beside(file.path)
    found = rows(decoded.text, file.name)
    if found is None:
        return _without_dialogues(file, decoded.encoding, licence, "plain text"), []
    listed = list(found)
    first = next((row.fields for row in listed if row.fields is not None), None)
    if first is not None and reader_for(first) is None:
        if first.keys() >= _DOCUMENT_KEYS:
            return FileReport(file.name, decoded.encoding, licence, "documents for pretraining"), []
        raise _unknown_keys(file, first)
    return FileReport(file.name, decoded.encoding, licence), list(_entries(listed, file.name, licence))


def licence_beside(path: Path) -> str:
    """The licence named by a LICENSE file in the same folder, or ""."""
    for candidate in sorted(path.parent.glob("LICEN[CS]E*")):
        start = candidate.read_bytes()[:2000].decode("utf-8", errors="surrogateescape")
        for pattern, name in _LICENCES:
            if re.search(pattern, start):
                return name
    return ""


_LICENCES = (
    (r"MIT License", "MIT"),
    (r"Apache License\s+Version 2\.0", "Apache-2.0"),
    (r"Attribution 4\.0 International", "CC BY 4.0"),
    (r"Attribution-ShareAlike 4\.0 International", "CC BY-SA 4.0"),
)


def _without_dialogues(file: SourceFile, encoding: str, licence: str, what: str) -> FileReport:
    if file.given:
        raise DataError(
            en=f"{file.name}: no conversations found: neither JSON nor a table with known columns "
            f"(department,title,ask,answer). See `doctorglm curate --help` for the formats.",
            zh=f"{file.name}：没有找到对话：既不是 JSON，也不是列名已知（department,title,ask,answer）的表格。"
            "格式见 `doctorglm curate --help`。",
        )
    return FileReport(file.name, encoding, licence, what)


def _unknown_keys(file: SourceFile, record: Mapping[str, Any]) -> DataError:
    keys = sorted(record)[:12]
    return DataError(
        en=f"{file.name}: the first record's keys {keys} are of no known format. Known are: messages; "
        "department,title,ask,answer; instruction,input,output,history; instruct,output.",
        zh=f"{file.name}：第一条记录的键 {keys} 不属于任何已知格式。已知格式：messages；"
        "department,title,ask,answer；instruction,input,output,history；instruct,output。",
    )


def _entries(listed: list[Row], file: str, licence: str) -> Iterator[Entry]:
    for row in listed:
        reader = reader_for(row.fields) if row.fields is not None else None
        if row.fields is None or reader is None:
            digest = _digest([file, row.number])
            yield Entry(f"row-{digest}", file, row.number, None, row.reason or "unknown_keys")
        else:
            yield _entry(row.fields, reader, file, row.number, licence)


def _entry(record: Mapping[str, Any], reader: Reader, file: str, row: int, licence: str) -> Entry:
    identifier = record_id(record, reader.NAME)
    try:
        conversation = Conversation(
            id=identifier,
            messages=tuple(reader.messages(record)),
            source=_text_or(record.get("source"), reader.NAME),
            licence=_text_or(record.get("licence"), licence),
            language=_text_or(record.get("language"), "zh"),
            department=reader.department(record),
        )
    except ValueError as error:
        return Entry(identifier, file, row, None, str(error))
    return Entry(identifier, file, row, conversation)


def _text_or(value: Any, default: str) -> str:
    return value if isinstance(value, str) and value else default


def record_id(record: Mapping[str, Any], prefix: str) -> str:
    """An id from the record's content alone, so that splits do not depend on names or order.

    An id that this function gave earlier is kept; any other may hold patient data (a record number) and is not.
    """
    own = record.get("id")
    if isinstance(own, str) and _OWN_ID.fullmatch(own):
        return own
    return f"{prefix}-{_digest({key: value for key, value in record.items() if key != 'id'})}"


def _digest(value: Any) -> str:
    canonical = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:16]
