"""Files to documents: what a file holds decides who reads it, never its suffix alone. One format a file."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from doctorglm.errors import DataError
from doctorglm.files.archives import Content, contents
from doctorglm.files.encoding import is_binary
from doctorglm.files.found import SourceFile
from doctorglm.language import Text
from doctorglm.library.document import Document
from doctorglm.library.importers import docx, markdown, medquad, msd, pdf, table
from doctorglm.library.importers.columns import Mapping, read_mapping
from doctorglm.library.importers.entry import Entry, Read, Skipped, derived_id, refused
from doctorglm.library.importers.reading import stem_of, suffix_of, zip_parts

__all__ = ["VERSION", "Mapping", "Skipped", "documents", "read_mapping"]

VERSION = 1
"""Raised when an importer changes what it gives; unchanged files are then read again."""

_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_ABOUT = re.compile(r"(?:licen[cs]e|copying|notice|readme|changelog|authors)(?:[._-].*)?", re.IGNORECASE)
_PAGES = frozenset({".html", ".htm", ".xhtml", ".shtml"})
_TABLES = frozenset({".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm", ".parquet"})
_BESIDE_A_PAGE = ("_files", ".files", "_文件")
"""What browsers call the folder of pictures and scripts beside a page that they save."""


def documents(file: SourceFile, mapping: Mapping | None = None) -> Iterator[Document | Skipped]:
    """The documents of a file or archive, in order, between what was left out, each with its reason.

    Raises DataError for an archive or a table that is damaged, for an id that two documents have, and for a file that
    was named itself and gives no document. A found file that cannot be used is left out.
    """
    ids = _Ids()
    for content in contents(file.path, file.name):
        own = _own_name(file, content)
        for one in _read(content, own, file, mapping):
            yield one if isinstance(one, Skipped) else ids.settled(one, own)


def _own_name(file: SourceFile, content: Content) -> str:
    """The name as the disk and the archive have it, from the source that was given on: what ids and titles come from.

    Reports use the name without what may identify a patient, under which 0000001.xml and 0000002.xml are one.
    """
    parts = file.path.parts[-1 - file.name.count("/") :]
    return "/".join([*parts, content.member] if content.member else parts)


def _read(content: Content, own: str, file: SourceFile, mapping: Mapping | None) -> Iterator[Read]:
    named = file.given and not content.member
    if not named and (why := _part_of_other(own, file.path)):
        yield Skipped(where=content.name, reason=why)
        return
    given, last = 0, None
    try:
        for one in _importer(content, own, mapping):
            given += isinstance(one, Entry)
            last = one if isinstance(one, Skipped) else last
            yield one
    except DataError as error:
        # what was found in a folder must not stop the rest of it; half of a table would look like all of it
        if named or given:
            raise
        yield Skipped(where=content.name, reason=_without(content.name, error.text))
        return
    if named and not given:
        raise _gave_nothing(content.name, last)


def _importer(content: Content, own: str, mapping: Mapping | None) -> Iterator[Read]:
    """The reading of the content by whoever knows it; raises DataError when nobody does."""
    start, suffix, stem = content.start(), suffix_of(own), stem_of(own)
    if not start.strip():
        raise refused(
            content.name, en="the file is empty. Fetch or save it again.", zh="文件是空的。请重新下载或保存。"
        )
    parts = zip_parts(content) if start.startswith(b"PK\3\4") else None
    if b"%PDF-" in start[:1024]:
        return pdf.entries(content, stem)
    if parts and "word/document.xml" in parts:
        return docx.entries(content, stem)
    if suffix in (".pdf", ".docx", ".doc") or start.startswith(_OLD_OFFICE):
        raise _not_as_named(content.name, suffix, start)
    if (parts and "xl/workbook.xml" in parts) or start.startswith(b"PAR1"):
        return table.entries(content, stem, mapping)
    if parts is not None:
        raise refused(content.name, en="an archive inside an archive. Unpack it.", zh="压缩包里还有压缩包。请先解压。")
    if is_binary(start):
        raise refused(content.name, en="no text, and no format that is read here.", zh="不是文本，也不是可读取的格式。")
    return _text_importer(content, suffix, stem, mapping)


def _text_importer(content: Content, suffix: str, stem: str, mapping: Mapping | None) -> Iterator[Read]:
    """The reading of a text: Markdown by its suffix, pages and XML by their first tag, tables by both."""
    start = content.start().replace(b"\0", b"").lstrip(_BEFORE_TEXT).lower()
    if suffix in (".md", ".markdown"):
        return markdown.entries(content, stem)
    if suffix in (".mht", ".mhtml") or (
        start.startswith((b"from:", b"mime-version:")) and b"multipart/related" in start
    ):
        raise refused(
            content.name,
            en="a page saved as one file (MHTML). Save it again as “web page, complete”.",
            zh="页面存成了单个文件（MHTML）。请另存为“网页，全部”。",
        )
    if suffix in _PAGES or (start.startswith(b"<") and not _is_xml(start, suffix)):
        return msd.entries(content)
    if start.startswith(b"<"):
        return medquad.entries(content, stem)
    if suffix in _TABLES:
        return table.entries(content, stem, mapping)
    if suffix in ("", ".txt", ".text"):
        return (
            table.entries(content, stem, mapping)
            if table.is_table(content, mapping)
            else markdown.plain_entries(content, stem)
        )
    raise refused(
        content.name,
        en=f"no format that is read here ({suffix}). Give HTML, Markdown, PDF, .docx, a table or .txt.",
        zh=f"不是可读取的格式（{suffix}）。请给出 HTML、Markdown、PDF、.docx、表格或 .txt。",
    )


_BEFORE_TEXT = b"\xef\xbb\xbf\xff\xfe \t\r\n"
_XML_ROOTS = (b"<document", b"<diseasefile", b"<doc ")


def _is_xml(start: bytes, suffix: str) -> bool:
    """True for XML that is no page."""
    is_page = b"<html" in start or b"<!doctype html" in start
    return not is_page and (suffix == ".xml" or start.startswith((b"<?xml", *_XML_ROOTS)))


def _part_of_other(name: str, path: Path) -> Text | None:
    """Why a found file is no entry by itself: it is about the others, or a picture or script beside a page."""
    if _ABOUT.fullmatch(stem_of(name)):
        return Text(en="about the other files, no entry.", zh="是其他文件的说明，不是条目。")
    for folder in path.parents:
        for ending in _BESIDE_A_PAGE:
            page = folder.name.removesuffix(ending)
            if page != folder.name and any((folder.parent / f"{page}{s}").is_file() for s in (".html", ".htm")):
                return Text(en="a part of the saved page beside its folder.", zh="是旁边所存网页的附属文件。")
    return None


class _Ids:
    """The ids of one source's documents, each once."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}
        self._titles: Counter[str] = Counter()

    def settled(self, entry: Entry, source: str) -> Document:
        """The document, with an id made for it where it brings none; raises DataError with both places of one id."""
        document = entry.document
        identifier = document.id
        if not identifier:
            self._titles[document.title] += 1
            identifier = derived_id(document.title, source, self._titles[document.title])
        if identifier in self._places:
            before = self._places[identifier]
            raise refused(
                entry.where,
                en=f"the id {identifier!r} stands at {before} already. Give each entry an id of its own.",
                zh=f"编号 {identifier!r} 在 {before} 已经用过。每个条目要有自己的编号。",
            )
        self._places[identifier] = entry.where
        return replace(document, id=identifier)


def _not_as_named(name: str, suffix: str, start: bytes) -> DataError:
    if start.startswith(_OLD_OFFICE):
        return refused(
            name,
            en="a file of Word or Excel 97-2003. Save it as .docx or .xlsx.",
            zh="Word 或 Excel 97-2003 文件。请另存为 .docx 或 .xlsx。",
        )
    page = b"<html" in start.lower() or b"<!doctype" in start.lower()
    en, zh = (
        ("a web page, perhaps an error of the site", "网页，可能是网站的报错页")
        if page
        else ("something else", "别的内容")
    )
    return refused(
        name,
        en=f"named {suffix}, but it holds {en}. Fetch it again, or give it its right suffix.",
        zh=f"文件名以 {suffix} 结尾，里面却是{zh}。请重新下载，或改成正确的后缀。",
    )


def _gave_nothing(name: str, last: Skipped | None) -> DataError:
    if last is None:
        return refused(name, en="no entries in it. Check the file.", zh="里面没有条目。请检查文件。")
    return DataError(en=f"{last.where}: {last.reason.en}", zh=f"{last.where}：{last.reason.zh}")


def _without(name: str, text: Text) -> Text:
    """The reason without the file's name before it, which `where` says."""
    return Text(en=text.en.removeprefix(f"{name}: "), zh=text.zh.removeprefix(f"{name}："))
