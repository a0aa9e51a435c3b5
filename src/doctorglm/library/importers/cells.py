"""The text of a cell: lists as they were printed, bytes as they were escaped, and words for nothing."""

import ast
import re
import warnings
from typing import Any

_NOTHING = frozenset(
    {"", "nan", "none", "null", "n/a", "na", "-", "--", "—", "/", "暂无", "不详", "暂无数据", "暂无资料"}
)
_BYTES = re.compile(r"(?:\\x[0-9a-fA-F]{2})+")
_LONGEST_LIST_CHARS = 1 << 20
_BETWEEN_NAMES = re.compile(r"[、，;；/|\n]|(?<!\d),|,(?!\d)")
"""What stands between aliases; 1,25-二羟维生素D is one."""


def text_of_cell(value: Any) -> str:
    """The cell as text: the parts of a list with 、 between them, the pairs of an object a line each."""
    if isinstance(value, list | tuple):
        return "、".join(filter(None, map(text_of_cell, value)))
    if isinstance(value, dict):
        return "\n".join(f"{key}：{said}" for key, part in value.items() if (said := text_of_cell(part)))
    if value is None or isinstance(value, bool):
        return ""
    text = repaired(str(value)).strip()
    if text[:1] == "[" and text[-1:] == "]" and (parts := _printed_list(text)) is not None:
        return text_of_cell(parts)
    text = text.replace("\\'", "'").replace('\\"', '"')
    return "" if text.casefold() in _NOTHING else text


def names_in(value: Any) -> list[str]:
    """The aliases in a cell."""
    return [part.strip() for part in _BETWEEN_NAMES.split(text_of_cell(value)) if part.strip()]


def repaired(text: str) -> str:
    r"""The text with `\xe2\x80\x93`, as Python prints bytes, read as the UTF-8 that it is; other escapes stay."""
    return _BYTES.sub(_character, text)


def _character(escaped: re.Match[str]) -> str:
    try:
        return bytes.fromhex(escaped[0].replace("\\x", "")).decode("utf-8")
    except UnicodeDecodeError:
        return escaped[0]


def _printed_list(text: str) -> list[Any] | None:
    """The list that Python printed; None for text that merely stands in brackets."""
    if len(text) > _LONGEST_LIST_CHARS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an escape that is none (\\d) is text here
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, list) else None
