"""Words and their Chinese, found in the training pairs themselves: what the meaning of a tag is learned from.

A glossary's terms are rare in ordinary text, so that a student would hardly see a tag. A word and the run of Chinese
characters that stands in the same sentences as it, and hardly in others, are as good to learn copying from.
Source: Dice's coefficient, doi 10.2307/1932409; lexicons for tags: https://aclanthology.org/P19-1294/.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from doctorglm.distill.sentences import SentencePair
from doctorglm.translate.entry import Entry

_WORD = re.compile(r"[a-z]{4,}")
_RUN = re.compile(r"[\u3400-\u9fff]+")
_GRAMMAR = frozenset("的了着个些是在把被给和与")
"""A run that begins or ends with one of these is a word and something else."""
_LENGTHS = range(2, 6)
_FEWEST, _MOST = 3, 400
"""Sentences that a word is in; fewer may be chance, and of more the word is one of grammar."""
_LEAST = 0.5
"""Dice's coefficient of a word and its Chinese."""


def mined(pairs: Sequence[SentencePair]) -> list[Entry]:
    """A row for each word whose Chinese is plain from the pairs."""
    runs = [_runs(pair.chinese) for pair in pairs]
    places = defaultdict[str, list[int]](list)
    for i, pair in enumerate(pairs):
        for word in set(_WORD.findall(pair.english.lower())):
            places[word].append(i)
    everywhere = Counter(run for own in runs for run in own)
    found = ((word, _best(at, runs, everywhere)) for word, at in places.items() if _FEWEST <= len(at) <= _MOST)
    return [Entry(word, (chinese,), "mined") for word, chinese in found if chinese]


def _best(at: Sequence[int], runs: Sequence[frozenset[str]], everywhere: Counter[str]) -> str:
    """The run with the highest coefficient, of equal ones the longest; "" where none is high enough."""
    together: Iterable[tuple[str, int]] = Counter(run for i in at for run in runs[i]).items()
    scored = [(2 * n / (len(at) + everywhere[run]), len(run), run) for run, n in together if n >= _FEWEST]
    best = max(scored, default=(0.0, 0, ""))
    return best[2] if best[0] >= _LEAST else ""


def _runs(chinese: str) -> frozenset[str]:
    return frozenset(
        part[at : at + length]
        for part in _RUN.findall(chinese)
        for length in _LENGTHS
        for at in range(len(part) - length + 1)
        if part[at] not in _GRAMMAR and part[at + length - 1] not in _GRAMMAR
    )
