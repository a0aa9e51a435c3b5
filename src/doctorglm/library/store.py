"""A library's folder: `library.json` names the index that holds; a new one is written beside it and then named.

A reader that has opened an index keeps it, whatever is built meanwhile: its files are removed once another two have
taken its place, and what a process has open stays readable on POSIX. A build that was killed leaves a folder that no
`library.json` names; the next one removes it.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from doctorglm.errors import DataError
from doctorglm.library.confidence import Calibration, shipped
from doctorglm.library.document import Document, document_of, values_of
from doctorglm.library.names import Named
from doctorglm.runs import read_json, to_json, write_json

FORMAT = 2
"""Raised when what is written changes; an index of another format is built anew."""
FILE = "library.json"
VECTORS = ("vectors.npy", "vectors-keys.npy", "vectors-chunks.json")
"""Of an index with vectors: (chunks, dimension) float32; (chunks, 16) bytes, of what text each is; the chunks' ids."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A document with its digest, the file that it is from as it is named in reports, and that file's sha256."""

    document: Document
    file: str
    digest: str
    sha256: str


_BESIDE = tuple(field.name for field in fields(Entry) if field.name != "document")


@dataclass(frozen=True, slots=True)
class Store:
    """A library as its folder says: the index, the names of its documents, what is recorded of it."""

    index: Path
    names: tuple[Named, ...]
    calibration: Calibration
    record: dict[str, Any]


def opened(folder: Path) -> Store:
    """The library in a folder; raises DataError where there is none, half of one, or one of another format."""
    for _ in range(3):  # a build may take the index away between two lines
        record = _record(folder)
        current = folder / str(record["index"])
        try:
            names = tuple(Named(i, tuple(n), tuple(m)) for i, n, m in read_json(current / "names.json"))
        except DataError:
            if _record(folder)["index"] == record["index"]:
                raise half(folder) from None
            continue
        return Store(current / "tantivy", names, shipped(), record)
    raise half(folder)


def _record(folder: Path) -> dict[str, Any]:
    path = folder / FILE
    if not path.is_file():
        if folder.is_dir() and any(folder.glob("index-*")):
            raise half(folder)
        raise DataError(
            en=f"{folder}: no library: it has no {FILE}. Build one: doctorglm library build SOURCE... --out {folder}",
            zh=f"{folder}：这里没有资料库（缺少 {FILE}）。请先构建：doctorglm library build 来源... --out {folder}",
        )
    record = read_json(path)
    if not isinstance(record, dict) or not isinstance(record.get("index"), str):
        raise half(folder)
    if record.get("format") != FORMAT:
        raise DataError(
            en=f"{folder}: a library of format {record.get('format')}; this program reads {FORMAT}. Build it again "
            "with the same command: it is replaced whole.",
            zh=f"{folder}：资料库格式为 {record.get('format')}，本程序使用 {FORMAT}。"
            "请用同一命令重新构建，会整体替换。",
        )
    return record


def half(folder: Path) -> DataError:
    """The error for a folder that lacks a part of a library."""
    return DataError(
        en=f"{folder}: half a library: a build was stopped, or files are missing. Run library build again.",
        zh=f"{folder}：资料库不完整：构建被中断，或缺少文件。请重新运行 library build。",
    )


def entries(index: Path) -> dict[str, Entry]:
    """The documents of an index by their ids."""
    return {entry.document.id: entry for entry in read_entries(index)}


def read_entries(index: Path) -> Iterator[Entry]:
    """The documents of an index, one by one."""
    with (index / "documents.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            values = json.loads(line)
            yield Entry(document_of(values["document"]), values["file"], values["digest"], values["sha256"])


def line_of(entry: Entry) -> str:
    """A line of an index's `documents.jsonl`."""
    row = {name: getattr(entry, name) for name in _BESIDE}
    return to_json({**row, "document": values_of(entry.document)}) + "\n"


def write_names(index: Path, of: Iterable[Named]) -> None:
    """Writes the names of an index's documents."""
    write_json(index / "names.json", [[n.doc_id, n.names, n.norms] for n in of])


def skipped(index: Path) -> dict[str, list[dict[str, str]]]:
    """What files gave no document for, by their sha256: rows of `where, en, zh`."""
    file = index / "skipped.json"
    return dict(read_json(file)) if file.exists() else {}


def write_skipped(index: Path, of: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """Writes what gave no document, for the next build, which does not read unchanged files again."""
    write_json(index / "skipped.json", of)


def known(folder: Path) -> dict[str, Any]:
    """What an earlier build recorded; {} where there is none that can be built upon."""
    try:
        record = _record(folder)
    except DataError:
        return {}
    current = folder / str(record["index"])
    needed = ["documents.jsonl", "names.json", "tantivy/meta.json", *(VECTORS if record.get("vectors") else ())]
    whole = all((current / name).exists() for name in needed)
    return record if whole else {}


def new_index(folder: Path, before: Mapping[str, Any]) -> Path:
    """A new folder for an index, with the files of the one before, which share their place on the disk.

    The one that `library.json` names stays, whether it is built upon or not; what killed builds left goes.
    """
    kept = _current(folder)
    for path in _indexes(folder):
        if path.name != kept:
            shutil.rmtree(path, ignore_errors=True)
    number = 1 + max((int(path.name.partition("-")[2]) for path in _indexes(folder)), default=0)
    new = folder / f"index-{number}"
    new.mkdir(mode=0o700)
    if before:
        (new / "tantivy").mkdir()
        for file in (folder / before["index"] / "tantivy").iterdir():
            if not file.name.endswith(".lock"):
                _share(file, new / "tantivy" / file.name)
    return new


def _current(folder: Path) -> str | None:
    """The index that `library.json` names, of whatever format."""
    try:
        record = read_json(folder / FILE)
    except DataError:
        return None
    named = record.get("index") if isinstance(record, dict) else None
    return named if isinstance(named, str) else None


def _share(file: Path, to: Path) -> None:
    """A second name for a file, or a copy where the disk has none; what changes later (meta.json) is replaced whole."""
    try:
        os.link(file, to)
    except OSError:
        shutil.copyfile(file, to)


def name(folder: Path, index: Path, record: Mapping[str, Any]) -> None:
    """Makes an index the library's; the one before stays for those who are opening it until the next is begun."""
    write_json(folder / FILE, {"format": FORMAT, "index": index.name, **record})


def _indexes(folder: Path) -> list[Path]:
    return [path for path in folder.glob("index-*") if path.name.partition("-")[2].isdigit()]
