"""A PDF as one entry: its text by pypdf, headings from its outline or from lines that are known headings."""

import io
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import pypdf

from doctorglm.clinical.folding import folded
from doctorglm.errors import DataError, without_values
from doctorglm.files.archives import Content
from doctorglm.library.importers.blocks import Block, sections_of
from doctorglm.library.importers.entry import Read, entry, refused
from doctorglm.library.importers.lines import begins_with_heading, with_headings
from doctorglm.library.importers.pages import Line, joined, paragraphs, without_edges
from doctorglm.library.importers.reading import whole

_MIN_CHARS_A_PAGE = 8
"""Fewer on average, and the pages are pictures with a stamp or a page number."""
_MOST_PAGES = 5000
_DEEPEST = 3
_NO_TITLES = ("microsoft word", "microsoft powerpoint", "untitled", "无标题", "文档", "幻灯片", "slide 1", "document")
"""What programs write where nobody gave a title."""


def entries(content: Content, stem: str) -> Iterator[Read]:
    """The file as one entry; raises DataError for one that is damaged, encrypted, empty or scanned, with a remedy."""
    data = whole(content)
    try:
        title, outline, pages = _opened(data, content.name)
    except DataError:
        raise
    except Exception as error:  # pypdf lets through whatever a broken file makes its parsers raise
        raise _damaged(content.name, error) from None
    if sum(len("".join(page.split())) for page in pages) < max(1, _MIN_CHARS_A_PAGE * len(pages)):
        raise _scanned(content.name, len(pages))
    blocks = _blocks(without_edges(pages), outline)
    title, blocks = _titled(title, blocks, stem)
    yield from entry(content.name, title=title, sections=sections_of(blocks, _DEEPEST))


def _opened(data: bytes, name: str) -> tuple[str, dict[str, int], list[str]]:
    """The title in its metadata, the outline's headings with their levels, and the text of each page."""
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of each small thing that it mends
    reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted and not _decrypted(reader):
        raise refused(
            name,
            en="the PDF is encrypted. Remove its password (`qpdf --decrypt --password=… IN OUT`) and give the copy.",
            zh="PDF 已加密。请去掉密码（`qpdf --decrypt --password=… 原文件 新文件`）后再导入。",
        )
    count = len(reader.pages)
    if count > _MOST_PAGES:
        raise refused(
            name,
            en=f"{count:,} pages, over the limit of {_MOST_PAGES:,}. Split the PDF.",
            zh=f"共 {count:,} 页，超过上限 {_MOST_PAGES:,}。请拆分 PDF。",
        )
    title = str((reader.metadata and reader.metadata.title) or "")
    return title, dict(_outline(reader.outline)), [page.extract_text() for page in reader.pages]


def _decrypted(reader: pypdf.PdfReader) -> bool:
    """True when no password is needed to read it."""
    try:
        return bool(reader.decrypt(""))
    except pypdf.errors.DependencyError:  # AES needs a package that is no part of this project
        return False


def _outline(items: Any, level: int = 1) -> Iterator[tuple[str, int]]:
    for item in items:
        if isinstance(item, list):
            yield from _outline(item, level + 1)
        elif said := str(item.title or "").strip():
            yield _plain(said), level


def _blocks(pages: Sequence[Sequence[str]], outline: dict[str, int]) -> list[Block]:
    """The pages' paragraphs and headings."""
    lines = [
        Line(line, number, _plain(line) in outline or begins_with_heading(line))
        for number, page in enumerate(pages, 1)
        for line in page
    ]
    blocks: list[Block] = []
    for gathered in paragraphs(list(_with_rest(lines, outline))):
        text, first, last = joined(gathered), gathered[0].page, gathered[-1].page
        level = outline.get(_plain(text), 0)
        if level:
            blocks.append(Block(text, level, first))
        else:
            blocks += with_headings(text, first, last)
    return blocks


def _with_rest(lines: Sequence[Line], outline: dict[str, int]) -> Iterator[Line]:
    """The lines, a heading apart from what follows it on its line (【适应症】用于…), which a paragraph may go on."""
    for line in lines:
        if not line.is_heading or _plain(line.text) in outline:
            yield line
            continue
        heading, *rest = with_headings(line.text)
        yield Line(f"【{heading.text}】", line.page, True)
        yield from (Line(block.text, line.page) for block in rest)


def _titled(title: str, blocks: list[Block], stem: str) -> tuple[str, list[Block]]:
    """The title: the metadata's unless a program wrote it, else the first line if no heading, else the name."""
    said = " ".join(title.split())
    first = blocks[0] if blocks else Block("")
    same = _plain(first.text) == _plain(said)
    if said and not said.lower().startswith(_NO_TITLES) and "." not in said[-5:]:
        return said, blocks[1:] if same else blocks
    if len(blocks) > 1 and len(first.text) <= 60 and not begins_with_heading(first.text):
        return first.text, blocks[1:]
    return stem, blocks


def _plain(line: str) -> str:
    return "".join(folded(line).split()).strip(":：")


def _scanned(name: str, pages: int) -> DataError:
    if not pages:
        return refused(name, en="a PDF without pages. Fetch or save it again.", zh="PDF 没有页面。请重新下载或保存。")
    return refused(
        name,
        en=f"no text on its {pages} pages: they are pictures (a scan). Recognise the text first "
        "(`ocrmypdf -l chi_sim IN OUT`).",
        zh=f"{pages} 页都没有文字，应为扫描件。请先做文字识别（`ocrmypdf -l chi_sim 原文件 新文件`）。",
    )


def _damaged(name: str, error: Exception) -> DataError:
    said = f"{type(error).__name__}: {without_values(str(error))}"[:200]
    return refused(
        name,
        en=f"the PDF is damaged ({said}). Open it in a viewer and save it again.",
        zh=f"PDF 已损坏（{said}）。请用阅读器打开后重新保存。",
    )
