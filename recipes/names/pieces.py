"""Texts in parts, each part with what it is, and the labels of the characters that follow from it."""

import re
from collections.abc import Iterator
from pathlib import Path

from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.spans import TYPES

NONE, NOT_NAME, LEFT_OUT = 0, 2 * len(TYPES) + 1, -100
"""Labels beside 2k + 1 for the first character of type k and 2k + 2 for a further one; NOT_NAME is all but a name."""
PLAIN, UNREAD = "", "?"
"""Parts that hold no identifier, and parts of which only that is known that they hold no name."""
Piece = list[tuple[str, str]]
"""A text in parts, each with its type, PLAIN, UNREAD, or `+` and the kind of the word, which others may stand for."""

_MARK = re.compile(r"⟦(?:([a-z_]+):)?([^⟦⟧]+)⟧")
_CLAUSE = re.compile(r"(?<=[，。！？；,!?;\n、：])")
_SENTENCE = re.compile(r"(?<=[。！？；!?\n])")


def read(path: Path) -> list[Piece]:
    """The written records, in parts; where marks bear no type, they are names and the rest is unread."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rest = PLAIN if any("⟦name:" in line for line in lines) else UNREAD
    return [_parts(line.replace("\\n", "\n"), rest) for line in lines if line]


def _parts(marked: str, rest: str) -> Piece:
    piece, at = [], 0
    for match in _MARK.finditer(marked):
        piece += [(marked[at : match.start()], rest), (match[2], match[1] or "name")]
        at = match.end()
    return [part for part in [*piece, (marked[at:], rest)] if part[0]]


def is_identifier(kind: str) -> bool:
    """Whether a part's kind is a type."""
    return kind in TYPES


def label_of(kind: str) -> int:
    """The label of a part's characters, the first one's for a type."""
    if kind in TYPES:
        return 2 * TYPES.index(kind) + 1
    return NOT_NAME if kind.endswith(UNREAD) else NONE


def labelled(piece: Piece) -> tuple[str, list[int]]:
    """The folded text and its labels."""
    labels: list[int] = []
    for text, kind in piece:
        first = label_of(kind)
        labels += [first, *[first + 1 if is_identifier(kind) else first] * (len(text) - 1)] if text else []
    return folded("".join(text for text, _ in piece)), labels


def clauses(piece: Piece) -> Iterator[Piece]:
    """The record cut behind its marks, or, where it holds other identifiers than names, behind its sentences."""
    cut = _SENTENCE if any(is_identifier(kind) and kind != "name" for _, kind in piece) else _CLAUSE
    clause: Piece = []
    for text, kind in piece:
        if is_identifier(kind):
            clause.append((text, kind))
            continue
        for i, part in enumerate(cut.split(text)):
            if i and clause:
                yield clause
                clause = []
            if part:
                clause.append((part, kind))
    if clause:
        yield clause
