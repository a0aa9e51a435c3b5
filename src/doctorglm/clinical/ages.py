"""How old somebody is: 小儿3岁, 一岁五个月, 七个月大, 出生20天, 20 days old, 65 y/o.

Months, weeks and days are an age only beside a word that says so (大, 龄, 出生, 宝宝, old): 咳嗽3个月 is a duration.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from doctorglm.clinical.folding import folded
from doctorglm.clinical.numerals import NUMBER, between, value

DAYS_A_YEAR = 365.25
DAYS_A_MONTH = DAYS_A_YEAR / 12
_OLDEST, _MOST_MONTHS, _MOST_DAYS = 130, 72, 400
"""Years, months and days beyond which a number is no age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """An age, `text[start:end]`, in days; `is_at_most` for what only has a bound (新生儿: 28 days)."""

    start: int
    end: int
    text: str
    days: float
    is_at_most: bool = False

    @property
    def years(self) -> float:
        """The same in years."""
        return self.days / DAYS_A_YEAR


_CHILD = (
    r"(?:宝宝|宝贝|孩子|小孩|儿子|女儿|娃娃|娃|小朋友|男宝|女宝|男孩|女孩|男婴|女婴|男童|女童|婴儿|患儿|小儿|闺女"
    r"|外孙女?|孙子|孙女|我儿|小宝|二宝|大宝|崽|男|女)"
)
_MORE = (
    rf"(?:(?:零|又|,|，)?(?:(?P<half>半)|(?P<m>{NUMBER})\s?(?:个半|个多|个)?\s?月(?:大|龄)?(?:零|又)?"
    rf"(?:(?P<md>{NUMBER})\s?天)?|(?P<yd>{NUMBER})\s?天))?"
)
_YEARS = re.compile(rf"(?<![0-9.])(?P<y>{NUMBER})\s?(?:周岁|岁)(?:多)?{_MORE}")
_MONTHS = re.compile(
    rf"(?<![0-9.孕])(?P<m>{NUMBER})\s?(?P<mhalf>个半|个多|个|)\s?月(?P<half>半)?"
    rf"(?:(?:零|又|多|,|，)?(?P<md>{NUMBER})\s?天)?(?P<old>大|龄|的?\s?{_CHILD})?"
)
_WEEKS = re.compile(rf"(?<![0-9.])(?P<w>{NUMBER})\s?(?:周|个?星期|个?礼拜)(?:大|龄)")
_DAYS = re.compile(rf"(?<![0-9.])(?P<d>{NUMBER})\s?天(?P<old>大|龄|的?\s?{_CHILD})?")
_BEFORE_AGE = re.compile(
    rf"(?:{_CHILD}(?:宝)?"
    r"(?:今天|现在|今年|已经|才|刚|刚满|满|快|差不多|已|有|是|的年龄|年龄|大概|不到|,|，|、|:|：|\s){0,4}"
    r"|(?:出生|生下来|刚出生|年龄|月龄|日龄|今年|刚满|才满)(?:后|是|为|已经|已|才|才刚|:|：|\s){0,3}第?)$"
)
_NOT_AGE = re.compile(r"\s?(?:多)?(?:之?前|以前|后|以来|来|内|了?一次|开始|左右开始|就|没)")
_PREGNANT = re.compile(r"(?:孕|妊娠|产后|怀|停经)[^，。,]{0,4}$")
_ENGLISH = re.compile(
    r"(?<![0-9.a-z])(?P<n>[0-9]{1,3}(?:\.[0-9])?)[ -]?(?P<unit>years?|yrs?|months?|mos?|weeks?|wks?|days?|y)"
    r"(?:[ -]old|[ -]of[ -]age|/o|o(?![a-z]))|(?:aged?|age:)\s?(?P<aged>[0-9]{1,3})(?![0-9a-z])"
)
_TOLD = re.compile(r"(?:年龄|今年|岁数)\s?(?:是|为|:|：)?\s?(?P<y>[0-9]{1,3})(?![0-9.个月天周岁年/-])")
_NEWBORN = re.compile(r"新生儿(?!科|肺炎|黄疸|病|筛查)|newborn|neonate|刚出生(?=的|，|,|。|$)")
_IN_DAYS = {"y": DAYS_A_YEAR, "m": DAYS_A_MONTH, "w": 7.0, "d": 1.0}


def ages(text: str) -> list[Age]:
    """The ages in a text, in order and without overlaps."""
    plain = folded(text)
    kept: list[Age] = []
    taken: set[int] = set()
    for start, end, days, at_most in _found(plain):
        if taken.isdisjoint(range(start, end)):
            kept.append(Age(start=start, end=end, text=text[start:end], days=days, is_at_most=at_most))
            taken.update(range(start, end))
    return sorted(kept, key=lambda age: age.start)


def _found(plain: str) -> Iterator[tuple[int, int, float, bool]]:
    for match in _YEARS.finditer(plain):
        years, more = between(match["y"]), _months_and_days(match)
        if years is not None and years[0] <= _OLDEST:
            yield match.start(), match.end(), (years[0] + (0.5 if match["half"] else 0)) * DAYS_A_YEAR + more, False
    for match in _MONTHS.finditer(plain):
        months = between(match["m"])
        if months is not None and months[0] <= _MOST_MONTHS and _is_age(plain, match):
            halves = 0.5 if match["half"] or match["mhalf"] == "个半" else 0.0
            yield match.start(), _end(match), (months[0] + halves) * DAYS_A_MONTH + _days(match, "md"), False
    for match in _WEEKS.finditer(plain):
        weeks = value(match["w"])
        if weeks is not None and not _PREGNANT.search(plain[max(0, match.start() - 6) : match.start()]):
            yield match.start(), match.end(), weeks * 7, False
    for match in _DAYS.finditer(plain):
        days = value(match["d"])
        if days is not None and days <= _MOST_DAYS and _is_age(plain, match):
            yield match.start(), _end(match), days, False
    for match in _ENGLISH.finditer(plain):
        number, unit = float(match["n"] or match["aged"]), match["unit"] or "y"
        yield match.start(), match.end(), number * _IN_DAYS[unit[0]], False
    for match in _TOLD.finditer(plain):
        yield match.start("y"), match.end("y"), float(match["y"]) * DAYS_A_YEAR, False
    for match in _NEWBORN.finditer(plain):
        yield match.start(), match.end(), 28.0, True


def _months_and_days(match: re.Match[str]) -> float:
    months = value(match["m"]) if match["m"] else 0.0
    return (months or 0.0) * DAYS_A_MONTH + _days(match, "md") + _days(match, "yd")


def _days(match: re.Match[str], group: str) -> float:
    return (value(match[group]) or 0.0) if match[group] else 0.0


def _is_age(plain: str, match: re.Match[str]) -> bool:
    """True beside a word that says so, and neither a date, a duration nor a pregnancy."""
    before = plain[max(0, match.start() - 16) : match.start()]
    groups = match.groupdict()
    if groups.get("m") and not (groups["mhalf"] or groups["old"] or groups["half"]):
        return False  # 3月 is March
    if _PREGNANT.search(before) or _NOT_AGE.match(plain, match.end()):
        return False
    return bool(groups["old"] or _BEFORE_AGE.search(before))


def _end(match: re.Match[str]) -> int:
    """The age ends before the word for the child, and behind 大."""
    return match.end() if match["old"] in (None, "大", "龄") else match.start("old")
