"""Text as it is compared, never as it is kept: widths folded, and spaces and punctuation without meaning left out.

Signs, units and whatever stands between digits stay, so that 2.5 differs from 25 and -1 from 1.
"""

import re
from functools import lru_cache

_WIDTHS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_WIDE = re.compile("[\uff01-\uff5e]")
_BETWEEN_DIGITS = r"(?<=\d)[.,:/．，：／](?=\d)"
_SILENT = re.compile(
    rf"(?!{_BETWEEN_DIGITS})[\s,.:;!?\"'()\[\]{{}}，。、；：？！“”‘’「」『』（）《》〈〉【】…—～~·．＂＇［］｛｝]+"
)


@lru_cache(8)
def normalised(text: str) -> str:
    """The text for comparison; two texts with equal results say the same.

    Remembered for a moment, since several filters and the record itself ask for the same texts one after the other.
    """
    spoken = "".join(_SILENT.split(text)).casefold()
    # most of what is wide was punctuation, and is gone
    return spoken.translate(_WIDTHS) if _WIDE.search(spoken) else spoken
