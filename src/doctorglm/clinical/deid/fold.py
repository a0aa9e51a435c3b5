"""A text as the rules read it, character by character where it stands: widths folded, and spoken digits as digits."""

from functools import lru_cache

_WIDTHS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0xA0: 0x20}
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—−﹣－"), "-")
_DOTS = dict.fromkeys(map(ord, "•∙・‧⋅"), "·")
_SPOKEN = {
    **dict.fromkeys(map(ord, "零〇○洞"), "0"),
    **dict.fromkeys(map(ord, "一幺壹"), "1"),
    **dict.fromkeys(map(ord, "二贰两"), "2"),
    **dict.fromkeys(map(ord, "三叁"), "3"),
    **dict.fromkeys(map(ord, "四肆"), "4"),
    **dict.fromkeys(map(ord, "五伍"), "5"),
    **dict.fromkeys(map(ord, "六陆"), "6"),
    **dict.fromkeys(map(ord, "七柒拐"), "7"),
    **dict.fromkeys(map(ord, "八捌"), "8"),
    **dict.fromkeys(map(ord, "九玖"), "9"),
}


_FOLDED = _WIDTHS | {code: dash for code, dash in (_DASHES | _DOTS).items() if code not in _WIDTHS}


@lru_cache(8)
def folded(text: str) -> str:
    """Half-width letters, digits and marks, plain dashes; as long as the text, so that places are the same.

    Remembered for a moment, since every kind of identifier is looked for in the same text.
    """
    return text.translate(_FOLDED)


@lru_cache(8)
def spoken(text: str) -> str:
    """The folded text with Chinese numerals as digits (幺三八 is 138); as long as the text."""
    return folded(text).translate(_SPOKEN)
