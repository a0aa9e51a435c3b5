"""Numbers, units and doses: each of the English in the Chinese, none that the English does not explain.

An amount may be written in another unit of the same measure (1,000 mg, 1 克). A concentration that is converted by a
substance's own factor (126 mg/dL, 7.0 mmol/L) must stand beside the one of the English.
"""

import itertools
import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from doctorglm.clinical.quantities import Quantity, quantities
from doctorglm.translate.checks.fault import Fault
from doctorglm.translate.checks.figures import Figure, chinese_figures, codes, english_figures, ratios
from doctorglm.translate.checks.texts import plain
from doctorglm.translate.checks.units import ROUGH, UNLIKE, Unit, equal

_KEPT = 8
"""Texts whose numbers are kept as they were read."""


def faults(english: str, chinese: str) -> Iterator[Fault]:
    """What is lost, what was added, what has another unit, what changed places."""
    said, there = english_figures(english), chinese_figures(chinese)
    text = plain(chinese)
    lost = _lost(said, there, english, text)
    new = [one for one in there if one.hard and not _is_explained(one, said, english, text)]
    for one in lost:
        written = english[one.start : one.end].strip()
        if one.units and one.value == 1 and not english[one.start].isdigit():
            continue
        if not new and not english[one.start].isdigit():
            continue  # both of my two sons may be 儿子们; another number is told as added
        reason = "converted_only" if _is_converted(one, english, text) else "number_missing"
        yield Fault(
            "unit_or_dose" if reason == "converted_only" else "number", reason, written, "", (f"{one.value:g}",)
        )
    for one in new:
        reason = "converted_wrongly" if _beside(one, there, text) else "number_added"
        yield Fault("number", reason, "", text[one.start : one.end])
    yield from _codes(english, chinese)
    if not lost and not new:
        yield from _exchanged(english, text, [one for one in said if one.hard], there)


def unit_faults(english: str, chinese: str) -> Iterator[Fault]:
    """Numbers of a sentence that have another unit there: elsewhere the same number may count something else."""
    yield from _units(english, plain(chinese), english_figures(english), chinese_figures(chinese))


_A_DAY = ("每日", "每天", "一日", "一天")


@lru_cache(_KEPT)
def settled(english: str, chinese: str) -> Sequence[tuple[int, int]]:
    """Where in a plain Chinese text stand amounts of the English in another unit, with their units."""
    near = _by_amount([one for one in english_figures(english) if one.units])
    text, found = plain(chinese), []
    for one in chinese_figures(text):
        if one.units and any(one.value != other.value or not other.hard for other in near(one)):
            before = 2 if text[max(0, one.start - 2) : one.start] in _A_DAY else 0
            found.append((one.start - before, one.end + _UNIT))
    return tuple(found)


_UNIT = 2
"""Characters of a unit behind its number, at least."""


def _lost(said: Sequence[Figure], there: Sequence[Figure], english: str, text: str) -> list[Figure]:
    """The numbers that must be in the Chinese and are not."""
    values = {other.value for other in there}
    shares = [(a, b) for a, b, share in ratios(english) if any(_is_part(share, other) for other in there)]
    return [
        one
        for one in said
        if one.hard
        and one.value not in values
        and not any(_same(one, other) for other in there)
        and not _by_word(one, english, text)
        and not any(a <= one.start < b for a, b in shares)
        and not any(_holds(other, one) and any(_same(other, here) for here in there) for other in said)
    ]


def _holds(other: Figure, one: Figure) -> bool:
    """Whether a number is of one that is made of several: 5 feet 7 inches are 67 inches."""
    return not other.hard and other.start <= one.start and one.end <= other.end and one.value != other.value


def _is_part(share: float, other: Figure) -> bool:
    """One in five: 五分之一, 20 %."""
    return any(math.isclose(other.value, of, rel_tol=0.02) for of in (share, 100 * share))


_BY_WORD = {2: "二两双俩对倆", 3: "三仨", 4: "四", 5: "五", 6: "六", 7: "七", 8: "八", 9: "九", 10: "十", 12: "十打"}
_THOUSANDS = re.compile(r"[0-9]{1,3}\.[0-9]{3}")


def _by_word(one: Figure, english: str, text: str) -> bool:
    """Whether a small number that is a word stands there in whatever word: 双核苷酸; 10.700 may be thousands."""
    written = english[one.start : one.end].strip()
    if _THOUSANDS.match(written):
        return written[:7].strip().replace(".", "") in text.replace(",", "")
    return not written[:1].isdigit() and not one.units and any(c in text for c in _BY_WORD.get(int(one.value), ""))


def _same(one: Figure, other: Figure) -> bool:
    if math.isclose(one.value, other.value, rel_tol=1e-6):
        return True
    if _equal(one, other):
        return True
    return _is_hour(one, other) or _is_share(one, other) or _is_dioptre(one, other)


def _is_hour(one: Figure, other: Figure) -> bool:
    """2 p.m. and 14 点."""
    at = {unit.name for unit in one.units} & {unit.name for unit in other.units}
    return "clock" in at and one.value < 12 and other.value == one.value + 12


def _is_dioptre(one: Figure, other: Figure) -> bool:
    """Glasses of -3, which are 300 度."""
    return not one.units and other.value == 100 * one.value and any(unit.name == "degree" for unit in other.units)


def _is_share(one: Figure, other: Figure) -> bool:
    """50 % and a half; 6 of ten and 六成."""
    percent = any(unit.name == "%" for unit in one.units)
    return percent and other.value < 1 and math.isclose(one.value / 100, other.value, rel_tol=0.02)


_ROUGHLY = re.compile(r"世纪|多[个种名项家]|余|来个")


def _is_explained(one: Figure, said: Sequence[Figure], english: str, text: str) -> bool:
    """Whether the English has this number, in whatever way."""
    if _ROUGHLY.match(text, one.end):
        return True
    if any(one.value == other.value for other in said) or any(
        math.isclose(one.value, other.value, rel_tol=0.005 if other.value < 1 else 1e-6) for other in said
    ):
        return True
    if any(_equal(one, other) for other in said):
        return True
    if any(_is_share(other, one) or _is_share(one, other) for other in said):
        return True
    if any(_is_hour(other, one) or _is_dioptre(other, one) for other in said):
        return True
    if any(_is_part(share, one) for _, _, share in ratios(english)):
        return True
    if f"{one.value:g}" in _runs(english):
        return True
    return _is_new_unit(one, english, text)


@lru_cache(_KEPT)
def _runs(english: str) -> frozenset[str]:
    """All runs of digits of a text, those in names and dates too, without zeros in front; thousands with a stop."""
    named = {code.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for code in codes(english)}
    named |= {match[0].replace(".", "") for match in _THOUSANDS.finditer(english)}
    runs = "".join(ch if ch.isdigit() or ch == "." else " " for ch in english.replace(",", "")).split()
    return frozenset(named | {f"{float(part):g}" for run in runs for part in {run.strip("."), *run.split(".")} if part})


@lru_cache(_KEPT)
def _quantities(text: str) -> tuple[Quantity, ...]:
    return tuple(quantities(text))


def _is_new_unit(one: Figure, english: str, text: str) -> bool:
    """Whether the number is an amount of the English in another unit, to the last digit that is written."""
    mine = [q for q in _quantities(text) if q.start < one.end and one.start < q.end]
    return any(_is_amount(q, other, text) for q in mine for other in _quantities(english))


def _is_amount(one: Quantity, other: Quantity, text: str) -> bool:
    kinds = {one.kind, other.kind}
    if (len(kinds) > 1 and kinds != {"glucose", "concentration"}) or one.unit != other.unit:
        return False
    decimals = len(text[one.start : one.end].partition(".")[2].rstrip("abcdefghijklmnopqrstuvwxyz/℃度毫摩升克分每 "))
    rounding = 0.6 * 10.0**-decimals
    return abs(one.value - other.value) <= max(rounding, 0.005 * abs(other.value))


def _is_converted(one: Figure, english: str, text: str) -> bool:
    mine = [q for q in _quantities(english) if q.start < one.end and one.start < q.end]
    return any(_is_amount(q, other, text) for other in mine for q in _quantities(text))


def _beside(one: Figure, there: Sequence[Figure], text: str) -> bool:
    return bool(one.units) and text[max(0, one.start - 3) : one.start].strip("约合即为≈ ").endswith(
        ("（", "(", "/", "，")
    )


def _units(english: str, text: str, said: Sequence[Figure], there: Sequence[Figure]) -> Iterator[Fault]:
    """Numbers that stand in the Chinese with other units alone."""
    in_chinese, in_english = _by_value(there), _by_value(said)
    for one in said:
        same = in_chinese(one.value) if one.units and one.hard else []
        if not same or any(_equal(one, other) for other in (*same, *there)):
            continue
        if one.lent:
            continue
        if not any(_compatible(one, other, text, there) for other in same):
            there_ = text[same[0].start : same[0].end + 4]
            yield _unit_fault(english[one.start : one.end].strip(), there_, one.value, one.units[0].name)
    for other in there:
        same = in_english(other.value) if other.units and other.hard else []
        hard = [one for one in same if one.units and not one.lent]
        if not hard or len(hard) < len(same) or any(_compatible(one, other, text, there) for one in hard):
            continue
        if not any(_equal(one, other) for one in said):
            written, there_ = english[hard[0].start : hard[0].end].strip(), text[other.start : other.end + 4]
            yield _unit_fault(written, there_, other.value, hard[0].units[0].name)


def _equal(one: Figure, other: Figure) -> bool:
    """Whether both are one amount, in whatever units."""
    return any(equal(one.value, a, other.value, b) for a in one.units for b in other.units)


def _by_value(figures: Sequence[Figure]) -> Callable[[float], list[Figure]]:
    """What finds the figures of a value, in order, without looking at the others."""
    ordered = sorted(figures, key=lambda one: one.value)
    values = [one.value for one in ordered]

    def near(number: float) -> list[Figure]:
        slack = 2e-6 * abs(number)
        some = ordered[bisect_left(values, number - slack) : bisect_right(values, number + slack)]
        close = [one for one in some if math.isclose(one.value, number, rel_tol=1e-6)]
        return sorted(close, key=lambda one: one.start)

    return near


def _by_amount(figures: Sequence[Figure]) -> Callable[[Figure], list[Figure]]:
    """What finds the figures of the same amount without looking at the others."""
    measures: dict[tuple[str, bool], list[tuple[float, int]]] = {}
    for at, one in enumerate(figures):
        for unit in one.units:
            measures.setdefault((unit.measure, unit.name in ROUGH), []).append((one.value * unit.factor, at))
    for known in measures.values():
        known.sort()

    def near(one: Figure) -> list[Figure]:
        found: set[int] = set()
        for unit, is_rough in itertools.product(one.units, (True, False)):
            some, base = measures.get((unit.measure, is_rough), []), one.value * unit.factor
            slack = UNLIKE[is_rough or unit.name in ROUGH]
            first = bisect_left(some, (base * (1 - slack), 0))
            last = bisect_right(some, (base / (1 - slack), len(figures)))
            found.update(at for _, at in some[first:last])
        return [figures[at] for at in sorted(found)]

    return near


def _unit_fault(english: str, chinese: str, value: float, unit: str) -> Fault:
    return Fault("unit_or_dose", "unit", english, chinese, (f"{value:g} {unit}",))


_RANGED = re.compile(
    r"[\s\-~到至或、和,，/—及与]*|\s?(?:升高?|上升|增加?|提?高|涨|降低?|下降|减少?|掉|长|变|改)[到至为成]\s?"
)
"""What stands between two numbers that have one unit, behind the second."""


def _compatible(one: Figure, other: Figure, text: str, there: Sequence[Figure]) -> bool:
    names = {unit.name for unit in one.units}
    if names & {unit.name for unit in other.units} or (not one.units):
        return True
    if "degree" in names and {unit.name for unit in other.units} & {"°C", "°F"}:
        return True
    if not other.units:  # 2 至 6 周 has its unit behind the second; 100 个
        after = next((f for f in there if f.start >= other.end), None)
        if after is not None and _RANGED.fullmatch(text, other.end, after.start) and after is not other:
            return _compatible(one, after, text, there)
        head = text[max(0, other.start - 4) : other.start]
        if (
            ("°F" in names and "华氏" in head)
            or ("°C" in names and "摄氏" in head)
            or ("%" in names and "百分" in head)
        ):
            return True
        if names & {"bpm"} and (
            "每分" in text[max(0, other.start - 5) : other.start] or "心率" in text or "脉搏" in text
        ):
            return True
        if text[other.end : other.end + 1] in "种款类":
            return True
        return bool(names & {"time", "tablet", "capsule", "dose", "stone", "foot", "second", "cup", "IU"})
    return bool(names & {"time", "second", "stone", "foot", "dose", "cup", "m"}) and not _is_amount_unit(other.units)


def _is_amount_unit(units: Sequence[Unit]) -> bool:
    return any(
        unit.measure in ("mass", "volume", "length", "time", "molar", "mg/dL", "%", "long time") for unit in units
    )


def _codes(english: str, chinese: str) -> Iterator[Fault]:
    """Names with digits that are there and not here."""
    said, there = codes(english), codes(chinese)
    letters = {code.rstrip("0123456789.") for code in said}
    for code in dict.fromkeys(there):
        if (
            code not in said
            and code.rstrip("0123456789.") in letters
            and not any(code in one or one in code for one in said)
        ):
            yield Fault("number", "name_with_digits", "", code, tuple(said[:4]))


def exchanged_between(units: Sequence[tuple[str, str]]) -> Iterator[Fault]:
    """Numbers that stand in another's sentence or line: each is in the text, two sentences have the other's."""
    for english, chinese in units:
        said, there, text = english_figures(english), chinese_figures(chinese), plain(chinese)
        digits = [one for one in said if english[one.start].isdigit()]
        lost = _lost(digits, there, english, text)
        new = [one for one in there if one.hard and not _is_explained(one, said, english, text)]
        if lost and new:
            said_, there_ = english[lost[0].start : lost[0].end].strip(), text[new[0].start : new[0].end]
            yield Fault("number", "exchanged", said_, there_, (f"{lost[0].value:g}",))
            return


_DATE = re.compile(r"\d{1,4}/\d{1,2}/\d{1,4}")


def _exchanged(english: str, text: str, said: Sequence[Figure], there: Sequence[Figure]) -> Iterator[Fault]:
    """Numbers of one kind that stand in another order while they are the same ones: 95/150, from 7.1 to 9.2."""
    for one, two in itertools.pairwise(said):
        if _DATE.search(english[max(0, one.start - 6) : two.end + 6]):
            continue
        between = english[one.end : two.start].lower()
        joined = english[one.start : two.start].lower()
        if one.value == two.value or len(between) > 24:
            continue
        first = [i for i, f in enumerate(there) if f.value == one.value]
        second = [i for i, f in enumerate(there) if f.value == two.value]
        if len(first) != 1 or len(second) != 1 or first[0] < second[0]:
            continue
        units = {u.name for u in one.units} & {u.name for u in two.units}
        slash = joined.rstrip().endswith("/")
        ranged = "," not in joined and (between.strip(" %") in ("to", "-", "and", "") or "to" in between.split())
        if slash or (
            ranged and (units or not (one.units or two.units)) and " of " not in between and " in " not in between
        ):
            yield Fault(
                "number", "exchanged", english[one.start : two.end], text[there[second[0]].start : there[first[0]].end]
            )
