"""Names as the tagger reads them: what is probable enough, in whole words, and none that everybody knows."""

import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from doctorglm.clinical.convolution import Floats
from doctorglm.clinical.deid.spans import Span
from doctorglm.clinical.deid.tagger import FIRST, of, tagger
from doctorglm.clinical.deid.words import any_of, words

KEEP, AGAIN, CERTAIN = 0.25, 0.05, 0.97
"""How probable each character of a name is at least, and one that was found elsewhere and stands again; how probable,
at its best, one who is famous must be."""
HARDLY = (0.3, 0.05)
LIKE_A_NAME, SHORT, UNLIKE, SMALL_LETTERS = (0.7, 0.4), (0.9, 0.5), (0.85, 0.5), (0.9, 0.7)
"""How probable a name must be at its best, alone and beside another identifier: one that a rule found; one with a
surname or 小, 老, 阿 first; of one character, in Latin letters, or a frequent word with such a beginning; any other; in
small Latin letters. Chosen on writers who were left out of the training."""

WHOLE = 0.5
"""How probable the characters of a rule's Latin name are, in the mean, that goes before a part of it."""
HINTED, CUED = 0.12, (0.9, 0.15)
"""How probable each character of a name is at least, and a name at its best, where a title stands behind it or what
introduces a name before it."""
_TITLE_BEHIND = re.compile(rf" ?{any_of('titles')}")
_INTRODUCED = re.compile(rf"{any_of('introductions')}[:： ]?$|[@]$")

_LATIN = re.compile(r"[A-Za-zÀ-ɏ'’]")
_EDGE = " \t\n\u3000·.,，。;；:：、!！?？()（）[]【】「」『』“”\"'-—_/|@#*<>《》`"
_MAY_END = re.compile(r"[A-Z]\.$")
_BEGINNING = re.compile(rf"[小老阿]|{any_of('surnames')}|{any_of('compound_surnames')}")
_TITLE = re.compile(r"(?:Mr|Mrs|Ms|Miss|Dr|Prof|Nurse)\.? $")


def read(texts: Sequence[str]) -> list[Floats]:
    """What the tagger thinks of each character of folded texts."""
    return tagger().read(texts)


def found(plain: str, probable: Floats, beside: bool = False) -> Iterator[Span]:
    """The names of a folded text that was read; `beside` tells that another identifier stands in the conversation."""
    of_names = of(probable, "name")
    taken = of_names >= KEEP
    for start, end in _runs(taken):
        begins = [start, *(i for i in range(start + 1, end) if probable[i, FIRST] > 0.5), end]
        for first, last in itertools.pairwise(begins):
            yield from _whole(plain, first, last, float(of_names[first:last].max()), beside)
    for start, end in _runs(of_names >= HINTED):
        if not taken[start:end].any():
            yield from _whole(plain, start, end, float(of_names[start:end].max()), beside)


def _runs(inside: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    padded = np.concatenate([[False], inside, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _whole(plain: str, start: int, end: int, best: float, beside: bool) -> Iterator[Span]:
    while start < end and plain[start] in _EDGE:
        start += 1
    while start < end and plain[end - 1] in _EDGE and not _MAY_END.search(plain[start:end]):
        end -= 1
    if start == end:
        return
    while start and _LATIN.match(plain[start]) and _LATIN.match(plain[start - 1]):
        start -= 1
    while end < len(plain) and _LATIN.match(plain[end - 1]) and _LATIN.match(plain[end]):
        end += 1
    name = plain[start:end].removesuffix("'s").removesuffix("’s").rstrip("'’")
    span = Span(start, start + len(name), "name")
    if not name:
        return
    needed = _needed(name, beside)
    if best < needed and _is_cued(plain, span):
        needed = min(needed, CUED[beside])
    if best >= needed and may_be(plain, span):
        yield span


def _is_cued(plain: str, span: Span) -> bool:
    """Whether a title stands behind it, or what introduces a name before it."""
    before = plain[max(0, span.start - 8) : span.start]
    return bool(_TITLE_BEHIND.match(plain, span.end) or _INTRODUCED.search(before))


def may_be(plain: str, span: Span) -> bool:
    """False for what is called a person and is none, and for an eponym without a title."""
    name = plain[span.start : span.end]
    if name in words("never_names") or not any(c.isalpha() for c in name):
        return False
    if not name[0].isascii():
        return True
    bare = (part.removesuffix("'s").rstrip("'’") for part in name.split())
    is_eponym = all({part, part.capitalize()} & set(words("english_eponyms")) for part in bare)
    is_titled = _TITLE.search(plain[max(0, span.start - 6) : span.start])
    return not is_eponym or bool(is_titled)


def _needed(name: str, beside: bool) -> float:
    if name in words("public_figures") or (len(name) > 2 and name in words("not_names")):
        return CERTAIN
    if name[0].isascii() and name.islower():
        return SMALL_LETTERS[beside]
    if name[0].isascii() or len(name) == 1:
        return SHORT[beside]
    if not _BEGINNING.match(name):
        return UNLIKE[beside]
    return (SHORT if tagger().is_frequent(name) else LIKE_A_NAME)[beside]
