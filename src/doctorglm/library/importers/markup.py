"""The tree of a page as blocks: headings with their level, paragraphs, list items and rows of tables, a line each.

Walked without recursion, however deep the page is nested.
"""

import re
from typing import Any

from lxml import etree, html

from doctorglm.library.importers.blocks import Block
from doctorglm.library.importers.entry import refused

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_LINES = frozenset(
    word
    for line in (
        "address article aside blockquote body br caption center dd details div dl dt fieldset figcaption figure",
        "footer form h1 h2 h3 h4 h5 h6 header hr html legend li main nav ol p pre section summary table tbody td",
        "tfoot th thead tr ul",
    )
    for word in line.split()
)
"""Elements that begin and end a line."""
_UNSEEN = frozenset(
    word
    for line in (
        "audio button canvas embed head iframe input map meta link math noscript object script select style svg",
        "template textarea title video",
    )
    for word in line.split()
)
_CELLS = ("td", "th")
_NO_ROW = ("table", *_HEADINGS)
_LONG_ROW_CHARS = 2000
_CELL_END = "\x1f"
_MARK = re.compile(r"(?:-|\d+\.)\s*")
_SPACE = re.compile(r"[\s\u00a0\u200b\ufeff]+")
_WITHIN_CHINESE = re.compile(
    "(?<=[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef])\n\\s*(?=[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef])"
)
"""A line that was broken between two Chinese characters or marks had no space there."""


def tree_of(text: str, name: str) -> Any:
    """The page's root element, empty where nothing can be read; raises DataError for what the parser gives up on."""
    # UTF-8 given as such, so that no declaration in the page is believed
    parser = html.HTMLParser(encoding="utf-8", huge_tree=True, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError:  # nothing but space and comments
        return html.Element("html")
    if any(error.level == etree.ErrorLevels.FATAL for error in parser.error_log):
        raise refused(
            name,
            en="its elements are nested thousands deep; the rest of the page would be lost. Save its text instead.",
            zh="元素嵌套达数千层，其余内容会丢失。请改为保存其文字。",
        )
    return root


def blocks_of(root: Any) -> list[Block]:
    """The blocks of the tree, without what is not seen."""
    walk = _Walk()
    for event, node in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            walk.begin(node)
        else:
            walk.end(node, "" if node is root else node.tail)
    walk.finish()
    return walk.blocks


class _Walk:
    """What is gathered on the way through the tree."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._text: list[str] = []
        self._level = 0
        self._unseen = 0
        self._row: Any = None
        """The row of a table that is open and stands on one line."""
        self._lists: list[int | None] = []
        """For each open list the number of its last item; None for one without numbers."""

    def begin(self, node: Any) -> None:
        """An element begins."""
        tag = node.tag
        if tag in _LINES:
            self._break(tag)
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _HEADINGS:
            self._level = _HEADINGS[tag]
        elif tag == "tr" and self._row is None and _is_row(node):
            self._row = node
        elif tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self._say(self._item_mark())
        self._say(node.text)

    def end(self, node: Any, tail: str | None) -> None:
        """An element ends; `tail` stands behind it."""
        tag = node.tag
        if tag in _UNSEEN:
            self._unseen -= 1
        elif tag in _CELLS and self._row is not None:
            self._say(_CELL_END)
        elif tag in ("ul", "ol"):
            self._lists.pop()
        elif node is self._row:
            self._row = None
        if tag in _LINES:
            self._break("" if tag in _HEADINGS else tag)
        if tag in _HEADINGS:
            self._level = 0
        self._say(tail)

    def finish(self) -> None:
        """Ends the line, which becomes a block if it says anything."""
        text, self._text = "".join(self._text), []
        said = " | ".join(cell for cell in map(_even, text.split(_CELL_END)) if cell)
        if said and not _MARK.fullmatch(said):
            self.blocks.append(Block(said, self._level))

    def _break(self, tag: str) -> None:
        """Ends the line, unless it is a row or a heading, or the mark of an item whose paragraph begins."""
        inside_heading = self._level and tag in ("br", "div", "p", "span")
        if self._row is not None or inside_heading:
            self._say(" ")
        elif not (tag in ("p", "div") and _MARK.fullmatch("".join(self._text).strip())):
            self.finish()

    def _say(self, text: str | None) -> None:
        if text and not self._unseen:
            self._text.append(text)

    def _item_mark(self) -> str:
        """A dash, or the item's number."""
        if not self._lists or (last := self._lists[-1]) is None:
            return "- "
        self._lists[-1] = last + 1
        return f"{last + 1}. "


def _is_row(node: Any) -> bool:
    """True for a row of data; a table that lays out a page has headings or tables in it, or a long text."""
    return next(node.iter(*_NO_ROW), None) is None and len(node.text_content()) <= _LONG_ROW_CHARS


def _even(text: str) -> str:
    return _SPACE.sub(" ", _WITHIN_CHINESE.sub("", text)).strip()
