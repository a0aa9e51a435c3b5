"""Documents to chunks: never across a section, 200 to 400 tokens where a section has them, parted at sentences."""

import math
import re
from collections.abc import Iterator

from doctorglm.library.analysis import whole
from doctorglm.library.document import Chunk, Document

MOST_TOKENS = 400
"""Parts of like size, each of at most this, have more than half of it."""

_PIECE = re.compile(r"[^。！？!?；;\n]*(?:[。！？!?；;]+[”’」』）)]*|\n+|$)")
_ENGLISH = re.compile(r"(?<=[a-z)\]][.!?])\s+(?=[A-Z])")
_WORD = re.compile("[A-Za-z]+")
_OTHER = re.compile(r"[0-9]+|[^\sA-Za-z0-9]")
HAN_TOKENS, WORD_TOKENS, _AT_MOST = 0.7, 1.3, 1.5
"""Tokens a Chinese character and an English word take in vocabularies of 65,000 to 150,000 pieces, about."""


def tokens_in(text: str) -> float:
    """About how many tokens a text has in the vocabulary of a Chinese model; the model's own counts for the prompt."""
    return HAN_TOKENS * len(_OTHER.findall(text)) + WORD_TOKENS * len(_WORD.findall(text))


def tokens_at_most(text: str) -> int:
    """More tokens than a text has in any vocabulary that reads Chinese: half as many again as about."""
    return math.ceil(_AT_MOST * tokens_in(text))


def chunks_of(document: Document, most: float = MOST_TOKENS) -> Iterator[Chunk]:
    """The chunks of every section, in order."""
    number = 0
    for section in document.sections:
        for text in parted(section.text, most):
            yield Chunk(document=document, section=section, number=number, text=text)
            number += 1


def parted(text: str, most: float = MOST_TOKENS) -> list[str]:
    """The text in parts of like size, each of at most `most` tokens; none is blank."""
    text = whole(text)
    if tokens_in(text) <= most:
        return [text.strip()] if text.strip() else []
    pieces = [piece for sentence in _sentences(text) for piece in _short(sentence, most)]
    sizes = [tokens_in(piece) for piece in pieces]
    total = sum(sizes)
    target = total / max(1, math.ceil(total / most))
    parts: list[str] = []
    held, size = "", 0.0
    for piece, tokens in zip(pieces, sizes, strict=True):
        if held and (size + tokens > most or size + tokens / 2 > target):
            parts.append(held)
            held, size = "", 0.0
        held, size = held + piece, size + tokens
    parts.append(held)
    return [part.strip() for part in parts if part.strip()]


def _sentences(text: str) -> Iterator[str]:
    for found in _PIECE.finditer(text):
        start = found.start()
        for gap in _ENGLISH.finditer(found[0]):
            yield text[start : found.start() + gap.end()]
            start = found.start() + gap.end()
        if start < found.end():
            yield text[start : found.end()]


def _short(sentence: str, most: float) -> Iterator[str]:
    """A sentence of at most `most` tokens as it is; a longer one parted at commas, and where it has none, anywhere."""
    if tokens_in(sentence) <= most:
        yield sentence
        return
    held = ""
    for piece in re.split(r"(?<=[，,、：:])", sentence):
        if held and tokens_in(held + piece) > most:
            yield held
            held = ""
        held += piece
        while tokens_in(held) > most:
            yield held[: int(most / WORD_TOKENS)]
            held = held[int(most / WORD_TOKENS) :]
    if held:
        yield held
