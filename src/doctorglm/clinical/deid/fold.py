"""A text as the rules read it, character by character where it stands, so that places are the same in all readings.

Widths folded; spoken and circled digits as digits; what a scanner took for letters as digits; Traditional characters
that the rules use as Simplified ones.
"""

import re
from functools import lru_cache

from doctorglm.clinical.deid.words import words

_WIDTHS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xA0: 0x20}
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−﹣－"), "-")
_DOTS = dict.fromkeys(map(ord, "•∙・‧⋅"), "·")
_SPOKEN = {
    **dict.fromkeys(map(ord, "零〇○洞"), "0"),
    **dict.fromkeys(map(ord, "一幺壹"), "1"),
    **dict.fromkeys(map(ord, "二贰两貳"), "2"),
    **dict.fromkeys(map(ord, "三叁"), "3"),
    **dict.fromkeys(map(ord, "四肆"), "4"),
    **dict.fromkeys(map(ord, "五伍"), "5"),
    **dict.fromkeys(map(ord, "六陆陸"), "6"),
    **dict.fromkeys(map(ord, "七柒拐"), "7"),
    **dict.fromkeys(map(ord, "八捌"), "8"),
    **dict.fromkeys(map(ord, "九玖勾"), "9"),
}
_CIRCLED = {
    **{first + i: str(i + 1) for first in (0x2460, 0x2474, 0x2488, 0x2776, 0x2780, 0x278A, 0x24F5) for i in range(9)},
    **dict.fromkeys(map(ord, "⓪⓿🄋"), "0"),
    **{first + i: str(i) for first in (0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6) for i in range(10)},
}
_SCANNED = re.compile(
    r"(?<![0-9A-Za-z])(?=[OoIl]*[0-9])[0-9OoIl]{2,}(?![A-Za-z])|(?<=[0-9][\- .])[OoIl]{2,8}(?![A-Za-z])"
)
_LETTERS = str.maketrans("OoIl", "0011")


_FOLDED = _WIDTHS | {code: dash for code, dash in (_DASHES | _DOTS).items() if code not in _WIDTHS}


@lru_cache(8)
def folded(text: str) -> str:
    """Half-width letters, digits and marks, plain dashes; as long as the text, so that places are the same.

    Remembered for a moment, since every kind of identifier is looked for in the same text.
    """
    return text.translate(_FOLDED)


@lru_cache(8)
def spoken(text: str) -> str:
    """The folded text with Chinese numerals and circled digits as digits (幺三八 is 138); as long as the text."""
    return folded(text).translate(_SPOKEN).translate(_CIRCLED)


def circled(plain: str) -> str:
    """The folded text with circled digits alone as digits; as long as the text."""
    return plain.translate(_CIRCLED)


def scanned(plain: str) -> str:
    """The folded text with O for 0 and l for 1 put right in what is else made of digits; as long as the text."""
    return _SCANNED.sub(lambda match: match[0].translate(_LETTERS), plain)


def simplified(text: str) -> str:
    """The text with the Traditional characters that the rules know as Simplified ones; as long as the text."""
    return text.translate(_SIMPLIFIED)


_SIMPLIFIED = {ord(pair[0]): pair[1] for pair in words("traditional")}
