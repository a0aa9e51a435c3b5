"""Numbers as both languages write them: digits, words, fractions, ordinals, half and dozens, with their units."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from doctorglm.clinical.numerals import between, value
from doctorglm.translate.checks.lexicon import read_list
from doctorglm.translate.checks.patterns import pattern
from doctorglm.translate.checks.texts import KEPT, folded, plain
from doctorglm.translate.checks.units import ENGLISH, UNITS, Unit, chinese_units, english_unit


@dataclass(frozen=True, slots=True)
class Figure:
    """`text[start:end]` is this number; `units` may be several, or none; `hard` where it must have its other side."""

    start: int
    end: int
    value: float
    units: tuple[Unit, ...] = ()
    hard: bool = True
    before: str = ""
    """`第`, `/` or another mark that says what the number is."""
    lent: bool = False
    """Whether its unit is that of the next number of a list, and may be none of its own: 39, 104 kg."""


_ONES = {
    "zero": 0.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0, "six": 6.0, "seven": 7.0, "eight": 8.0,
    "nine": 9.0, "ten": 10.0, "eleven": 11.0, "twelve": 12.0, "thirteen": 13.0, "fourteen": 14.0, "fifteen": 15.0,
    "sixteen": 16.0, "seventeen": 17.0, "eighteen": 18.0, "nineteen": 19.0,
}  # fmt: skip
_TENS = {
    "twenty": 20.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0,
    "ninety": 90.0,
}  # fmt: skip
_CARDINALS = {**_ONES, **_TENS}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_ORDINALS = {
    "first": 1.0, "second": 2.0, "third": 3.0, "fourth": 4.0, "fifth": 5.0, "sixth": 6.0, "seventh": 7.0, "eighth": 8.0,
    "ninth": 9.0, "tenth": 10.0,
}  # fmt: skip
_SOFT: dict[str, tuple[float, ...]] = {
    word: tuple(map(float, cell.split("|")))
    for word, cell in (line.split("\t") for line in read_list("number_words.tsv"))
}
"""Words that a translator may write as one of these numbers, and need not."""
_ANY = "|".join(_CARDINALS)
_DIGITS = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{1,6})?|[0-9]{1,15}(?:\.[0-9]{1,6})?|\.[0-9]{1,4}"
_NUMBER = re.compile(
    rf"(?<![a-z0-9.,])(?<![a-z]-)(?:(?P<digits>{_DIGITS})(?P<ordinal>st|nd|rd|th)?(?![a-z0-9]|-?[a-z]{{0,3}}[0-9])(?!\.[0-9])|"
    rf"(?P<digits2>{_DIGITS})(?=(?:mg|mcg|g|kg|ml|l|cm|mm|km|m|h|iu|hz|s|x)\b)|"
    rf"(?P<word>(?:{'|'.join(_TENS)})[\s-](?:{_ANY})|(?:{_ANY})(?:\shundred\sand\s(?:{_ANY}))?|twice|thrice"
    rf"|(?:a\s)?(?:hundred|thousand|million)\sand\s(?:{_ANY}))(?![a-z]))"
    rf"(?:\s?-?(?P<scale>{'|'.join(_SCALES)})(?![a-z]))?"
    rf"(?P<half>\sand\sa\shalf)?"
    rf"(?:(?P<to>\s?(?:-|to|or|and|,|/)\s?)(?=[0-9]|(?:{_ANY})(?![a-z]))|[\s-]?(?:{ENGLISH})(?![a-z0-9]|/[a-z]))?"
)
_AMOUNT_AND_HALF = re.compile(r"\b(?:an?|one)\s(hour|day|week|month|year)s?\sand\sa\shalf")
_YEARS = re.compile(r"(?<![0-9])((?:1[0-9]|20))([0-9]0)'?s(?![a-z])")
"""1930s: 20 世纪 30 年代."""
_SHARP = re.compile(r"(?<![0-9:])[0-9]{1,2}:(00)(?![0-9:])")
_QUARTER_TO = re.compile(
    rf"\b(?:quarter|[0-9]{{1,2}}|ten|twenty|five) (?:minutes )?(?:to|before|of) ([0-9]{{1,2}}|{'|'.join(_ONES)})\b"
)
_MAY_TELL = re.compile(r" (?:to|before|of) (?:[0-9]|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)")
_EVERY_HOURS = re.compile(
    rf"\b(?:every|each) ([0-9]{{1,2}}|{'|'.join(_ONES)})[\s-](?:hours|hrs?|h)\b|\bq([0-9]{{1,2}})h\b"
)
_HALF_OF = re.compile(r"\bhalf (?:an?|the) (hour|day|week|month|year)\b")
_SPOKEN = re.compile(rf"\b(one|two|three) ((?:{'|'.join(_TENS)})(?:[\s-](?:{'|'.join(_ONES)}))?|{'|'.join(_ONES)})\b")
"""A pressure as it is said: one forty over ninety."""
_COMPOSED = re.compile(
    r"(?<![0-9.])([0-9]{1,3})[\s-]?(feet|foot|ft|'|lbs?|pounds?|stones?|st)[\s,-]{0,2}(?:and )?([0-9]{1,2}(?:\.[0-9])?)"
    r"[\s-]?(inch(?:es)?|in|\"|oz|ounces?|lbs?|pounds?|)(?![a-z0-9])"
)
_PARTS = {"f": (12, "inch"), "'": (12, "inch"), "l": (16, "oz"), "p": (16, "oz"), "s": (14, "lb")}
"""By the letter that a unit begins with: how many of a smaller one it has, and which."""
_LATIN = re.compile(r"\b([btq])\.\s?(?:i\.\s?)?d\b")
_SHORT_YEAR = re.compile(r"(?<![0-9a-z])'([0-9]{2})(?![0-9'])")
"""'98, which is 1998."""
_HALF_DOZEN = re.compile(r"\bhalf (?:a )?dozen\b")
_DECADES = re.compile(r"\b(two|three|four|five|six|seven|eight|nine) decades\b")
_ONE_UNIT = re.compile(rf"\b(?:an?|per|each|every|one|the)\s(?:{ENGLISH})(?![a-z])")
_FRACTION = re.compile(r"\b(a|one|two|three|four|five)[\s-](third|quarter|fourth|fifth|sixth|eighth|tenth|half)s?\b")
_CODE = re.compile(r"(?<![A-Za-z0-9])(?:[A-Za-z]{1,6}-?[0-9]{1,4}(?:\.[0-9]{1,2})?)(?![A-Za-z0-9])")
_HAN = r"[零〇一二三四五六七八九十百千万亿两半几]"
_MEASURE = (
    "次个天日周月年岁时点分秒片粒颗丸滴剂支瓶盒包杯碗勺匙克毫升斤公米厘英度倍种名人位例项只条根块处对双批组级期类型号"
    "楼层步代成半多小星礼钟刻口餐顿针份段句行边侧者国家篇辆所间张座套轮场排阶月百千万亿秒平微摩纳国单磅盎汤茶"
)
_CHINESE = re.compile(
    rf"(?P<percent>百分之)?(?:(?<![a-z0-9.])(?<![a-z]-)(?P<digits>{_DIGITS})(?![0-9]*[a-z]{{1,3}}[0-9])"
    r"(?:[多余]?(?P<scale>[百千万亿]{1,2})(?P<more>[0-9]{1,4}(?![0-9]))?)?"
    rf"|(?P<first>第)?(?P<han>(?:{_HAN}){{1,9}}(?:点(?![零一二三四五六七八九十]+[刻分钟]|[零一二三四五六七八九十]{{0,3}}$)[零一二三四五六七八九]{{1,3}}(?!十))?))(?P<tenths>成)?"
)
_OF_PARTS = re.compile(rf"((?:{_HAN}){{1,3}}|[0-9]{{1,4}})分之((?:{_HAN}){{1,5}}|[0-9]{{1,4}}(?:\.[0-9]+)?)")
_SCALE_ZH = {"百": 1e2, "千": 1e3, "万": 1e4, "亿": 1e8, "百万": 1e6, "千万": 1e7, "十亿": 1e9, "百亿": 1e10}
_HALF = re.compile(r"一半|半数|过半|各半")
_PAST = re.compile(r"点钟?(半|一刻|三刻|差一刻)|(?<=差)(一刻)")
_PAST_MINUTES = {"半": (30.0,), "一刻": (15.0, 45.0), "三刻": (45.0,), "差一刻": (45.0, 15.0), None: (45.0, 15.0)}
_DOSED = "粒片杯勺升公斤米里"
"""What is counted with a half as a dose is, which is told otherwise less often than the half of an hour or a year."""
_AND_HALF = re.compile(
    r"([0-9]{1,2}|[一二两三四五六七八九十]{1,2})(个|年|天|周|岁|小时|点钟?|粒|片|倍|杯|勺|升|公斤|斤|米|公里|里)半"
)
"""两年半, 一个半小时."""
_DECIMALS = re.compile(
    r"([一二两三四五六七八九十百]{1,5})(米|度|公斤|斤)([零一二三四五六七八九]{1,2})(?![一二三四五六七八九十百周个天次])"
)
"""一米八三, 三十八度五."""
_NO_COUNT = "一半零〇百千万亿"
"""Numerals that count nothing where no measure follows; others then may be a number, and need not."""
_TELLS_BOTH = "家种项者名位类国"
"""Measures before which 两 may sum up what was said: 两家机构, 两种药."""
_NEXT = "天日年晚"
"""第二天 is the next one, and need not be counted."""
_MORE = re.compile(r"[来多余几]")
_AWAY = {"前天": 2.0, "前晚": 2.0, "大前天": 3.0, "后天": 2.0, "隔天": 2.0, "隔日": 2.0}
_AWAY_DAY = re.compile("大?前天|前晚|后天(?![性的获])|隔[天日]")
"""Days that are counted from today or from one another: two nights ago, every other day."""
_NOT_NUMBERS = pattern("no_number_chinese")


_SEX = re.compile(r"[0-9]{1,3}\s?M$|(?<![0-9])[1-9][0-9]m$")
"""35 M and 33m are men, no lengths; metres of two digits are rare in such letters."""


@lru_cache(KEPT)
def english_figures(text: str) -> Sequence[Figure]:
    """The numbers of an English text in order, soft ones among them; B12 and COVID-19 are names."""
    said = folded(text)
    found = [*_counted(said), *_soft(said), *_fractions(said)]
    found = [replace(one, units=()) if _SEX.search(text[one.start : one.end]) else one for one in found]
    parts = [match.span() for pattern_ in (_FRACTION, _YEARS, _SHORT_YEAR) for match in pattern_.finditer(said)]
    parts += [match.span(1) for match in _SHARP.finditer(said)]
    inside = [one for one in found if one.hard and any(a <= one.start < b for a, b in parts)]
    return tuple(
        sorted((replace(one, hard=one.hard and one not in inside) for one in found), key=lambda one: one.start)
    )


_LISTED = frozenset((",", "and", "or"))
"""What stands between numbers that need not have one unit."""


def _counted(said: str) -> Iterator[Figure]:
    held: list[Figure] = []
    for match in _NUMBER.finditer(said):
        digits = match["digits"] or match["digits2"]
        number = float(digits.replace(",", "")) if digits else _of_words(match["word"])
        number = number * _SCALES.get(match["scale"] or "", 1.0) + (0.5 if match["half"] else 0)
        unit = english_unit(match)
        word = match["word"] or ""
        if word in ("twice", "thrice"):
            unit = _TIME
        elif said[match.start() - 1 : match.start()] == ":":
            unit = None  # the p.m. of 2:30 p.m. is the hour's
        elif _SHARP_HOUR.match(said, match.end()):
            unit = _CLOCK
        hard = bool(digits) or (word != "one" and number > 1) or unit is not None
        to = match["to"] or ""
        figure = Figure(
            *match.span(),
            number,
            (unit,) if unit else (),
            hard,
            "/" if "/" in to else "",
            lent=to.strip() in _LISTED,
        )
        held.append(figure)
        if not match["to"]:
            lent = [any(later.lent for later in held[at:-1]) for at in range(len(held))]
            yield from (replace(o, units=figure.units or o.units, lent=is_) for o, is_ in zip(held, lent, strict=True))
            held = []
    yield from held


_TIME = next(unit for unit in UNITS if unit.name == "time")
_CLOCK = next(unit for unit in UNITS if unit.name == "clock")
_SHARP_HOUR = re.compile(r":[0-9]{2}\s?[ap]\.?m\b")


def _of_words(words: str) -> float:
    """The value of `twenty-four`, `two hundred and one`, `twice`."""
    if words in ("twice", "thrice"):
        return 2.0 if words == "twice" else 3.0
    total = 0.0
    for word in re.split(r"[\s-]", words):
        if word in _SCALES:
            total = (total or 1) * _SCALES[word]
        elif word == "a":
            continue
        else:
            total += _CARDINALS.get(word, 0)
    return total


_WORDS = re.compile(r"[a-z]+(?:-[a-z]+)?")


def _soft(said: str) -> Iterator[Figure]:
    for match in _WORDS.finditer(said):
        for word in {match[0], *match[0].split("-")} if "-" in match[0] else (match[0],):
            yield from (Figure(*match.span(), float(one), (), False) for one in _SOFT.get(word, ()))
    for match in _LATIN.finditer(said):
        yield Figure(*match.span(), {"b": 2.0, "t": 3.0, "q": 4.0}[match[1]], (), False)
    yield from _clock(said)
    for match in _COMPOSED.finditer(said):
        many, smaller = _PARTS[match[2][0]]
        yield Figure(*match.span(), float(match[1]) * many + float(match[3]), _named(smaller), False)
    for match in _YEARS.finditer(said):
        for number in (int(match[1] + match[2]), int(match[2]), int(match[1]) + 1):
            yield Figure(*match.span(), float(number), (), False)
    for match in _SHORT_YEAR.finditer(said):
        yield from (Figure(*match.span(), float(f"{century}{match[1]}"), (), False) for century in (19, 20))
    yield from (Figure(*match.span(), 6.0, (), False) for match in _HALF_DOZEN.finditer(said))
    for match in _DECADES.finditer(said):
        yield Figure(*match.span(), 10 * _CARDINALS[match[1]], (), False)
    for match in _ONE_UNIT.finditer(said):
        unit = english_unit(match)
        yield Figure(*match.span(), 1, (unit,) if unit else (), False)
    for match in _AMOUNT_AND_HALF.finditer(said):
        yield Figure(*match.span(), 1.5, _named(match[1]), False)
        if match[1] == "day":
            yield Figure(*match.span(), 36, (), False)


def _clock(said: str) -> Iterator[Figure]:
    """The hour before which it is a quarter to, the rest of the hour, how often a day every eight hours is."""
    for match in _QUARTER_TO.finditer(said) if _MAY_TELL.search(said) else ():
        hour = float(match[1]) if match[1].isdigit() else _ONES[match[1]]
        yield Figure(*match.span(), hour - 1 or 12.0, (), False)
        before = match[0].split()[0]
        minutes = float(before) if before.isdigit() else _CARDINALS.get(before, 15.0)
        yield Figure(*match.span(), 60 - minutes, (), False)
    for match in _EVERY_HOURS.finditer(said) if "ever" in said or "each" in said or "q" in said else ():
        hours = match[1] or match[2]
        often = 24 / (float(hours) if hours.isdigit() else _ONES[hours] or 1)
        yield Figure(*match.span(), often, (_TIME,), False)
    for match in _HALF_OF.finditer(said) if "half" in said else ():
        yield Figure(*match.span(), 0.5, _named(match[1]), False)
    for match in _SPOKEN.finditer(said):
        tens = _of_words(match[2])
        if tens >= 10:
            yield Figure(*match.span(), 100 * _ONES[match[1]] + tens, (), False)


def _named(name: str) -> tuple[Unit, ...]:
    return tuple(unit for unit in UNITS if unit.name == name)


def _fractions(said: str) -> Iterator[Figure]:
    for match in _FRACTION.finditer(said):
        over = {"half": 2.0, "quarter": 4.0}.get(match[2]) or _ORDINALS[match[2]]
        part = (1.0 if match[1] == "a" else _CARDINALS[match[1]]) / over
        yield Figure(*match.span(), part, (), False)
        yield Figure(*match.span(), 100 * part, (), False)


_OF = rf"[0-9]{{1,3}}(?:,[0-9]{{3}})+|[0-9]{{1,5}}|{_ANY}"
_RATIO = re.compile(rf"(?<![0-9.])({_OF})\s(?:[a-z]+\s)?(?:in|out of|of)(?:\severy)?\s({_OF})(?![0-9a-z]|\.[0-9])")


@lru_cache(KEPT)
def ratios(text: str) -> Sequence[tuple[int, int, float]]:
    """Where an English text has shares like one in five, from and to, and what they are."""
    found = []
    for match in _RATIO.finditer(folded(text)):
        one, other = (float(n.replace(",", "")) if n[0].isdigit() else _CARDINALS[n] for n in match.groups())
        if 0 < one < other:
            found.append((*match.span(), one / other))
    return tuple(found)


def codes(text: str) -> list[str]:
    """Names with digits: L4, B12, COVID-19; in capitals, without the hyphen."""
    return [match[0].upper().replace("-", "") for match in _CODE.finditer(text)]


@lru_cache(KEPT)
def chinese_figures(text: str) -> Sequence[Figure]:
    """The numbers of a Chinese text, made `plain`, in order; 一直 and 十分 are none."""
    said = plain(text)
    found: list[Figure] = []
    for match in _OF_PARTS.finditer(said):
        below, above = _number(match[1]), _number(match[2])
        if below and above is not None:
            found.append(
                Figure(
                    *match.span(),
                    above if below == 100 else above / below,
                    _PERCENT if below == 100 else (),
                    True,
                    "分之",
                )
            )
    blank = _OF_PARTS.sub(lambda m: "＿" * len(m[0]), said)
    blank = _NOT_NUMBERS.sub(lambda m: "＿" * len(m[0]), blank)
    found += [Figure(*match.span(), 0.5, (), False) for match in _HALF.finditer(blank)]
    blank = _HALF.sub(lambda m: "＿" * len(m[0]), blank)
    found += [Figure(*match.span(), _AWAY[match[0]], _named("day"), False) for match in _AWAY_DAY.finditer(said)]
    for match in _PAST.finditer(blank):
        found += [Figure(*match.span(), minutes, (), False) for minutes in _PAST_MINUTES[match[1]]]
    for match in _CHINESE.finditer(blank):
        found += _of_match(match, blank)
    for match in _AND_HALF.finditer(blank):
        number = float(match[1]) if match[1][0].isdigit() else value(match[1]) or 0.0
        units = chinese_units(blank, match.start(2)) or chinese_units(blank, match.end())
        found = [replace(one, hard=one.hard and one.start != match.start()) for one in found]
        found.append(Figure(*match.span(), number + 0.5, units, match[2][0] in _DOSED))
    for match in _DECIMALS.finditer(blank):
        whole, unit = value(match[1]) or 0.0, chinese_units(blank, match.start(2))
        found = [replace(one, hard=one.hard and not match.start() <= one.start < match.end()) for one in found]
        tail = "".join(f"{value(digit) or 0:g}" for digit in match[3])
        found.append(Figure(*match.span(), whole + float(f"0.{tail}"), unit, False))
    return tuple(sorted(found, key=lambda one: one.start))


def _of_match(match: re.Match[str], said: str) -> Iterator[Figure]:
    start, end = match.span()
    units = chinese_units(said, end)
    before = said[max(0, start - 1) : start]
    if match["digits"]:
        number = float(match["digits"].replace(",", "")) * _SCALE_ZH.get(match["scale"] or "", 1.0) + float(
            match["more"] or 0
        )
        yield Figure(
            start, end, number * (10 if match["tenths"] else 1), _PERCENT if match["tenths"] else units, True, before
        )
        return
    han = match["han"]
    after = end + 1 if _MORE.match(said, end) else end
    is_counted = bool(match["first"]) or said[after : after + 1] in _MEASURE or match["tenths"]
    if "几" in han or (len(han) == 1 and not is_counted and han in _NO_COUNT):
        return
    if set(han) <= set("百千万亿"):
        return
    for number in _values(han):
        hard = number != 1 and (bool(is_counted) and han != "半") and after == end
        hard = hard and not (han == "两" and said[end : end + 1] in _TELLS_BOTH)
        hard = hard and not (han == "二" and match["first"] and said[end : end + 1] in _NEXT)
        yield Figure(
            start,
            end,
            number * (10 if match["tenths"] else 1),
            _PERCENT if match["tenths"] else units,
            hard,
            "第" if match["first"] else before,
        )


def _values(han: str) -> Iterator[float]:
    head, scaled, tail = han.partition("万")
    if scaled and head and (of := value(head)) is not None:
        yield of * 1e4 + ((value(tail) or 0.0) if tail else 0.0)
        return
    if han == "一两":
        yield from (1.0, 2.0)
        return
    if not scaled and "亿" not in han:
        parts = between(han) or ()
        yield from (one for one in parts if one is not None)


def _number(text: str) -> float | None:
    return (
        float(text)
        if text[0].isdigit()
        else {"百": 100.0, "千": 1000.0, "万": 1e4}.get(text)
        or (value(text) if not set(text) & set("万亿几") else None)
    )


_PERCENT = tuple(unit for unit in chinese_units("%", 0) if unit.name == "%")
