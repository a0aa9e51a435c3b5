"""Headings in text that has none marked: 【适应症】 at the start of a line, 一、病因, Treatment: alone on its line."""

import re
from collections.abc import Iterator

from doctorglm.library.headings import OTHER, is_heading, key_of
from doctorglm.library.importers.blocks import Block

_BRACKETED = re.compile(r"\s*(?:【\s*([^】]{1,20}?)\s*】|\[\s*([^\]]{1,20}?)\s*\])\s*[:：]?\s*(.*)", re.DOTALL)
_NUMBERED = re.compile(
    r"\s*(?:第?[一二三四五六七八九十]{1,3}[、.．章节]|[（(][一二三四五六七八九十\d]{1,3}[)）]|\d{1,2}(?:\.\d{1,2})*[、.．\s])\s*"
)
_LONGEST = 40
_LEVEL = 2
"""Below a title."""


def with_headings(text: str, page: int = 0, until: int = 0) -> Iterator[Block]:
    """The line as blocks: what it begins with as a heading, when that is one, and the rest."""
    bracketed = _BRACKETED.fullmatch(text)
    if bracketed and (bracketed[1] or key_of(bracketed[2]) != OTHER):
        yield Block(bracketed[1] or bracketed[2], _LEVEL, page)
        text = bracketed[3]
        if not text.strip():
            return
    elif len(text) <= _LONGEST and is_heading(bare := _NUMBERED.sub("", text, count=1).strip()):
        yield Block(bare.rstrip(" :："), _LEVEL, page)
        return
    yield Block(text, 0, page, until)


def begins_with_heading(line: str) -> bool:
    """True when `with_headings` finds a heading in the line."""
    return next(with_headings(line)).level > 0
