"""Numbers with their units in a sentence, and whether a passage gives the same ones.

What has a unit is `clinical.quantities`', in one unit for each kind; ages and bare numbers are read here.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from doctorglm.clinical.folding import folded
from doctorglm.clinical.quantities import Quantity, quantities
from doctorglm.library.sentences import ITEM

_AGE = re.compile(
    r"(?P<before>不满|未满|小于|低于|不到|大于|超过|高于|年满|满|under |over |below |above )?"
    r"(?P<a>\d{1,3})(?:\s?(?:-|~|—|到|至|to)\s?(?P<b>\d{1,3}))?\s?(?:周?岁|years? (?:old|of age)|year-olds?)"
    r"(?P<after>及?以上|及?以下|以内|and older|or older|and younger|or younger)?"
)
_BARE = re.compile(r"(?<![a-z0-9.])(?<![a-z]-)\d{1,7}(?:\.\d{1,4})?(?![0-9a-z]|\.\d)")
_ANY = re.compile(r"\d{1,7}(?:\.\d{1,4})?")
_CALLED = re.compile(r"(?:打|拨通?|致电|热线|电话|急救|call|dial|phone|ring)\D{0,6}$")
"""Before a number that is to be called."""
_LESS = frozenset(("<", "<=", "不满", "未满", "小于", "低于", "不到", "under", "below", "以下", "以内"))
_BEHIND = re.compile(r"以[上下内]")
_LESS_BEHIND = ("以下", "以内", "younger")
_MORE = frozenset((">", ">=", "大于", "超过", "高于", "年满", "满", "over", "above", "以上"))
_MORE_BEHIND = ("以上", "older")
_TAKEN = frozenset(("count", "volume", "frequency"))


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, `text[start:end]`: its kind and unit, its value or range, and whether it is a limit (-1, 1).

    `dose` where it tells how much of a drug: always for milligrams and units, for pieces, volumes and frequencies
    where the sentence speaks of taking something.
    """

    start: int
    end: int
    kind: str
    value: float
    upper: float | None = None
    limit: int = 0
    dose: bool = False


def figures(text: str, *, taken: bool = False) -> list[Figure]:
    """The figures of a sentence, in order; `taken`: it tells of a drug. The number of a list's item is none."""
    plain = folded(text)
    item = ITEM.match(plain)
    first = item.end() if item else 0
    found = [_age(match) for match in _AGE.finditer(plain)]
    for one in quantities(text):
        if not _meets(one.start, one.end, found):
            found.append(_measured(one, plain, taken=taken))
    for match in _BARE.finditer(plain, first):
        if not _meets(*match.span(), found) and not _CALLED.search(plain, max(0, match.start() - 12), match.start()):
            found.append(Figure(*match.span(), "", float(match[0])))
    return sorted((one for one in found if one.start >= first), key=lambda one: one.start)


def _measured(one: Quantity, plain: str, *, taken: bool) -> Figure:
    behind = _BEHIND.match(plain, one.end)
    compared = one.comparator or (behind[0] if behind else "")
    limit = -1 if compared in _LESS else 1 if compared in _MORE else 0
    dose = one.kind == "dose" or (taken and one.kind in _TAKEN)
    return Figure(one.start, one.end, f"{one.kind} {one.unit}", one.value, one.upper, limit, dose)


def _age(match: re.Match[str]) -> Figure:
    before, after = (match["before"] or "").strip(), match["after"] or ""
    limit = -1 if before in _LESS or after.endswith(_LESS_BEHIND) else 0
    limit = 1 if before in _MORE or after.endswith(_MORE_BEHIND) else limit
    upper = float(match["b"]) if match["b"] else None
    return Figure(*match.span(), "age", float(match["a"]), upper, limit)


def _meets(start: int, end: int, found: Sequence[Figure]) -> bool:
    return any(start < one.end and one.start < end for one in found)


class Figures:
    """Those of a passage; `holds` says whether one of a sentence is among them."""

    def __init__(self, text: str) -> None:
        self._by_kind: dict[str, list[Figure]] = {}
        for one in figures(text, taken=True):
            self._by_kind.setdefault(one.kind, []).append(one)
        self._numbers = {float(number) for number in _ANY.findall(folded(text))}

    def holds(self, asked: Figure) -> bool:
        """True for a number that stands there in the same unit, as a value or as an end of a range, and is no opposite
        limit; for one without a unit where the number stands there at all."""
        if not asked.kind:
            return asked.value in self._numbers
        return any(asked.limit * one.limit >= 0 and _same(asked, one) for one in self._by_kind.get(asked.kind, ()))


def _same(asked: Figure, one: Figure) -> bool:
    return all(any(math.isclose(end, known, rel_tol=1e-4) for known in _ends(one)) for end in _ends(asked))


def _ends(one: Figure) -> Iterator[float]:
    yield one.value
    if one.upper is not None:
        yield one.upper
