"""Parallel data, as it is read: records with `en` and `zh`, or `en_input` and `zh_input`, and so on.

Conversations that `translate` wrote are pairs as well: their messages, and the sentences where these are known.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doctorglm.errors import DataError
from doctorglm.files.archives import Content, contents
from doctorglm.files.formats import format_of
from doctorglm.files.found import find_files
from doctorglm.files.told import columns

_OWN = ("teacher", "student")
_LINE = re.compile(r":[0-9]+$")
"""The place in a document: `paper-7:12`."""


@dataclass(frozen=True, slots=True)
class Pair:
    """An English field and its Chinese, with file, place and field, and the document that it is from."""

    english: str
    chinese: str
    where: str
    document: str = ""
    """The record's `document`, or its `source` without the number behind it; "" where it says neither."""


def read_pairs(path: Path) -> Iterator[Pair]:
    """The fields of a file or folder in their order, those without English left out.

    Raises DataError, with file and line, for a record that is no pair, and for a file without records.
    """
    for file in find_files([path]):
        for content in contents(file.path, file.name):
            yield from _pairs(content)


def _pairs(content: Content) -> Iterator[Pair]:
    found = 0
    for row in format_of(content, _is_known).rows():
        where = f"{content.name}:{row.number}"
        if row.fields is None:
            raise _no_pair(where, f"({row.reason})", f"（{row.reason}）")
        found += 1
        if (translated := _translated(row.fields)) is not None:
            yield from (Pair(en, zh, f"{where}:messages", str(row.fields.get("id"))) for en, zh in translated)
            continue
        for english, chinese in _fields(row.fields, where):
            if row.fields[english].strip():
                yield Pair(row.fields[english], row.fields[chinese], f"{where}:{english}", _document(row.fields))
    if not found:
        raise DataError(
            en=f"{content.name}: no records in it. Give JSON lines with `en` and `zh`.",
            zh=f"{content.name}：里面没有记录。请给出每行含 `en` 和 `zh` 的 JSON 行文件。",
        )


def _translated(record: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """The pairs of a translated conversation, by sentences where these are known; None where it is none."""
    meta = record.get("meta")
    told = meta.get("translation") if isinstance(meta, Mapping) else None
    messages = record.get("messages")
    if not isinstance(told, Mapping) or not isinstance(messages, list):
        return None
    english, by = told.get("english", ()), told.get("by", ())
    each = told.get("sentences") or [()] * len(messages)
    try:
        return [
            (en, zh)
            for message, whole, who, known in zip(messages, english, by, each, strict=True)
            if who in _OWN
            for en, zh in known or [(whole, message["content"])]
        ]
    except (ValueError, KeyError, TypeError):
        return None


def _document(record: Mapping[str, Any]) -> str:
    return str(record.get("document") or _LINE.sub("", str(record.get("source") or "")))


def _is_known(names: Mapping[str, str]) -> bool:
    return "messages" in names or any(_partner(name) in names for name in names)


def _partner(name: str) -> str:
    """The name of the Chinese field beside an English one; "" where it is none."""
    return f"zh{name[2:]}" if name == "en" or name.startswith("en_") else ""


def _fields(record: Mapping[str, Any], where: str) -> list[tuple[str, str]]:
    """The names of the fields that are texts in both languages; raises DataError where one has no partner."""
    english = [name for name in record if _partner(name) and isinstance(record[name], str)]
    for name in english:
        if not isinstance(record.get(_partner(name)), str):
            raise _no_pair(where, f"has a text `{name}` and no text `{_partner(name)}`",
                           f"有文本 `{name}`，却没有文本 `{_partner(name)}`")  # fmt: skip
    if not english:
        keys = columns(record)
        raise _no_pair(where, f"has the keys {keys.en}", f"的键是 {keys.zh}")
    return [(name, _partner(name)) for name in english]


def _no_pair(where: str, en: str, zh: str) -> DataError:
    return DataError(
        en=f"{where}: no pair: the record {en}. Give texts `en` and `zh`, or en_input, en_output, zh_input, zh_output.",
        zh=f"{where}：不是句对：该记录{zh}。请给出文本 `en` 和 `zh`，或 en_input、en_output、zh_input、zh_output。",
    )
