"""Texts in sentences and lines, English and Chinese alike."""

import re

from doctorglm.translate.sentences import sentences

_CHINESE_END = re.compile(r"(?<=[。！？!?])(?![”’」』）)\"。！？!?])|(?<=[。！？!?][”’」』）)\"])(?![，、；,;])|\n+")


def english_sentences(text: str) -> list[str]:
    """The sentences and lines of an English text."""
    return [said.strip() for said, _ in sentences(text) if said.strip()]


def chinese_sentences(text: str) -> list[str]:
    """The sentences and lines of a Chinese text."""
    return [part.strip() for part in _CHINESE_END.split(text) if part and re.search(r"\w", part)]


def parts(every: list[str]) -> list[str]:
    """The sentences, cut at semicolons of either language."""
    return [part.strip() for one in every for part in re.split(r"(?<=[;；])", one) if part.strip()]
