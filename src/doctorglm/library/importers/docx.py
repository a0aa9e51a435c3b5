"""A Word document (.docx) as one entry: headings by styles or outline levels, else lines that are known headings."""

import io
import re
from collections.abc import Iterator
from typing import Any

import docx
from docx.table import Table

from doctorglm.errors import without_values
from doctorglm.files.archives import Content
from doctorglm.library.importers.blocks import Block, sections_of
from doctorglm.library.importers.entry import LIMIT_BYTES, Read, entry, refused
from doctorglm.library.importers.lines import with_headings
from doctorglm.library.importers.reading import whole, zip_parts

_DEEPEST = 3
_HEADING = re.compile(r"(?:heading|标题)\s*([1-9])", re.IGNORECASE)
_TITLE = re.compile(r"title|标题|题目", re.IGNORECASE)
_BULLET = re.compile(r"list|列表|项目", re.IGNORECASE)
_BODY_LEVEL = 9
"""The outline level that Word gives to text, counted from 0."""


def entries(content: Content, stem: str) -> Iterator[Read]:
    """The document as one entry; raises DataError when it is damaged, or its text beyond the limit."""
    data = whole(content)
    if sum(size for part, size in zip_parts(content).items() if part.endswith(".xml")) > LIMIT_BYTES:
        limit = LIMIT_BYTES >> 20
        raise refused(
            content.name,
            en=f"its text unpacks to more than {limit} MB. Split the document.",
            zh=f"其文字解压后超过 {limit} MB。请拆分文档。",
        )
    try:
        document = docx.Document(io.BytesIO(data))
        blocks = list(_blocks(document))
        said = " ".join((document.core_properties.title or "").split())
    except Exception as error:  # python-docx lets through whatever zip, XML and its own parsers raise
        what = f"{type(error).__name__}: {without_values(str(error))}"[:200]
        raise refused(
            content.name,
            en=f"the Word document is damaged ({what}). Open it and save it again.",
            zh=f"Word 文档已损坏（{what}）。请打开后重新保存。",
        ) from None
    title, blocks = _titled(said, blocks, stem)
    yield from entry(content.name, title=title, sections=sections_of(blocks, _DEEPEST))


def _blocks(document: Any) -> Iterator[Block]:
    """The paragraphs and tables in their order; a title has level -1, below which no heading goes."""
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            yield from (Block(row) for row in map(_row, item.rows) if row)
            continue
        text = " ".join(item.text.split())
        level, is_title, is_item = _style(item)
        if not text:
            continue
        if is_title:
            yield Block(text, -1)
        elif level:
            yield Block(text, level)
        elif is_item:
            yield Block(f"- {text}")
        else:
            yield from with_headings(text)


def _row(row: Any) -> str:
    """The cells of a row; a merged one stands once."""
    cells: dict[int, str] = {}
    for cell in row.cells:
        cells.setdefault(id(cell._tc), " ".join(cell.text.split()))
    return " | ".join(text for text in cells.values() if text)


def _style(paragraph: Any) -> tuple[int, bool, bool]:
    """(level of a heading or 0, whether it is the title, whether it is an item of a list)."""
    name = (paragraph.style.name if paragraph.style is not None else "") or ""
    numbered = _HEADING.search(name)
    if numbered:
        return int(numbered[1]), False, False
    level = _outline_level(paragraph)
    is_title = _TITLE.fullmatch(name.strip()) is not None
    properties = paragraph._p.pPr
    is_item = _BULLET.search(name) is not None or (properties is not None and properties.numPr is not None)
    return level, is_title, is_item and not level


def _outline_level(paragraph: Any) -> int:
    """The level, from 1, that the paragraph or its style has in the outline; 0 for text."""
    for element in (paragraph._p, paragraph.style.element if paragraph.style is not None else None):
        found = element.xpath("./w:pPr/w:outlineLvl/@w:val") if element is not None else []
        if found:
            return int(found[0]) + 1 if int(found[0]) < _BODY_LEVEL else 0
    return 0


def _titled(said: str, blocks: list[Block], stem: str) -> tuple[str, list[Block]]:
    """The title: a paragraph in that style, the properties', the only heading of level 1, the first line."""
    styled = next((block for block in blocks if block.level < 0), None)
    rest = [block if block.level >= 0 else Block(block.text) for block in blocks if block is not styled]
    highest = [block for block in rest if block.level == 1]
    first = rest[0] if rest else Block("")
    if styled:
        return styled.text, rest
    if said:
        return said, [block for block in rest if not (block.level == 1 and block.text == said)]
    if len(highest) == 1 and highest[0] is first:
        return first.text, rest[1:]
    if not first.level and len(rest) > 1 and len(first.text) <= 60:
        return first.text, rest[1:]
    return stem, rest
