"""Which Chinese sentence is of which English one: what changed places, what is left out, what was added.

Sentences are alike by what they share: terms and words of the lexicon, numbers, a question mark, their lengths.
"""

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from doctorglm.translate.checks.fault import Fault
from doctorglm.translate.checks.lexicon import HUSHED
from doctorglm.translate.checks.reading import Chinese, English, Reader, Reading
from doctorglm.translate.checks.sentences import chinese_sentences, english_sentences, parts

_WEIGHTS = {"common": 0.3, "idioms": 0.5, "opposites": 0.5, "times": 0.5, HUSHED: 0.0}
_WEIGHT = 1.0
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_DENSITY = 0.33
"""Characters of Chinese for one of English, about."""
_LEAST_DENSITY = 0.25
"""The same, at least, where nothing is left out: without it a sentence is a part of what is said, and not more."""
_MARGIN = 0.5
_UNALIGNED = 0.1
_PRONOUNS = (("i", "我"), ("he", "他"), ("she", "她"), ("you", "您"))
_BAND = 4
"""Sentences by which both sides may be apart."""
_ODD = 0.4
"""Likeness below which a sentence may be another's."""
_FEW = 12
_MOST = 40
"""Sentences of a text that are aligned; longer texts are taken as one."""


_Bead: TypeAlias = tuple[tuple[int, int], tuple[int, int]]


@dataclass
class Alignment:
    """Sentences of both sides, and pairs of runs of them: ((from, to), (from, to))."""

    english: list[str]
    chinese: list[str]
    reader: Reader
    _known: dict[tuple[int, int], float] = field(default_factory=dict)

    def likeness(self, i: int, j: int) -> float:
        """Of an English sentence with a Chinese one."""
        if (i, j) not in self._known:
            self._known[i, j] = _likeness(self.reader.read(self.english[i], self.chinese[j]))
        return self._known[i, j]

    @cached_property
    def order(self) -> list[int]:
        """For equal numbers of sentences, which Chinese one is of each English one; as it is, if that is as good.

        Neighbours that changed places are always looked for, others where two sentences are hardly like their own.
        """
        n = len(self.english)
        best = list(range(n))
        if not 1 < n <= _MOST:
            return best
        gains = [(self._gain(best, at, at + 1), at, at + 1) for at in range(n - 1)]
        odd = [at for at in range(n) if self.likeness(at, at) < _ODD]
        gains += [(self._gain(best, a, b), a, b) for a in odd for b in odd if b > a + 1]
        gain, a, b = max(gains)
        if gain > _MARGIN:
            best[a], best[b] = best[b], best[a]
        moved = [(sum(self.likeness(i, j) for i, j in enumerate(order)), order) for order in _moved(n, odd)]
        now = sum(self.likeness(i, j) for i, j in enumerate(best))
        score, order = max(moved, default=(0.0, best))
        return order if score > now + _MARGIN else best

    def _gain(self, order: Sequence[int], a: int, b: int) -> float:
        """What the exchange of two sentences adds."""
        now = self.likeness(a, order[a]) + self.likeness(b, order[b])
        return self.likeness(a, order[b]) + self.likeness(b, order[a]) - now

    @cached_property
    def beads(self) -> list[_Bead]:
        """Runs of sentences that belong together, in order, by dynamic programming; one side of a bead may be empty."""
        n, m = len(self.english), len(self.chinese)
        best: dict[tuple[int, int], tuple[float, tuple[int, int]]] = {(0, 0): (0.0, (0, 0))}
        for i in range(n + 1):
            for j in range(max(0, i + min(0, m - n) - _BAND), min(m, i + max(0, m - n) + _BAND) + 1):
                choices = [
                    (best[i - a, j - b][0] + self._bead(i - a, i, j - b, j), (a, b))
                    for a, b in ((1, 1), (1, 0), (0, 1), (1, 2), (2, 1), (1, 3), (3, 1))
                    if (i - a, j - b) in best
                ]
                if choices:
                    best[i, j] = max(choices)
        found, i, j = [], n, m
        while i or j:
            a, b = best[i, j][1]
            found.append(((i - a, i), (j - b, j)))
            i, j = i - a, j - b
        return list(_paired(found[::-1]))

    def _bead(self, i: int, k: int, j: int, m: int) -> float:
        if i == k or j == m:
            return -_UNALIGNED
        if k - i == 1 and m - j == 1:
            return self.likeness(i, j)
        return _likeness(self.reader.read(" ".join(self.english[i:k]), "".join(self.chinese[j:m]))) - 0.2


def _paired(beads: Sequence[_Bead]) -> Iterator[_Bead]:
    """The beads; sentences without their other side beside ones of the other language are those', however unlike."""
    for is_alone, some in itertools.groupby(beads, lambda bead: bead[0][0] == bead[0][1] or bead[1][0] == bead[1][1]):
        run = list(some)
        (i, _), (j, _) = run[0]
        (_, k), (_, m) = run[-1]
        yield from [((i, k), (j, m))] if is_alone and i < k and j < m else run


def _moved(n: int, odd: Sequence[int]) -> Iterator[list[int]]:
    """Orders with one sentence moved from one odd place to another, and all turned round; for few sentences."""
    if n <= _FEW and len(odd) > 2:
        for at in odd:
            for to in odd:
                if abs(at - to) > 1:
                    order = list(range(n))
                    order.insert(to, order.pop(at))
                    yield order


def _likeness(one: Reading) -> float:
    """How much both share, less what each has alone; about 1 for a term that is in both."""
    score = 0.0
    for wording in one.there.segments:
        if wording.rows:
            weight = max(_WEIGHTS.get(one.row(row).name, _WEIGHT) for row in wording.numbers)
            score += weight if one.explains(wording) else -0.4 * weight
    score += sum(0.3 if rows & one.there.rows else -0.5 for rows in one.said.asking.values())
    numbers, others = set(_NUMBER.findall(one.english)), set(_NUMBER.findall(one.chinese))
    score += len(numbers & others) - 0.5 * len(numbers ^ others)
    asked, asks = "?" in one.english, "？" in one.chinese or "?" in one.chinese
    score += 0.6 if asked and asks else -0.8 if asked != asks else 0
    low = one.said.spaced
    for english, chinese in _PRONOUNS:
        score += 0.3 * ((f" {english} " in low) and chinese in one.chinese)
    size = abs(math.log((len(one.chinese) + 3) / (_DENSITY * len(one.english) + 3)))
    return score - 0.6 * size


def aligned(reader: Reader, english: str, chinese: str) -> Alignment:
    """The sentences of both texts."""
    return Alignment(english_sentences(english), chinese_sentences(chinese), reader)


def belonging(one: Alignment, english: str, chinese: str) -> list[tuple[str, str]]:
    """Sentences that belong together, without Chinese ones that are more than their English: they may be added."""
    if len(one.english) == len(one.chinese):
        return [(one.english[i], one.chinese[j]) for i, j in enumerate(one.order)]
    if max(len(one.english), len(one.chinese)) > _MOST:
        return [(english, chinese)]
    return [(" ".join(one.english[i:k]), "".join(one.chinese[j:m])) for (i, k), (j, m) in one.beads if m - j <= k - i]


def runs(one: Alignment, english: str, chinese: str, moved: bool) -> list[tuple[str, str]]:
    """All of both texts as sentences that belong together; what stands alone goes with what is before it."""
    if len(one.english) == len(one.chinese):
        order = one.order if moved else range(len(one.english))
        return [(one.english[i], one.chinese[j]) for i, j in enumerate(order)]
    if max(len(one.english), len(one.chinese)) > _MOST:
        return [(english, chinese)]
    found: list[tuple[int, int]] = [(0, 0)]
    for (_, k), (_, m) in one.beads:
        if k == found[-1][0] or m == found[-1][1] or 0 in found[-1]:
            found.pop()
        found.append((k, m))
    ends = [(0, 0), *(end for end in found if end != (0, 0))]
    return [(" ".join(one.english[i:k]), "".join(one.chinese[j:m])) for (i, j), (k, m) in itertools.pairwise(ends)]


def order_faults(one: Alignment) -> Iterator[Fault]:
    """Sentences, lines or what semicolons part that changed places."""
    finer = Alignment(parts(one.english), parts(one.chinese), one.reader)
    same = (finer.english, finer.chinese) == (one.english, one.chinese)
    for units in (one,) if same else (one, finer):
        if len(units.english) == len(units.chinese) and units.order != list(range(len(units.english))):
            at = next(i for i, j in enumerate(units.order) if i != j)
            yield Fault("order", "sentences_exchanged", units.english[at], units.chinese[at])
            return
    if _numbered(one.chinese) and not _numbered(one.english):
        yield Fault("order", "list_out_of_order", "", one.chinese[0])


def _numbered(parts: Sequence[str]) -> bool:
    """Whether lines begin with numbers that do not rise."""
    found = [int(m[1]) for part in parts if (m := re.match(r"(\d{1,2})[.、)）]", part))]
    return len(found) > 1 and found != sorted(found)


_END_EN = re.compile(r"[.!?][\"'”’)\]]*\s*$")
_END_ZH = re.compile(r"(?:[。！？!?….][”’」』）)\"]*|[(（][^()（）]+[)）])\s*$")
_OPEN_ZH = re.compile(r"[，、：；,;:（(“「]\s*$")


def cut_faults(one: Alignment, english: str, chinese: str) -> Iterator[Fault]:
    """A text that breaks off: no mark at its end, or English sentences at the end with nothing of them."""
    if _OPEN_ZH.search(chinese) and not re.search(r"[,:;(\"“]\s*$", english):
        yield Fault("truncation", "breaks_off", "", chinese[-8:])
    elif _END_EN.search(english) and not _END_ZH.search(chinese):
        yield Fault("truncation", "no_end", "", chinese[-8:])
    else:
        alone = [i for (i, _), (j, m) in one.beads if j == m] if _may_lack(one.english, one.chinese) else []
        whole = one.reader.chinese(chinese)
        asks = english.count("?") > whole.text.count("?") + whole.text.count("？")
        short = [i for i in alone if asks and one.english[i].endswith("?")]
        lost = [one.english[i] for i in alone if i in short or _is_lost(one.reader.english(one.english[i]), whole)]
        if lost:
            yield Fault("truncation", "sentence_missing", lost[0], "")


_SENTENCE = 15
"""Characters of an English sentence that is not said within another one's Chinese."""


def _is_lost(said: English, there: Chinese) -> bool:
    """Whether at most half of its terms and numbers are in the Chinese; a short one without any may be in another."""
    numbers, here = _NUMBER.findall(said.text), _NUMBER.findall(there.text)
    held = [not rows.isdisjoint(there.rows) for rows in said.asking.values()] + [one in here for one in numbers]
    return sum(held) * 2 <= len(held) if held else len(said.text) > _SENTENCE


def added_faults(one: Alignment) -> Iterator[Fault]:
    """Chinese sentences of no English one."""
    if not _may_lack(one.chinese, one.english):
        return
    for (i, k), (j, m) in one.beads:
        if i == k:
            yield Fault("addition", "sentence_added", "", "".join(one.chinese[j:m]))
        elif m - j > k - i:
            english, chinese = " ".join(one.english[i:k]), "".join(one.chinese[j:m])
            for said in one.chinese[j:m]:
                rest = len(chinese) - len(said)
                if rest > _LEAST_DENSITY * len(english) and _is_strange(one.reader.read(english, said)):
                    yield Fault("addition", "sentence_added", "", said)


def _is_strange(one: Reading) -> bool:
    """Whether a sentence says something that the English does not, and nothing that it does."""
    contents = [w for w in one.there.segments if any(one.row(row).name not in _WEIGHTS for row, _ in w.rows)]
    return any(not one.explains(w) for w in contents) and not any(one.explains(w) for w in contents)


def _may_lack(more: Sequence[str], fewer: Sequence[str]) -> bool:
    """Whether one side has sentences that the other may lack; as many on both sides are one another's."""
    return len(fewer) < len(more) <= _MOST
