"""A row of a glossary: an English term, the Chinese that counts as right, where it is from, under which licence."""

import re
from dataclasses import dataclass

from doctorglm.errors import DataError

_HAN = re.compile(r"[\u3400-\u9fff]")
_LETTER = re.compile(r"[A-Za-z]")
_BETWEEN = re.compile(r"[|;；]")
_LONGEST_CHARS = 200
"""The longest of HPO has 146; what goes beyond is a sentence."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: the term as it is written in its source, and its renderings, at least one."""

    english: str
    chinese: tuple[str, ...]
    source: str = ""
    licence: str = ""


def entry(english: str, chinese: str, where: str, source: str = "", licence: str = "") -> Entry:
    """The row of two cells, renderings parted by `|` or `;`; raises DataError with file and line for a wrong one."""
    term = " ".join(english.split())
    renderings = tuple(dict.fromkeys(filter(None, (" ".join(r.split()) for r in _BETWEEN.split(chinese)))))
    if _HAN.search(term):
        raise wrong(where, en="the English term holds Chinese. Put the English column first.",
                    zh="英文术语里有汉字。请把英文列放在前面。")  # fmt: skip
    if not _LETTER.search(term):
        raise wrong(where, en="there is no English term. Fill it in, or take the row out.",
                    zh="没有英文术语。请补上，或删去这一行。")  # fmt: skip
    if not renderings:
        raise wrong(where, en="the term has no Chinese rendering. Fill it in, or take the row out.",
                    zh="该术语没有中文译法。请补上，或删去这一行。")  # fmt: skip
    if max(map(len, (term, *renderings))) > _LONGEST_CHARS:
        raise wrong(where, en=f"longer than {_LONGEST_CHARS} characters, which is no term. Take the row out.",
                    zh=f"超过 {_LONGEST_CHARS} 个字符，不是术语。请删去这一行。")  # fmt: skip
    return Entry(term, renderings, source.strip(), licence.strip())


def wrong(where: str, *, en: str, zh: str) -> DataError:
    """The error for a row or a file of a glossary."""
    return DataError(en=f"{where}: {en}", zh=f"{where}：{zh}")
