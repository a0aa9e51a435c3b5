"""Amounts, days and drugs that stand in one another's place: 8 weeks after the first, 16 after the second.

A translation moves whole clauses; with a number moves what stands around it. Where two things of one kind changed
places and what is said between and beside them did not, they were exchanged. Amounts of one unit and days hardly change
their order at all. Only what both texts have once is looked at.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from doctorglm.translate.checks.fault import Fault
from doctorglm.translate.checks.figures import Figure, chinese_figures, english_figures, ratios
from doctorglm.translate.checks.reading import Reading
from doctorglm.translate.checks.texts import folded

_LEAST = {"unit": 1, "calendarday": 1, "measure": 2, "number": 3, "drugs": 4, "calendar": 5}
"""By what two things have in common, how much better the order of everything must be with both exchanged back.

One for themselves, two for each that stands between them in both texts. Learned from right translations: amounts of
one unit were inverted in none, of one measure in few, bare numbers with something between in shares and dates.
"""


_WEEKDAY = re.compile(r"day", re.IGNORECASE)


class _Anchor(NamedTuple):
    """What stands once in both texts: its places, and what it is ("" where it only tells the order of others)."""

    english: tuple[int, int]
    chinese: int
    kind: str
    unit: str = ""
    measure: str = ""


def faults(reading: Reading) -> Iterator[Fault]:
    """The first two that were exchanged."""
    found = [*_numbers(reading), *_words(reading)]
    found = sorted([*found, *_names(reading, {one.english[0] for one in found})])
    places = [one.chinese for one in found]
    if places == sorted(places):
        return
    for (i, one), (j, other) in combinations(enumerate(found), 2):
        if one.chinese <= other.chinese or one.kind != other.kind or not one.kind or one.english[0] == other.english[0]:
            continue
        if (least := _least(one, other)) and _gain(places, i, j) >= least:
            said = [reading.english[slice(*each.english)].strip() for each in (one, other)]
            yield Fault("order", "exchanged", ", ".join(said), "")
            return


def _least(one: _Anchor, other: _Anchor) -> int | None:
    """The gain that is asked of two things of one kind; nothing where they cannot be exchanged: days and grams."""
    if one.kind != "number":
        return _LEAST[one.kind]
    if one.unit == other.unit:
        return _LEAST["unit" if one.unit else "number"]
    return _LEAST["measure"] if one.measure == other.measure else None


def _gain(places: Sequence[int], i: int, j: int) -> int:
    """By how many inversions fewer the order has with two exchanged back."""
    gain, first, second = 1, places[j], places[i]
    for k, at in enumerate(places):
        if k not in (i, j):
            now = ((k < i) != (at < second)) + ((k < j) != (at < first))
            gain += now - ((k < i) != (at < first)) - ((k < j) != (at < second))
    return gain


def _numbers(reading: Reading) -> Iterator[_Anchor]:
    """Numbers that stand once in both; of one value those with units of one measure are one."""
    shares = [(a, b) for a, b, _ in ratios(reading.english)]
    said = [
        one
        for one in english_figures(reading.english)
        if one.hard
        and not (not one.units and (_is_year(one.value) or _is_of_date(reading.english, one)))
        and not any(a <= one.start < b for a, b in shares)
    ]
    there = [one for one in chinese_figures(reading.chinese) if one.hard]
    for one in said:
        mine = [other for other in said if other.value == one.value and _alike(one, other)]
        same = [other for other in there if other.value == one.value and _alike(one, other)]
        if len(mine) == 1 and len(same) == 1:
            unit = one.units[0] if one.units else None
            names = (unit.name, unit.measure) if unit else ("", "")
            yield _Anchor((one.start, one.end), same[0].start, "number", *names)


def _is_year(number: float) -> bool:
    """Whether a number may be a year: of a date, which Chinese puts in front."""
    return number in range(1900, 2100)


_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.?"
_DATED = (
    re.compile(rf"\b(?:{_MONTH}|day|week)\s?$", re.IGNORECASE),
    re.compile(rf"\s?(?:of )?{_MONTH}\b", re.IGNORECASE),
)


def _is_of_date(english: str, one: Figure) -> bool:
    """Whether a number is a day of a month, or of a count of days: on 28 March, on day 3."""
    before, after = _DATED
    return before.search(english, max(0, one.start - 12), one.start) is not None or (
        after.match(english, one.end) is not None
    )


def _alike(one: Figure, other: Figure) -> bool:
    """Whether both may be one amount by what they measure."""
    measures = {unit.measure for unit in one.units}, {unit.measure for unit in other.units}
    return not all(measures) or not measures[0].isdisjoint(measures[1])


def _words(reading: Reading) -> Iterator[_Anchor]:
    """Words of the lists and terms that stand once in both."""
    often = Counter(row for one in reading.there.segments for row in one.numbers)
    taken: set[tuple[int, int]] = set()
    for one in reading.there.segments:
        for row in sorted(one.numbers):
            spans = set(reading.said.places.get(row, ()))
            if often[row] == 1 and len(spans) == 1 and (place := (min(spans)[0], one.start)) not in taken:
                taken.add(place)
                name = reading.row(row).name
                day = "day" if name == "calendar" and _WEEKDAY.search(reading.english, *min(spans)) else ""
                yield _Anchor(min(spans), one.start, f"{name}{day}" if name in _LEAST else "")


_LATIN = re.compile(r"(?<![a-z0-9])[a-z][a-z0-9-]+(?![a-z0-9])")


def _names(reading: Reading, taken: Collection[int]) -> Iterator[_Anchor]:
    """Latin words that stand once in both, such as names of readings: ALT 96, AST 51."""
    there = [*_LATIN.finditer(reading.chinese)]
    often = Counter(match[0] for match in there)
    said: dict[str, list[re.Match[str]]] = {}
    for match in _LATIN.finditer(folded(reading.english)) if there else ():
        said.setdefault(match[0], []).append(match)
    for match in there:
        same = said.get(match[0], [])
        if often[match[0]] == 1 and len(same) == 1 and same[0].start() not in taken:
            yield _Anchor(same[0].span(), match.start(), "")
