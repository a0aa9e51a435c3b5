"""Which words of one answer another one lacks."""

import re
from difflib import SequenceMatcher
from itertools import groupby

_WORD = re.compile(r"[A-Za-z]+|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
MIN_CHARACTERS_IN_COMMON = 2
"""Shorter matches are chance: most Chinese sentences share a 的 or a comma."""
MIN_SHARE_IN_COMMON = 0.25
"""Below it nearly everything would be marked, which says nothing."""

Piece = tuple[str, bool]


def pieces(text: str, other: str) -> list[Piece] | None:
    """`text` cut into (piece, marked) where the marked ones are not in `other`; None when too little is in common."""
    words, others = _WORD.findall(text), _WORD.findall(other)
    differs = [True] * len(words)
    for match in SequenceMatcher(None, words, others, autojunk=False).get_matching_blocks():
        common = "".join(words[match.a : match.a + match.size])
        if len(common.strip()) >= MIN_CHARACTERS_IN_COMMON:
            differs[match.a : match.a + match.size] = [False] * match.size
    shared = sum(len(word) for word, new in zip(words, differs, strict=True) if not new)
    if shared < MIN_SHARE_IN_COMMON * min(len(text), len(other)):
        return None
    differs = [
        new and (any(c.isalnum() for c in word) or (word.isspace() and all(differs[max(i - 1, 0) : i + 2])))
        for i, (word, new) in enumerate(zip(words, differs, strict=True))
    ]
    grouped = groupby(zip(words, differs, strict=True), key=lambda pair: pair[1])
    return [("".join(word for word, _ in group), new) for new, group in grouped]
