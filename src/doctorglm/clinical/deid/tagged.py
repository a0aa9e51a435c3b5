"""Names as the tagger reads them: what is probable enough, in whole words, and none that everybody knows."""

import itertools
import re
from collections.abc import Iterator, Sequence

import numpy as np

from doctorglm.clinical.deid.spans import Span
from doctorglm.clinical.deid.tagger import Floats, tagger
from doctorglm.clinical.deid.words import any_of, words

KEEP, HARDLY, AGAIN, CERTAIN = 0.25, 0.05, 0.005, 0.97
"""How probable each character of a name is at least; below what a rule's name is none, and one that was found elsewhere
and stands again; how probable, at its best, one who is famous must be."""
LIKE_A_NAME, SHORT, UNLIKE = 0.5, 0.7, 0.6
"""How probable a name must be at its best: with a surname or 小, 老, 阿 first; of one character, in Latin letters, or a
frequent word with such a beginning; any other. All were chosen on the development half of the labelled set."""

_LATIN = re.compile(r"[A-Za-zÀ-ɏ'’]")
_EDGE = " \t\n\u3000·.,，。;；:：、!！?？()（）[]【】「」『』“”\"'-—_/|@#*<>《》"
_MAY_END = re.compile(r"[A-Z]\.$")
_BEGINNING = re.compile(rf"[小老阿]|{any_of('surnames')}|{any_of('compound_surnames')}")
_TITLE = re.compile(r"(?:Mr|Mrs|Ms|Miss|Dr|Prof|Nurse)\.? $")


def read(texts: Sequence[str]) -> list[Floats]:
    """Per folded text (L, 2): how probable it is that a character belongs to a name, and that it begins one."""
    return [np.stack([1 - scores[:, 0], scores[:, 1]], 1) for scores in tagger().read(texts)]


def found(plain: str, probable: Floats) -> Iterator[Span]:
    """The names of a folded text that was read."""
    inside = np.concatenate([[False], probable[:, 0] >= KEEP, [False]])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        begins = [start, *(i for i in range(start + 1, end) if probable[i, 1] > 0.5), end]
        for first, last in itertools.pairwise(begins):
            yield from _whole(plain, first, last, float(probable[first:last, 0].max()))


def _whole(plain: str, start: int, end: int, best: float) -> Iterator[Span]:
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
    if best >= _needed(name) and may_be(plain, span):
        yield span


def may_be(plain: str, span: Span) -> bool:
    """False for what is called a person and is none, for small letters, and for an eponym without a title."""
    name = plain[span.start : span.end]
    if name in words("never_names") or not any(c.isalpha() for c in name):
        return False
    if not name[0].isascii():
        return True
    is_eponym = all(part.removesuffix("'s").rstrip("'’") in words("english_eponyms") for part in name.split())
    is_titled = _TITLE.search(plain[max(0, span.start - 6) : span.start])
    return any(c.isupper() for c in name) and (not is_eponym or bool(is_titled))


def _needed(name: str) -> float:
    if name in words("public_figures") or (len(name) > 2 and name in words("not_names")):
        return CERTAIN
    if name[0].isascii() or len(name) == 1:
        return SHORT
    if not _BEGINNING.match(name):
        return UNLIKE
    return SHORT if tagger().is_frequent(name) else LIKE_A_NAME


def at_best(probable: Floats, span: Span) -> float:
    """How probable the most probable character of the span is."""
    return float(probable[span.start : span.end, 0].max())
