"""Opposites exchanged: high for low, before for after, days for weeks, the first for the second.

The one stands in the English, not in the Chinese; the other stands in the Chinese, not in the English. Both must hold.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from doctorglm.translate.checks.amounts import settled
from doctorglm.translate.checks.fault import KINDS, Fault, Kind
from doctorglm.translate.checks.lexicon import read_list
from doctorglm.translate.checks.reading import Reading
from doctorglm.translate.checks.texts import folded, plain
from doctorglm.translate.checks.words import Phrases, outermost

_NOT_EN = re.compile(
    r"\b(?:not?|never|without|none|nothing|nobody|cannot|nor|neither|hardly|otherwise|unless|until)\b|n['’]t\b",
    re.IGNORECASE,
)
_NOT_ZH = re.compile(r"[不没无未非勿别]")

_STRICTLY_BEFORE_EN, _STRICTLY_AFTER_EN = re.compile(r"\bbefore\b"), re.compile(r"\bafter\b")
_TIMED_ZH = re.compile(r"(?:[饭餐术睡之以]|[早午晚]餐|吃饭|进食)?([前后])")


@dataclass(frozen=True, slots=True)
class _Pair:
    """One and the other: a number for the English of each, wordings for the Chinese."""

    kind: Kind
    one: int
    one_chinese: tuple[frozenset[str], tuple[str, ...]]
    other: int
    other_chinese: tuple[frozenset[str], tuple[str, ...]]
    shown: tuple[str, str]
    turns: bool
    """Whether the English may deny the one and the Chinese say the other: not severe, 较轻."""


@cache
def _pairs() -> tuple[Phrases, tuple[_Pair, ...]]:
    phrases, pairs = Phrases(), []
    for at, line in enumerate(read_list("opposed.tsv")):
        kind, one, one_zh, other, other_zh = line.split("\t")
        for number, english in ((2 * at, one), (2 * at + 1, other)):
            for phrase in english.split("|"):
                phrases.add(phrase, number, True)
        (known,) = (k for k in KINDS if k == kind)
        shown = (one.split("|")[0], one_zh.split("|")[0].lstrip("$"))
        pairs.append(
            _Pair(
                known,
                2 * at,
                _wordings(one_zh),
                2 * at + 1,
                _wordings(other_zh),
                shown,
                kind == "negation" and not re.search(r"\b(?:not?|never|neither|yet|whether|unless)\b", one),
            )
        )
    return phrases, tuple(pairs)


def _wordings(cell: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Wordings as they stand, and ends of longer ones (`$前`: 饭前, 三天前)."""
    parts = [plain(part) for part in cell.split("|")]
    return frozenset(p for p in parts if not p.startswith("$")), tuple(p[1:] for p in parts if p.startswith("$"))


def faults(reading: Reading) -> Iterator[Fault]:
    """The first pair of each kind that was exchanged."""
    phrases, pairs = _pairs()
    found = phrases.find(reading.said.words)
    outer = outermost(found)
    said = {one.row for one in found if (one.start, one.end) in outer}  # even if is not if
    spans = settled(reading.english, reading.chinese)
    parts = [
        reading.chinese[one.start : one.end]
        for one in reading.there.segments
        if not any(one.start < b and a < one.end for a, b in spans)
    ]
    every = frozenset(parts)
    turned = bool(_NOT_EN.search(reading.english)) and not _NOT_ZH.search(reading.chinese)  # not severe, 较轻
    told: set[Kind] = set()
    for pair in (pairs[row // 2] for row in sorted(said) if row % 2 == 0):
        if pair.kind in told or pair.other in said or (turned and pair.turns):
            continue
        if not _may_be(every, reading.chinese, pair.other_chinese):
            continue
        there = _first(parts, reading.chinese, pair.other_chinese, whole=True)
        rest = [part for part in parts if part not in there], reading.chinese.replace(there, "") if there else ""
        if there and any(there in word and word in reading.chinese for word in pair.one_chinese[0] if word != there):
            continue  # irregular, 不规则
        if there and pair.turns and there[0] in "不没无" and _NOT_EN.search(reading.english):
            continue  # not easy, 不容易
        if "异常" in there and re.search(rf"[未没无不非][^，。；]{{0,4}}{re.escape(there)}", reading.chinese):
            continue  # clear, 未见异常
        if there and not _first(*rest, pair.one_chinese, whole=False):
            told.add(pair.kind)
            yield Fault(pair.kind, "opposite", pair.shown[0], there, (pair.shown[1],))
    if "unit_or_dose" not in told:
        yield from _before_and_after(reading, parts)


_BEFORE_EN = re.compile(r"\b(?:before|prior|ago|until|till|by|pre\w*|previous\w*|first|front|forward|last|past)\b")
_AFTER_EN = re.compile(r"\b(?:after\w*|later|following|post\w*|once|since|then|next|within|behind|back|in|from)\b")


def _before_and_after(reading: Reading, parts: list[str]) -> Iterator[Fault]:
    """Where both are said: one more often in the Chinese than in the English, and the other less often."""
    said = folded(reading.english)
    strict = len(_STRICTLY_BEFORE_EN.findall(said)), len(_STRICTLY_AFTER_EN.findall(said))
    before, after = len(_BEFORE_EN.findall(said)), len(_AFTER_EN.findall(said))
    timed = [match[1] for match in map(_TIMED_ZH.fullmatch, parts) if match]
    there = timed.count("前"), timed.count("后")
    if there[0] > before and there[1] < strict[1]:
        yield Fault("unit_or_dose", "opposite", "after", "前", ("后",))
    elif there[1] > after and there[0] < strict[0]:
        yield Fault("unit_or_dose", "opposite", "before", "后", ("前",))


def _may_be(parts: frozenset[str], chinese: str, wordings: tuple[frozenset[str], tuple[str, ...]]) -> bool:
    """Whether one of the wordings is in the text at all; said in one step for most."""
    said, ends = wordings
    return (
        not said.isdisjoint(parts)
        or any(len(word) > 1 and word in chinese for word in said)
        or any(part.endswith(ends) for part in (parts if ends else ()))
    )


def _first(parts: list[str], chinese: str, wordings: tuple[frozenset[str], tuple[str, ...]], *, whole: bool) -> str:
    """The first wording that is there: as a part of the text's reading, or anywhere in it."""
    said, ends = wordings
    for part in parts:
        if part in said or any(part.endswith(end) for end in ends):
            return part
    if not whole:
        return next((word for word in (*said, *ends) if word in chinese), "")
    return next((word for word in said if len(word) > 1 and word in chinese), "")
