"""Running text as blocks, and blocks as sections: what a page, a Word document, Markdown and a PDF have in common."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from doctorglm.library.document import Section
from doctorglm.library.headings import NAMES, OTHER, key_of

HAN = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Block:
    """A heading of a level, 1 the highest; with level 0 a paragraph, an item of a list or a row of a table.

    `page` is the page of a PDF, from 1, where it begins, and `until` where it ends; 0 where there are none.
    """

    text: str
    level: int = 0
    page: int = 0
    until: int = 0


@dataclass(slots=True)
class _Part:
    """A section that is being gathered."""

    heading: str
    key: str
    lines: list[str] = field(default_factory=list)
    pages: list[int] = field(default_factory=list)

    def take(self, block: Block) -> None:
        self.lines.append(block.text)
        if block.page:
            self.pages += [block.page, max(block.page, block.until)]

    def section(self) -> Section:
        text = "\n".join(self.lines)
        heading = self.heading or opening(text)
        pages = sorted({self.pages[0], self.pages[-1]}) if self.pages else []
        return Section(heading, self.key, text, "p. " + "-".join(map(str, pages)) if pages else "")


def opening(text: str) -> str:
    """The heading of what stands before the first heading, in the text's language."""
    chinese, english = NAMES["overview"]
    return chinese if HAN.search(text) else english


def take_title(blocks: Sequence[Block]) -> tuple[str, list[Block]]:
    """The first heading, when it is the title, and the blocks without it; "" and all of them when it is none.

    A title has level 1; one that names a part (病因) is the title only above deeper ones, and alone on its level.
    """
    place = next((place for place, block in enumerate(blocks) if block.level), -1)
    if place < 0 or blocks[place].level != 1:
        return "", list(blocks)
    levels = [block.level for block in blocks if block.level]
    if key_of(blocks[place].text) != OTHER and (levels.count(1) > 1 or max(levels) == 1):
        return "", list(blocks)
    return blocks[place].text, [*blocks[:place], *blocks[place + 1 :]]


def sections_of(blocks: Iterable[Block], deepest: int) -> tuple[Section, ...]:
    """A section for each heading of the highest level, and for a deeper one down to `deepest` that is known.

    Other deeper headings stay in the text as lines. A part without text is none.
    """
    blocks = list(blocks)
    top = min((block.level for block in blocks if block.level), default=1)
    parts = [_Part("", "overview")]
    for block in blocks:
        key = key_of(block.text) if block.level else OTHER
        if 0 < block.level <= top or (0 < block.level <= deepest and key not in (OTHER, parts[-1].key)):
            parts.append(_Part(block.text.strip(" :：#"), key))
        else:
            parts[-1].take(block)
    return tuple(part.section() for part in parts if any(line.strip() for line in part.lines))
