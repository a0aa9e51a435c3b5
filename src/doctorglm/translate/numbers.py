"""Whether a translation keeps the numbers of the English, with their units: 126 mg/dL stays 126 mg/dL.

Chinese numerals equal digits (三天, 3 days), and so do 万 and thousands between commas. An amount in another unit of
the same value (100 °F as 37.8 °C) is told apart from one that is lost, but the number of the source must stand there.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeAlias

from doctorglm.clinical.folding import folded
from doctorglm.clinical.numerals import between, value
from doctorglm.clinical.quantities import Quantity, quantities

Reason: TypeAlias = Literal["missing", "unit", "converted", "added"]
"""Not there; there with another unit, or without; only in another unit; in the Chinese alone."""


@dataclass(frozen=True, slots=True)
class Number:
    """`text[start:end]` is this value; `unit` as the English writes it, "" where none follows."""

    start: int
    end: int
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Fault:
    """A number that is wrong, of the English, or, where it is added, of the Chinese."""

    reason: Reason
    number: Number


_UNITS: tuple[tuple[str, str, str], ...] = (
    ("mg/dL", r"mg ?/ ?dl|milligrams? per deciliter", r"mg ?/ ?dl|毫克(?:/|每)分升"),
    ("mmol/L", r"mmol ?/ ?l", r"mmol ?/ ?l|毫摩尔?(?:/|每)升"),
    ("mmHg", r"mm ?hg", r"mm ?hg|毫米汞柱|毫米水银柱"),
    ("mcg", r"mcg|[μµu]g|micrograms?", r"mcg|[μµu]g|微克"),
    ("mg", r"mgs?|milligrams?", r"mg|毫克"),
    ("kg", r"kgs?|kilograms?|kilos?", r"kg|公斤|千克"),
    ("g", r"g|grams?", r"g|克"),
    ("IU", r"iu|units?", r"iu|u|国际单位|单位"),
    ("mL", r"mls?|cc|milliliters?|millilitres?", r"ml|cc|毫升"),
    ("L", r"l|liters?|litres?", r"l|升"),
    ("cm", r"cms?|centimeters?|centimetres?", r"cm|厘米|公分"),
    ("mm", r"mms?|millimeters?|millimetres?", r"mm|毫米"),
    ("m", r"m|meters?|metres?", r"m|米"),
    ("inch", r"inch(?:es)?", r"英寸|吋"),
    ("foot", r"feet|foot|ft", r"英尺"),
    ("lb", r"lbs?|pounds?", r"磅"),
    ("oz", r"oz|ounces?", r"盎司"),
    ("°C", r"° ?c|degrees? (?:c|celsius)", r"° ?c|℃|摄氏度|度"),
    ("°F", r"° ?f|degrees? (?:f|fahrenheit)", r"° ?f|℉|华氏度|华氏|度"),
    ("%", r"%|percent|per cent", r"%"),
    ("bpm", r"bpm|beats? per minute", r"bpm|次(?:/|每)分钟?|次"),
    ("second", r"secs?|seconds?", r"秒钟?|s"),
    ("minute", r"mins?|minutes?", r"分钟?|min"),
    ("hour", r"h|hrs?|hours?", r"个?(?:多|半)?小时|个?钟头?|h"),
    ("day", r"days?", r"天|日"),
    ("week", r"weeks?|wks?", r"个?(?:多)?(?:周|星期|礼拜)"),
    ("month", r"months?", r"个?(?:多)?月"),
    ("year", r"years?|yrs?|y/?o", r"周岁|岁|年"),
    ("tablet", r"tablets?|pills?", r"片|粒|颗|丸"),
    ("capsule", r"capsules?", r"粒|颗|片|个?胶囊"),
    ("drop", r"drops?", r"滴"),
    ("time", r"times?", r"次|倍|遍|回"),
)
"""(unit, in English, in Chinese); a degree alone may be either."""
_NAMES = tuple(name for name, _, _ in _UNITS)
_WORDS = {
    "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0, "eight": 8.0, "nine": 9.0,
    "ten": 10.0, "eleven": 11.0, "twelve": 12.0, "fifteen": 15.0, "twenty": 20.0, "thirty": 30.0, "forty": 40.0,
    "fifty": 50.0, "sixty": 60.0, "ninety": 90.0,
}  # fmt: skip
_OTHER_WORDS = {
    "january": 1.0, "february": 2.0, "march": 3.0, "april": 4.0, "may": 5.0, "june": 6.0, "july": 7.0, "august": 8.0,
    "september": 9.0, "october": 10.0, "november": 11.0, "december": 12.0,
    "first": 1.0, "second": 2.0, "third": 3.0, "once": 1.0, "twice": 2.0, "both": 2.0, "couple": 2.0, "half": 0.5,
    "a": 1.0, "an": 1.0,
}  # fmt: skip
"""What a translator may write as a digit."""
_ANY_WORD = "|".join(_WORDS)
_TENS = "twenty|thirty|forty|fifty|sixty|ninety"
_SCALE_EN = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
_UNIT_EN = "|".join(f"(?P<u{i}>{english})" for i, (_, english, _) in enumerate(_UNITS))
_UNIT_ZH = {name: re.compile(rf"\s?[多余来几]?\s?(?:{chinese})(?![a-z])") for name, _, chinese in _UNITS}
_DIGITS = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{1,6})?|[0-9]{1,15}(?:\.[0-9]{1,6})?"
_ENGLISH = re.compile(
    rf"(?<![a-z0-9.,])(?<![a-z]-)(?:(?P<digits>{_DIGITS})|"
    rf"(?P<word>(?:{_TENS})[\s-](?:{_ANY_WORD})|{_ANY_WORD})(?![a-z]))(?![0-9])"
    rf"(?:\s?-?(?P<scale>{'|'.join(_SCALE_EN)})(?![a-z]))?"
    rf"(?:(?P<to>\s?(?:-|to|or)\s?)(?=[0-9]|(?:{_ANY_WORD})(?![a-z]))|[\s-]?(?:{_UNIT_EN})(?![a-z0-9]))?"
)
_CHINESE = re.compile(
    rf"(?P<percent>百分之)?(?:(?<![a-z0-9.])(?<![a-z]-)(?P<digits>{_DIGITS})"
    r"(?:\s?[多余]?\s?(?P<scale>[百千万亿])(?P<more>[0-9]{1,4}(?![0-9]))?)?"
    r"|(?P<han>[零〇一二三四五六七八九十百千万两半]{1,9}(?:点[零一二三四五六七八九]{1,3})?))(?P<tenths>成)?"
)
_SCALE = {"百": 1e2, "千": 1e3, "万": 1e4, "亿": 1e8}
_NUMERAL = re.compile(r"半|[^半]+")
_ROMAN = {"i": 1.0, "ii": 2.0, "iii": 3.0, "iv": 4.0, "v": 5.0, "ⅰ": 1.0, "ⅱ": 2.0, "ⅲ": 3.0, "ⅳ": 4.0}
_ROMAN_ZH = re.compile(r"(?<![a-z])(i{1,3}|iv|v|[ⅰⅱⅲⅳ])\s?(?=[型期级度类])", re.IGNORECASE)
_TO = re.compile(r"[^0-9，。；]{0,3}?\s?(?:-|~|—|到|至|或|或者|、)\s?")
_TOLERANCE = 0.005
"""Of a converted amount: 145 mg/dL is written as 8.1 and as 8.05 mmol/L."""


def english_numbers(text: str) -> list[Number]:
    """The numbers of an English text in order: digits, and number words before a unit; B12 and COVID-19 are names."""
    found: list[Number] = []
    ranged = 0
    plain = folded(text)
    for match in _ENGLISH.finditer(plain):
        unit = next((name for i, name in enumerate(_NAMES) if match[f"u{i}"]), "")
        said = float(match["digits"].replace(",", "")) if match["digits"] else _of_words(match["word"])
        said *= _SCALE_EN.get(match["scale"] or "", 1.0)
        if not unit and not match["to"] and plain[match.end() : match.end() + 1].isalpha():
            ranged = 0  # 5HT, 1st
            continue
        found.append(Number(*match.span(), said, unit))
        for at in range(len(found) - 1 - ranged, len(found) - 1):  # the unit behind a range is that of both ends
            found[at] = replace(found[at], unit=unit)
        ranged = ranged + 1 if match["to"] else 0
    return [one for one in found if one.unit or one.value >= _SCALE_EN["thousand"] or plain[one.start].isdigit()]


def _of_words(words: str) -> float:
    """The value of `twenty four`."""
    return sum(_WORDS[word] for word in re.split(r"[\s-]", words))


def chinese_numbers(text: str) -> list[Number]:
    """The numbers of a Chinese text in order, digits and numerals; percentages have their unit, others have none."""
    plain = folded(text)
    found = [
        Number(*match.span(), said, "%" if match["percent"] or match["tenths"] else "")
        for match in _CHINESE.finditer(plain)
        for said in (_of_digits(match) if match["digits"] else _of_numerals(match))
    ]
    found += [Number(*match.span(), _ROMAN[match[1].lower()], "") for match in _ROMAN_ZH.finditer(plain)]
    return sorted(found, key=lambda one: one.start)


def _of_digits(match: re.Match[str]) -> Iterator[float]:
    said = float(match["digits"].replace(",", "")) * _SCALE.get(match["scale"] or "", 1.0)
    yield said + float(match["more"] or 0)


def _of_numerals(match: re.Match[str]) -> Iterator[float]:
    """两三 is both; 三天半 stands apart, as 三 and as 半."""
    for part in _NUMERAL.findall(match["han"]):
        head, is_scaled, tail = part.partition("万")
        if not is_scaled:
            yield from (said * (10 if match["tenths"] else 1) for said in between(part) or () if said is not None)
        elif head and (of := value(head)) is not None:
            yield of * 1e4 + ((value(tail) or 0.0) if tail else 0.0)


def kept(english: str, chinese: str) -> tuple[int, list[Fault]]:
    """(how many numbers the English has, what is wrong); a number that it repeats may stand once in the Chinese."""
    wanted, there, plain = english_numbers(english), chinese_numbers(chinese), folded(chinese)
    faults = []
    for one in wanted:
        same = [other for other in there if math.isclose(other.value, one.value)]
        if not same:
            faults.append(Fault("converted" if _is_converted(one, english, chinese) else "missing", one))
        elif not any(_has_unit(plain, there, other, one.unit) for other in same):
            faults.append(Fault("unit", one))
    digits = [one for one in there if plain[one.start].isdigit()]
    faults += [Fault("added", one) for one in digits if _is_new(one, wanted, english, chinese)]
    return len(wanted), faults


def _has_unit(plain: str, there: Sequence[Number], number: Number, unit: str) -> bool:
    """Whether this unit stands behind the number, or behind the end of the range that it begins."""
    if not unit or unit == number.unit or _UNIT_ZH[unit].match(plain, number.end):
        return True
    before = {"°F": "华氏", "°C": "摄氏"}.get(unit)
    if before and plain[: number.start].rstrip("度 ").endswith(before):
        return True
    after = next((other for other in there if other.start >= number.end), None)
    return (
        after is not None
        and bool(_TO.fullmatch(plain, number.end, after.start))
        and (_has_unit(plain, there, after, unit))
    )


def _is_converted(one: Number, english: str, chinese: str) -> bool:
    """Whether the amount stands there in another unit, with the right factor."""
    return any(_is_same(q, other) for q in _amounts(one, english) for other in _quantities(chinese))


def _amounts(one: Number, english: str) -> list[Quantity]:
    """The number as a quantity, as the words around it say it (glucose), and by itself (two weeks)."""
    around = [q for q in _quantities(english) if q.start < one.end and one.start < q.end]
    return [*around, *_quantities(f"{one.value:g} {one.unit}")]


@lru_cache(64)
def _quantities(text: str) -> tuple[Quantity, ...]:
    return tuple(quantities(text))


def _is_same(one: Quantity, other: Quantity) -> bool:
    """Whether both are one amount; 7.0 mmol/L behind the amount in mg/dL is not told to be of glucose again."""
    kinds = {one.kind, other.kind}
    alike = len(kinds) == 1 or kinds == {"glucose", "concentration"}
    return alike and one.unit == other.unit and math.isclose(one.value, other.value, rel_tol=_TOLERANCE)


def _is_new(one: Number, wanted: Sequence[Number], english: str, chinese: str) -> bool:
    """Whether the English has the value nowhere, neither in digits, in a name (B12), in a word nor in another unit."""
    words = re.findall(r"[a-z]+|[0-9]+(?:\.[0-9]+)?", english.lower().replace(",", ""))
    said = {float(word) if word[0].isdigit() else {**_OTHER_WORDS, **_WORDS}.get(word) for word in words}
    if one.value in said or any(math.isclose(one.value, other.value) for other in wanted):
        return False
    own = [q for q in _quantities(chinese) if q.start < one.end and one.start < q.end]
    return not any(_is_same(q, mine) for q in own for other in wanted for mine in _amounts(other, english))
