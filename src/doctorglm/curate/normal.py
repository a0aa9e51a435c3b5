"""Text as it is compared, never as it is kept: widths folded, and spaces and punctuation without meaning left out.

Signs, units and whatever stands between digits stay, so that 2.5 differs from 25 and -1 from 1.
"""

import re

_WIDTHS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_BETWEEN_DIGITS = r"(?<=\d)[.,:/](?=\d)"
_SILENT = re.compile(rf"(?!{_BETWEEN_DIGITS})[\s,.:;!?\"'()\[\]{{}}，。、；：？！“”‘’「」『』（）《》〈〉【】…—～~·]+")


def normalised(text: str) -> str:
    """The text for comparison; two texts with equal results say the same."""
    folded = text.translate(_WIDTHS).casefold()
    return "".join(_SILENT.split(folded))
