"""Texts in sentences and lines, English and Chinese alike."""

import re

_ENGLISH_END = re.compile(
    r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9À-Þ])|(?<=[A-Za-z0-9)]{2}[.!?])(?=[A-Z][a-z ])|\n+"
)
_NO_END = re.compile(
    r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|St|vs|e\.g|i\.e|approx|Fig|No|etc|al|cf|[A-Z])|^\s*\d{1,2})\.[\"'”’)\]]*$"
)
_CHINESE_END = re.compile(r"(?<=[。！？!?])(?![”’」』）)\"。！？!?])|(?<=[。！？!?][”’」』）)\"])|\n+")


def english_sentences(text: str) -> list[str]:
    """The sentences and lines of an English text; `1.` at the beginning of a line ends none."""
    parts: list[str] = []
    for line in text.split("\n"):
        start = 0
        for match in _ENGLISH_END.finditer(line):
            if not _NO_END.search(line[start : match.start()]):
                parts.append(line[start : match.end()])
                start = match.end()
        parts.append(line[start:])
    return [part.strip() for part in parts if part.strip()]


def chinese_sentences(text: str) -> list[str]:
    """The sentences and lines of a Chinese text."""
    return [part.strip() for part in _CHINESE_END.split(text) if part and re.search(r"\w", part)]


def parts(sentences: list[str]) -> list[str]:
    """The sentences, cut at semicolons of either language."""
    return [part.strip() for one in sentences for part in re.split(r"(?<=[;；])", one) if part.strip()]
