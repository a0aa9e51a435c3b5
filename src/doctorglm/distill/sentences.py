"""Pairs of fields as pairs of sentences: a student translates sentence by sentence, and is trained so.

Fields whose sentences do not answer one another stay whole.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from doctorglm.translate.pairs import Pair
from doctorglm.translate.student.sentences import pieces

_CHINESE = re.compile(r"[^\n]+?(?:[。！？!?]+[”’」』）)\"]*|\n|\Z)")
_RATIO = (0.08, 1.0)
"""Chinese characters for one of English, beyond which two sentences do not answer one another."""
_FREE_CHARS = 12


@dataclass(frozen=True, slots=True)
class SentencePair:
    """An English sentence and its Chinese, with the document that both are from."""

    english: str
    chinese: str
    document: str


def sentence_pairs(pairs: Iterable[Pair]) -> Iterator[SentencePair]:
    """Each field as its sentences where both languages have as many of fitting lengths, else as it is."""
    for pair in pairs:
        if not pair.chinese.strip():
            continue
        english = [" ".join(piece.text.split()) for piece in pieces(pair.english) if piece.spoken]
        chinese = [said for part in _CHINESE.findall(pair.chinese) if (said := " ".join(part.split()))]
        if len(english) == len(chinese) and all(map(_fits, english, chinese)):
            yield from (SentencePair(en, zh, pair.document) for en, zh in zip(english, chinese, strict=True))
        else:
            yield SentencePair(" ".join(pair.english.split()), " ".join(pair.chinese.split()), pair.document)


def _fits(english: str, chinese: str) -> bool:
    least, most = (len(english) * share for share in _RATIO)
    return least - _FREE_CHARS <= len(chinese) <= most + _FREE_CHARS
