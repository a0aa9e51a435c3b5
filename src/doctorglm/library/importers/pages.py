"""The text of a PDF's pages as paragraphs: without running heads and page numbers, lines and words made whole."""

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_EDGE_LINES = 2
"""Running heads and feet stand in the first or last two lines of a page."""
_MIN_PAGES = 3
"""On two pages the same line may be the text's own, unless it stands at the very edge of both."""
_MIN_SHARE = 0.6
_DIGITS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    r"[-–—·\s]*(?:第\s*)?\d{1,4}\s*(?:页)?\s*(?:[/／,，]?\s*(?:共\s*)?\d{1,4}\s*页?)?[-–—·\s]*|page\s+\d+(?:\s+of\s+\d+)?|"
    r"[ivxlc]{1,7}",
    re.IGNORECASE,
)
_ENDS = re.compile(r"[。！？；：.!?;:…”」』)）]\s*$")
_BEGINS = re.compile(
    r"\s*(?:[-•·●○■□▪◆*]|\d{1,2}[.、)）]|[（(]\d{1,2}[)）]|[①-⑳]|【|第?[一二三四五六七八九十]{1,3}[、.章节])"
)
_HYPHEN = re.compile(r"(?<=[A-Za-z]{2})[-\u00ad\u2010]$")
_SHORT = 0.6
"""A line shorter than this share of the page's usual line ends its paragraph."""
_MARKS = tuple("•·●○■□▪◆")
_CJK = "\u2e80"
"""From here on no space stands between words."""


def without_edges(pages: Sequence[str]) -> list[list[str]]:
    """The lines of each page without running heads, feet and page numbers."""
    lines = [[" ".join(line.split()) for line in page.splitlines() if line.strip()] for page in pages]
    repeated = _repeated(lines)
    return [_inner(page, repeated) for page in lines]


def _repeated(pages: Sequence[Sequence[str]]) -> set[str]:
    """The lines, digits aside, that stand at the edge of most pages."""
    seen = Counter(edge for page in pages for edge in {_even(page[place]) for place in _edges(len(page))})
    least = max(2, _MIN_SHARE * len(pages)) if len(pages) >= _MIN_PAGES else 2
    return {line for line, count in seen.items() if count >= least and len(pages) > 1}


def _edges(count: int) -> set[int]:
    """The places of a page's first and last lines; a page of few lines is all text but for its first and last."""
    deep = _EDGE_LINES if count > 2 * _EDGE_LINES + 1 else min(1, count // 3)
    return {*range(deep), *range(count - deep, count)}


def _inner(page: Sequence[str], repeated: set[str]) -> list[str]:
    edges = _edges(len(page))
    return [
        line
        for place, line in enumerate(page)
        if not (place in edges and (_even(line) in repeated or _PAGE_NUMBER.fullmatch(line)))
    ]


def _even(line: str) -> str:
    return _DIGITS.sub("#", line)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page, from 1, and whether it is a heading."""

    text: str
    page: int
    is_heading: bool = False


def paragraphs(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """The lines of each paragraph or heading, in order; a paragraph may go on over the end of a page."""
    longest = max((len(line.text) for line in lines), default=0)
    usual = max(statistics.median([len(line.text) for line in lines]) if lines else 0, _SHORT * longest)
    gathered: list[Line] = []
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        gathered.append(line)
        if following is None or line.is_heading or following.is_heading or _is_last(line.text, following.text, usual):
            yield gathered
            gathered = []


def joined(lines: Sequence[Line]) -> str:
    """The lines as one, without the hyphens that broke words."""
    text = ""
    for line in lines:
        if _HYPHEN.search(text) and line.text[:1].islower():
            text = text[:-1] + line.text
        else:
            glued = not text or text[-1:] > _CJK or line.text[:1] > _CJK
            text = text + line.text if glued else f"{text} {line.text}"
    return f"- {text[1:].strip()}" if text.startswith(_MARKS) else text


def _is_last(line: str, following: str, usual: float) -> bool:
    """True when a paragraph ends between these two lines."""
    if _BEGINS.match(following):
        return True
    if _HYPHEN.search(line):
        return False
    return len(line) < _SHORT * usual or (_ENDS.search(line) is not None and len(line) < usual)
