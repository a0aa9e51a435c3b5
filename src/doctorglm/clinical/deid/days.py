"""Calendar days as `times` finds them: read, moved by some days, and written back in the spelling that they had.

Every spelling is a pattern whose groups are the numbers; writing replaces these and leaves all other signs alone.
"""

import re
from dataclasses import dataclass
from datetime import date

from doctorglm.clinical.deid.fold import folded, spoken

_CN = "一二三四五六七八九十廿卅"
_Y = r"(?P<y>(?:19|20)[0-9]{2}|[一二三四五六七八九〇零○]{4}|[0-9]{2})"
_N = rf"(?:[0-9]{{1,2}}|[{_CN}]{{1,3}})"
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = r"(?P<word>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*)\.?"
_TH = r"(?P<th>st|nd|rd|th)?"
_S = r"\s*"

_SPELLINGS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:{_Y}{_S}年)?{_S}(?P<m>{_N}){_S}月{_S}(?P<d>{_N}){_S}[日号號]",
        rf"{_Y}{_S}年{_S}(?P<m>{_N}){_S}月{_S}(?P<d>{_N})",
        r"(?P<m>[0-9]{1,2})月(?P<d>[0-9]{1,2})",
        rf"{_Y}{_S}年{_S}(?P<m>{_N}){_S}月份?",
        r"(?P<y>(?:19|20)[0-9]{2})[ ]?[\-/.][ ]?(?P<m>[0-9]{1,2})(?:[ ]?[\-/.][ ]?(?P<d>[0-9]{1,2}))?",
        r"(?P<y>(?:19|20)[0-9]{2})(?P<m>[0-9]{2})(?P<d>[0-9]{2})",
        rf"(?P<d>[0-9]{{1,2}}){_TH}[ \-](?:of[ ])?{_MONTH}(?:,?[ \-](?P<y>[0-9]{{4}}))?",
        rf"{_MONTH}[ ](?:the[ ])?(?P<d>[0-9]{{1,2}}){_TH}(?:,?[ ](?P<y>[0-9]{{4}}))?",
        rf"{_MONTH}[ ](?P<y>[0-9]{{4}})",
    )
)
_EITHER_ORDER = re.compile(
    r"(?P<m>[0-9]{1,2})[./\-](?P<d>[0-9]{1,2})(?:[./\-](?P<y>(?:19|20)[0-9]{2})|[日号])?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Day:
    """A day that was read, or a month (`day` is None) or a day without its year (`year` is None)."""

    text: str
    year: int | None
    month: int
    day: int | None
    places: dict[str, tuple[int, int]]
    """Part -> where its number stands in the text."""

    @property
    def exact(self) -> date | None:
        """The calendar day, of a month its middle; None without a year."""
        return None if self.year is None else date(self.year, self.month, self.day or 15)

    def near(self, other: date) -> date:
        """The calendar day, in the year that brings it nearest to the other one where it has none itself."""
        years = [self.year] if self.year is not None else range(other.year - 4, other.year + 5)
        days = [date(y, self.month, self.day or 15) for y in years if _exists(y, self.month, self.day or 15)]
        return min(days, key=lambda day: (abs(day - other), day))

    def written(self, new: date) -> str:
        """The new day in the old one's spelling."""
        padded = self._is_padded()
        parts = {
            "y": lambda old: _year_like(old, new.year),
            "m": lambda old: _number_like(old, new.month, padded),
            "d": lambda old: _number_like(old, new.day, padded),
            "word": lambda old: _month_like(old, new.month),
            "th": lambda old: _ending(new.day).upper() if old.isupper() else _ending(new.day),
        }
        text = self.text
        for name, (start, end) in sorted(self.places.items(), key=lambda place: -place[1][0]):
            text = text[:start] + parts[name](text[start:end]) + text[end:]
        return text

    def _is_padded(self) -> bool:
        """True for 05; of two numbers with two digits each it is taken for granted, unless 月 stands between them."""
        numbers = [folded(self.text[slice(*self.places[name])]) for name in ("m", "d") if name in self.places]
        if any(number.startswith("0") for number in numbers):
            return True
        return len(numbers) == 2 and "月" not in self.text and all(len(number) == 2 for number in numbers)


def month_comes_first(texts: list[str]) -> bool | None:
    """What those dates in numbers say of all whose one number is above 12; None when none says it, or both are said."""
    said = set()
    for text in texts:
        match = _EITHER_ORDER.fullmatch(folded(text))
        if match and max(int(match["m"]), int(match["d"])) > 12:
            said.add(int(match["d"]) > 12)
    return said.pop() if len(said) == 1 else None


def read_day(text: str, month_first: bool | None) -> Day | None:
    """The day that a span holds; None when it is of the moon's calendar, is none, or can be read in two ways.

    `month_first` says how 05/06 is read in this conversation; None when nobody knows.
    """
    plain = folded(text)
    if re.search(r"农历|阴历|闰|正月|腊月|冬月|初", plain):
        return None
    for spelling in _SPELLINGS:
        if match := spelling.fullmatch(plain):
            return _day(text, match)
    match = _EITHER_ORDER.fullmatch(plain)
    if not match:
        return None
    first, second = int(match["m"]), int(match["d"])
    if max(first, second) > 12:
        month_first = second > 12
    return None if month_first is None else _day(text, match, swapped=not month_first)


def _day(text: str, match: re.Match[str], *, swapped: bool = False) -> Day | None:
    groups = {name: match.span(name) for name, found in match.groupdict().items() if found}
    if swapped:
        groups["m"], groups["d"] = groups["d"], groups["m"]
    told = {name: folded(text[start:end]) for name, (start, end) in groups.items()}
    year = _year(told["y"]) if "y" in told else None
    month = _month(told["word"]) if "word" in told else _number(told["m"])
    day = _number(told["d"]) if "d" in told else None
    if not _exists(2000 if year is None else year, month, day or 15):
        return None
    return Day(text, year, month, day, groups)


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _year(text: str) -> int:
    digits = spoken(text)
    return int(digits) if len(digits) == 4 else int(digits) + (2000 if int(digits) <= 30 else 1900)


def _month(word: str) -> int:
    """0, which is no month, for a word that only begins like one."""
    names = {name[:n]: i for i, name in enumerate(_MONTHS, 1) for n in {3, len(name)}} | {"sept": 9}
    return names.get(word.lower(), 0)


def _number(text: str) -> int:
    """12 and 十二, 廿三, 三十一; 0, which is no day, for what is no number."""
    if text.isdecimal():
        return int(text)
    text = text.replace("廿", "二十").replace("卅", "三十")
    match = re.fullmatch(r"([一二三])?(十)?([一二三四五六七八九])?", text)
    if not match or not (match[2] or len(text) == 1):
        return 0
    tens = (_CN.index(match[1]) + 1 if match[1] else 1) if match[2] else 0
    last = match[3] if match[2] else text
    return 10 * tens + (_CN.index(last) + 1 if last else 0)


def _number_like(old: str, number: int, padded: bool) -> str:
    if folded(old)[0].isdecimal():
        return _wide_like(old, f"{number:02d}" if padded else str(number))
    tens, ones = divmod(number, 10)
    last = _CN[ones - 1] if ones else ""
    if tens == 2 and "廿" in old:
        return "廿" + last
    return ("", "十", "二十", "三十")[tens] + last


def _year_like(old: str, year: int) -> str:
    digits = str(year)[-len(old) :]
    if folded(old)[0].isdecimal():
        return _wide_like(old, digits)
    zero = next((sign for sign in old if sign in "〇零○"), "〇")
    return "".join(zero if digit == "0" else _CN[int(digit) - 1] for digit in digits)


def _wide_like(old: str, digits: str) -> str:
    return digits if old[0].isascii() else digits.translate({ord(d): ord(d) + 0xFEE0 for d in "0123456789"})


def _month_like(old: str, month: int) -> str:
    name = _MONTHS[month - 1]
    short = len(old) < len(_MONTHS[_month(folded(old)) - 1])
    name = name[:3] if short else name
    return name.upper() if old.isupper() else name.capitalize() if old[0].isupper() else name


def _ending(day: int) -> str:
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10 if day // 10 != 1 else 0, "th")
