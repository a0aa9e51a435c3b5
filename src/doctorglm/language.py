"""What the program says, in Chinese and in English, chosen by `--lang` or by the locale.

Both wordings stand side by side where they are used, so that neither is forgotten.
"""

import os
import re
from dataclasses import dataclass
from typing import Literal

Language = Literal["zh", "en"]

_LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
_chosen: Language | None = None


@dataclass(frozen=True, kw_only=True)
class Text:
    """One message in both languages; `str()` gives the one in force."""

    en: str
    zh: str

    def __str__(self) -> str:
        return self.zh if current() == "zh" else self.en


def choose(language: Language | None) -> None:
    """Sets the language of the process; None goes back to the locale."""
    global _chosen
    _chosen = language


def current() -> Language:
    """The language in force: `choose`, else the first locale variable that is set, else English."""
    if _chosen:
        return _chosen
    locale = next((os.environ[name] for name in _LOCALE_VARIABLES if os.environ.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


_ESCAPED_BYTES = re.compile("[\udc80-\udcff]+")


def readable(text: str) -> str:
    """The text with the bytes that Python could not decode read as UTF-8, what is none as `\\xNN`.

    Under an ASCII locale Python keeps the Chinese names of files, and what is typed behind a flag, as such bytes.
    """
    return _ESCAPED_BYTES.sub(
        lambda run: run[0].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"), text
    )


def say(*, en: str, zh: str) -> str:
    """The wording for the language in force."""
    return zh if current() == "zh" else en


_HAN = re.compile(r"[\u3400-\u9fff]")


def spoken(text: str) -> Language:
    """The language of a text: Chinese where a Chinese character stands in it."""
    return "zh" if _HAN.search(text) else "en"
