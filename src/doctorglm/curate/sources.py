"""Sources to entries: every file found, decoded, recognised and read, each record with a stable id and its place."""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from doctorglm.conversation import Conversation
from doctorglm.curate.decode import decode, is_binary
from doctorglm.curate.readers import Reader, reader_for
from doctorglm.curate.rows import Row, rows
from doctorglm.errors import DataError

_OWN_ID = re.compile(r"[a-z]+-[0-9a-f]{16}")
_DOCUMENT_KEYS = {"text", "source", "licence"}
_HAN = re.compile("[\u4e00-\u9fff]")


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
    encoding: str = ""
    licence: str = ""
    skipped: str = ""


def find_files(sources: Sequence[Path]) -> list[SourceFile]:
    """The files of all sources in a fixed order, each once; raises DataError for a source that is missing or empty."""
    found: dict[Path, SourceFile] = {}
    names: set[str] = set()
    for source in sources:
        given = source.is_file()
        paths = [source] if given else sorted(p for p in source.rglob("*") if p.is_file() and p.name[:1] != ".")
        if not paths:
            raise DataError(
                en=f"{printable(source)}: no such file, or a folder without files. Check the path.",
                zh=f"{printable(source)}：文件不存在，或文件夹是空的。请检查路径。",
            )
        for path in paths:
            if path.resolve() not in found:
                name = _unused(printable(path.relative_to(source.parent)), names)
                found[path.resolve()] = SourceFile(path, name, given)
    return list(found.values())


def printable(path: PurePath) -> str:
    """The path as text that can be written: under an ASCII locale Python keeps Chinese names as lone surrogates."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def _unused(name: str, names: set[str]) -> str:
    """The name, with a number where an earlier file has the same one."""
    number, candidate = 1, name
    while candidate in names:
        number += 1
        candidate = f"{name} ({number})"
    names.add(candidate)
    return candidate


def read_file(file: SourceFile) -> tuple[FileReport, list[Entry]]:
    """A file's report and its entries.

    A file of a folder that holds no conversations is skipped with the reason. Raises DataError when a file is damaged,
    or was named itself and holds none.
    """
    data = read_bytes(file)
    if is_binary(data) and not file.given:
        return FileReport(file.name, skipped="not text"), []
    decoded = decode(data, file.name)
    licence = licence_beside(file.path)
    found = rows(decoded.text, file.name)
    known = next((row.fields for row in found if row.fields is not None and reader_for(row.fields)), None)
    if known is None and (why := _no_dialogues(file, found)):
        return FileReport(file.name, decoded.encoding, licence, why), []
    entries = [_entry_of(row, file.name, licence) for row in found]
    return FileReport(file.name, decoded.encoding, licence), entries


def read_bytes(file: SourceFile) -> bytes:
    """The file's bytes; raises DataError when the system does not give them."""
    try:
        return file.path.read_bytes()
    except OSError as error:
        raise DataError(
            en=f"{file.name}: cannot be read ({error.strerror}). Check its permissions.",
            zh=f"{file.name}：无法读取（{error.strerror}）。请检查权限。",
        ) from None


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


def _no_dialogues(file: SourceFile, found: list[Row]) -> str:
    """Why a file without any known record is skipped; "" when its rows are to be counted as rejected."""
    first = next((row.fields for row in found if row.fields is not None), None)
    if first is not None and first.keys() >= _DOCUMENT_KEYS:
        return "documents for pretraining"
    if file.given:
        raise _unknown_format(file, first)
    return f"unknown keys {sorted(first)[:8]}" if first else "no records"


def _unknown_format(file: SourceFile, first: Mapping[str, Any] | None) -> DataError:
    en = f"its first record has the keys {sorted(first)[:8]}" if first else "it is empty, or neither JSON nor a table"
    zh = f"第一条记录的键是 {sorted(first)[:8]}" if first else "文件是空的，或既不是 JSON 也不是表格"
    known = "messages | department,title,ask,answer | instruction,input,output,history | instruct,output"
    return DataError(
        en=f"{file.name}: no conversations found: {en}. The keys that are known: {known}.",
        zh=f"{file.name}：没有找到对话：{zh}。认识的键：{known}。",
    )


def _entry_of(row: Row, file: str, licence: str) -> Entry:
    reader = reader_for(row.fields) if row.fields is not None else None
    if row.fields is None or reader is None:
        return Entry(f"row-{_digest([file, row.number])}", file, row.number, None, row.reason or "unknown_keys")
    identifier = record_id(row.fields, reader.NAME)
    try:
        conversation = _conversation(row.fields, reader, identifier, licence)
    except ValueError as error:
        return Entry(identifier, file, row.number, None, str(error))
    return Entry(identifier, file, row.number, conversation)


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
    if isinstance(own, str) and _OWN_ID.fullmatch(own):
        return own
    return f"{prefix}-{_digest({key: value for key, value in record.items() if key != 'id'})}"


def _digest(value: Any) -> str:
    canonical = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:16]
