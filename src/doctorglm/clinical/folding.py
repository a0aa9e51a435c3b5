"""A text as the readers of clinical text see it, character by character where it stands.

Half-width, lower case, simplified, plain marks; as long as the text, so that places are the same.
Source of the characters: OpenCC's `t2s` (see `traditional.txt`).
"""

from functools import cache
from importlib import resources

_MARKS = {
    "﹣": "-",
    "‐": "-",
    "‑": "-",
    "–": "-",
    "−": "-",
    "～": "~",
    "〜": "~",
    "﹑": "、",
    "､": "、",
    "｡": "。",
    "’": "'",
}


def folded(text: str) -> str:
    """The text with widths, case and Traditional characters folded; of the same length."""
    return text.translate(_table())


@cache
def _table() -> dict[int, str]:
    table = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)} | {0x3000: " ", 0xA0: " "}
    for kept in "，！？；：（）":  # marks of Chinese stay apart from those of English
        table.pop(ord(kept), None)
    table |= {code: chr(code).lower() for code in (*range(0x41, 0x5B),)}
    table |= {code: chr(code - 0xFEE0).lower() for code in range(0xFF21, 0xFF3B)}
    table |= {ord(mark): plain for mark, plain in _MARKS.items()}
    lines = resources.files(__package__).joinpath("traditional.txt").read_text(encoding="utf-8").splitlines()[1:]
    for old, new in zip(lines[::2], lines[1::2], strict=True):
        table |= {ord(a): b for a, b in zip(old, new, strict=True)}
    return table
