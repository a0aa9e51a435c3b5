"""What stands in the Chinese in place of a term: 腹痛 where 心绞痛 was wanted.

A guess from counts: the run of Chinese characters that fields with a wrong mention hold far oftener than all others.
Renderings of the other terms of a field are taken out first, and so is what stands as often where the term is right.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from doctorglm.clinical.deid import find
from doctorglm.clinical.deid.spans import Span

_RUN = re.compile(r"[\u3400-\u9fff]+")
_LENGTHS = range(2, 6)
_LEAST_FIELDS = 2
_LEAST_SHARE = 0.2
_AS_OFTEN = 0.8
_MOST_FIELDS = 20_000
"""Fields that the guess is made from; memory would grow with the data."""
_TRIED = 40
"""Runs that are counted in the other fields, the commonest first, then the longest; no order of a set decides."""


class Instead:
    """The Chinese of all fields, kept to be counted at the end, with the terms that each has wrong and right."""

    def __init__(self) -> None:
        self._fields: list[str] = []
        self._wrong: dict[str, list[int]] = {}
        self._right: dict[str, list[int]] = {}

    def add(self, chinese: str, found: Mapping[str, str]) -> None:
        """Keeps a field (made by `plain`), and of each term in it the rendering that it holds, "" where it is wrong."""
        if len(self._fields) == _MOST_FIELDS:
            return
        for rendering in filter(None, found.values()):
            chinese = chinese.replace(rendering, " ")
        for term, rendering in found.items():
            (self._right if rendering else self._wrong).setdefault(term, []).append(len(self._fields))
        self._fields.append(chinese)

    def most(self, term: str) -> dict[str, Any] | None:
        """`text` and in how many of the `fields` with a wrong mention it stands; None where nothing stands out."""
        wrong = [self._fields[i] for i in self._wrong.get(term, ())]
        counts = Counter(run for text in wrong for run in _runs(text))
        least = max(_LEAST_FIELDS, _LEAST_SHARE * len(wrong))
        commonest = sorted(counts.items(), key=lambda one: (-one[1], -len(one[0]), one[0]))[:_TRIED]
        tried = [(run, n) for run, n in commonest if n >= least]
        scored = sorted(((self._excess(term, run, n / len(wrong)), len(run), run, n) for run, n in tried), reverse=True)
        best = next((one for one in scored if one[0] > 0 and not _is_somebodys(one[2], wrong)), None)
        if best is None:
            return None
        # 电心 is a part of 电心图 where nearly all fields go on so
        longer = ((len(run), n, run) for run, n in counts.items() if best[2] in run and n >= _AS_OFTEN * best[3])
        _, n, text = max(one for one in longer if one[2] == best[2] or not _is_somebodys(one[2], wrong))
        return {"text": text, "fields": n, "of": len(wrong)}

    def _excess(self, term: str, run: str, share: float) -> float:
        """How much oftener the run stands where the term is wrong than where it is right, and than anywhere else."""
        everywhere, wrong = sum(run in text for text in self._fields), len(self._wrong[term])
        others = (everywhere - share * wrong) / max(1, len(self._fields) - wrong)
        right = [run in self._fields[i] for i in self._right.get(term, ())]
        return share - max(others, sum(right) / max(1, len(right)))


def _runs(text: str) -> set[str]:
    return {
        part[at : at + length]
        for part in _RUN.findall(text)
        for length in _LENGTHS
        for at in range(len(part) - length + 1)
    }


def _is_somebodys(run: str, fields: Sequence[str]) -> bool:
    """Whether the run, where it first stands, lies in what identifies somebody."""
    text = next(field for field in fields if run in field)
    at = text.index(run)
    return any(span.start < at + len(run) and at < span.end for span in _spans(text))


@lru_cache(64)
def _spans(text: str) -> tuple[Span, ...]:
    return tuple(find(text))
