"""Doses in a folded text: amounts, frequencies and courses, each with a form in which two wordings can be compared."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from doctorglm.safety.search import Anchored

_DIGITS = dict(zip("零一二两三四五六七八九", (0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_SPELT = {
    "half": 0.5,
    **dict.fromkeys(("once", "one"), 1.0),
    **dict.fromkeys(("twice", "two"), 2.0),
    **dict.fromkeys(("thrice", "three"), 3.0),
    "four": 4.0,
    "five": 5.0,
    "six": 6.0,
    "seven": 7.0,
    "eight": 8.0,
    "ten": 10.0,
}
_TIMES_OF = {"早晚各": 2.0, "早晚": 2.0, "早中晚": 3.0, "早中晚各": 3.0, "隔日": 0.5, "隔天": 0.5}
_LATIN_FREQ = {"qd": 1.0, "bid": 2.0, "tid": 3.0, "qid": 4.0, "qn": 1.0, "daily": 1.0}
_UNITS = {
    "mg": ["mg", "毫克", "milligram", "milligrams"],
    "g": ["g", "克", "gram", "grams"],
    "ug": ["ug", "μg", "µg", "mcg", "微克", "microgram", "micrograms"],
    "ml": ["ml", "毫升", "cc", "milliliter", "milliliters", "millilitres"],
    "iu": ["iu", "万单位", "单位", "万u", "u", "units", "unit"],
    "piece": ["片", "个", "粒", "丸", "颗", "枚", "tablet", "tablets", "pill", "pills", "capsule", "capsules"],
    "bag": ["袋", "包", "sachet", "sachets"],
    "vial": ["支", "瓶", "ampoule", "ampoules", "vial", "vials"],
    "drop": ["滴", "drop", "drops"],
    "puff": ["喷", "揿", "吸", "puff", "puffs"],
    "patch": ["贴", "patch", "patches"],
    "spoon": ["勺", "匙", "teaspoon", "teaspoons", "tablespoon", "tablespoons", "tsp"],
}
_UNIT_OF = {name: unit for unit, names in _UNITS.items() for name in names}
_SURE = ("mg", "ug", "iu")
"""Units that hardly anything but a drug has."""

_NUMBERS = r"\d半一二两三四五六七八九十ofsteh"
"""What a number begins with."""
_N = (
    r"(?:\d{1,5}(?:\.\d{1,3})?|半|[二三四五]分之[一二三]|[一二两三四五六七八九十]{1,3}|"
    r"(?:one|two|three|four|five|six|seven|eight|ten|half)(?= ))"
)
_R = rf"{_N}(?:\s?(?:-|–|~|至|到|to|or|或|、)\s?{_N})?"
_NAMES = "|".join(sorted(map(re.escape, _UNIT_OF), key=lambda n: (-len(n), n)))
_AMOUNT = Anchored(
    rf"{_NUMBERS}",
    rf"(?<![\d.a-z第])(?P<n>{_R})\s?(?:[a-z]{{5,20}} (?=tablets?|pills?|"
    rf"capsules?))?(?P<unit>{_NAMES})(?![a-z月小疗星礼])"
    rf"(?P<per>\s?/\s?[（(]?(?:kg|公斤)(?:\s?[·.*/]\s?(?:日|天|d))?[)）]?(?![a-z])|(?:\s?/\s?(?:次|日|天|day|"
    rf"d)(?![a-z]))?)(?!\s?/)",
)
_FREQUENCY = Anchored(
    rf"每隔间分日天早qbd{_NUMBERS}",
    rf"(?:24|二十四)小时内?(?:总量)?(?:不得?超过|最多|至多|可)?\s?(?P<all>{_R})\s?次|"
    rf"一昼夜(?:不超过)?\s?(?P<night>{_R})\s?次"
    rf"|(?:每|一|1)?(?:日|天)(?:最多|不超过|至多|早上|晚上|早晨|睡前|可以|可|吃|服|喝|涂|抹|喷|用|滴|洗|"
    rf"分){{0,2}}\s?(?P<a>{_R})\s?(?:次|回|顿|遍)|"
    rf"(?P<b>{_R})\s?次/(?:日|天|d)"
    rf"|(?:每|一)(?:周|星期)\s?(?P<week>{_R})\s?次|(?P<weekly>once (?:a week|weekly))"
    rf"|(?:每隔?|间隔)(?:至少|≥|不少于)?\s?(?P<h>{_R}|(?=小时))\s?个?(?:小时|钟头)(?:\s?[一1]\s?次)?"
    rf"|(?:隔|(?<![前后]))(?P<h2>{_R})\s?个?(?:小时|钟头)(?=可?再|一次|1次|才|重复)|分成?\s?(?P<share>{_R})\s?次|"
    rf"(?P<eh2>{_R}) hours (?:between|apart)"
    rf"|(?:每(?:隔)?)?(?P<min>{_R})\s?分钟\s?(?:一|1)\s?(?:次|滴|喷|回)"
    rf"|(?<![a-z])(?P<latin>qd|bid|tid|qid|qn)(?![a-z])|(?<![a-z])q(?P<qh>\d{{1,2}})h(?![a-z])|(?P<parts>早中晚各?|"
    rf"早晚各?(?=[一两二三半\d各])|隔[日天](?:一|1)次)"
    rf"|(?<![a-z])(?P<c>once|twice|thrice|{_R} times)(?: a| per| each| every)? ?(?:day|"
    rf"daily)(?![a-z])|(?P<xn>{_R}) times (?:a|per|each) day|(?<![a-z])every (?P<eh>{_R}) hours?(?![a-z])|"
    rf"(?P<daily>(?<![a-z])daily(?![a-z]))",
)
_COURSE = Anchored(
    "连疗服吃用输喝涂不最共为至到f",
    rf"(?:(?:连续?(?:服用|使用|服|用|吃|打|输|涂|洗)?|疗程(?:为|是|一般)?|(?:服用?药?|吃|用药?|喝|涂满?|连吃|"
    rf"输液)(?:够|满|了|上|到)?|不超过|最多|共|为期|(?:至|"
    rf"到)(?:起病|发病)后?|for)\s?)(?P<n>{_R})\s?个?(?P<unit>天|日|周|星期|礼拜|月|疗程|days?|weeks?|"
    rf"months?)(?![内后前来])",
)
_PERIOD = {"天": "d", "日": "d", "周": "w", "星": "w", "礼": "w", "月": "m", "疗": "c"}
_TAKES = re.compile(
    r"(?:每次|一次|1次|次|口服|内服|吃|服用?|用|含服?|喷|点|滴|涂|贴|塞|加|注射|肌注|静滴|take|"
    r"takes|taking|use|inject|dose of|give)[^，,。；;]{0,4}$"
)
_FOOD = re.compile(
    r"水|饼干|面包|盐|油|奶|酒|蛋|肉|菜|果|茶|米|面|主食|蛋白|纤维|鱼|豆|汤|粥|蜂蜜|红糖|白糖|尿|血|salt|water|"
    r"sodium|sugar|alcohol|fluid|milk|"
    r"fib(?:er|re)"
)
_BODY = re.compile(r"孩子|宝宝|出生|早产|体重|胎儿")
_PER_ML = re.compile(r"每毫升$|每ml$")
_OF_A_PIECE = re.compile(r"的?(?:药片|片子|胶囊|片剂|规格)|的(?=[，,。一两半])")
"""Behind an amount that is the strength of a tablet."""
_NEAR_FOOD = 16


class Part(NamedTuple):
    """From `low` to `high` of a unit: mg, ml, piece ...; times a day, days."""

    low: float
    high: float
    unit: str


@dataclass(frozen=True, slots=True)
class Dose:
    """A stretch `text[start:end]` and what it says, in forms that other wordings share: 500 mg, three times a day."""

    start: int
    end: int
    parts: frozenset[Part]
    sure: bool
    """It is a drug's dose even where no drug is named."""
    daily: frozenset[Part] = frozenset()
    """Those of the parts that are told for a whole day, or for the whole course."""


_JOINS = re.compile(
    r"[\s，,、()（）]{0,2}(?:每次|一次|口服|服用|各|饭后|饭前|睡前|共|,|and|by mouth|orally|taken)?\s?[，,、]?"
)
_DAILY = re.compile(
    r"(?:每日|每天|每晚|一天|一日|24小时|全天|总共|共|总量|合计|加起来|加到|最大|daily|total(?: of)?|"
    r"a day)[^次回，,。]{0,6}$"
)
_DAILY_AFTER = re.compile(r"(?: or \w+)?(?: of (?:\d{1,4} ?)?[a-z]+| [a-z]+)? (?:a day|daily|per day|in 24 hours)")
_AT_MOST = re.compile(
    r"(?:不(?:得|宜|应|能|要)?超过|别超过|没超|最多|至多|最大[^，,。\d]{0,6}|上限[^，,。\d]{0,6}|以内|不高于|≤|<|"
    r"up to|no more than|at most|"
    r"not over|maximum|max|limit\w{0,2}|ceiling)"
    r"[^，,。；;\d]{0,10}$"
)


def doses(text: str) -> list[Dose]:
    """The doses in a sentence, neighbours joined: 每次0.5g，一天三次，连服七天 is one."""
    found = sorted([*_amounts(text), *_frequencies(text), *_courses(text)], key=lambda d: (d.start, -d.end))
    joined: list[Dose] = []
    for dose in found:
        last = joined[-1] if joined else None
        if last and (dose.end <= last.end or _JOINS.fullmatch(text[last.end : dose.start])):
            end = max(last.end, dose.end)
            joined[-1] = Dose(last.start, end, last.parts | dose.parts, last.sure or dose.sure, last.daily | dose.daily)
        else:
            joined.append(dose)
    return joined


_DAY_OF = re.compile(r"第\d{1,2}\s?[~–-]\s?(\d{1,2})\s?[日天]")


def said(text: str) -> list[Dose]:
    """Everything that reads like an amount, a frequency or a course."""
    days = [Dose(*m.span(), frozenset({Part(1.0, float(m[1]), "days")}), False) for m in _DAY_OF.finditer(text)]
    return [*_amounts(text, all_of_them=True), *_frequencies(text), *_courses(text), *days]


def _amounts(text: str, *, all_of_them: bool = False) -> Iterator[Dose]:
    for match in _AMOUNT.finditer(text):
        unit, start = _UNIT_OF[match["unit"]], match.start()
        before = text[max(0, start - 12) : start]
        taken = _TAKES.search(before) is not None
        weighs = unit in ("g", "ml", "spoon")
        if not all_of_them:
            spelt = not match["n"][0].isdigit() and not match["unit"].isascii()
            if spelt and unit not in _SURE and not weighs and not taken and not _DAILY.search(before):
                continue  # 一片红疹
            if unit == "g" and _BODY.search(text[max(0, start - _NEAR_FOOD) : match.end() + 6]):
                continue
            if _PER_ML.search(before) or _OF_A_PIECE.match(text, match.end()):
                continue
            if unit == "piece" and match["unit"] == "个" and not taken:
                continue
            if (weighs or unit == "piece") and _FOOD.search(text[max(0, start - _NEAR_FOOD) : match.end() + 4]):
                continue
        part = _amount(match, unit, text[max(0, start - 24) : start])
        sure = unit in _SURE or (taken and unit == "piece")
        daily = (
            _DAILY.search(text[max(0, start - 36) : start]) is not None
            or _DAILY_AFTER.match(text, match.end()) is not None
        )
        daily = daily or "日" in match["per"] or "d" in match["per"] or "天" in match["per"]
        yield Dose(start, match.end(), frozenset({part}), sure, frozenset({part}) if daily else frozenset())


_MILLIGRAMS = {"mg": 1.0, "g": 1000.0, "ug": 0.001}


_PER_KILO = re.compile(r"每公斤(?:体重)?$|每kg$")
_PER_KILO_AFTER = re.compile(r"每公斤| per kg")


def _amount(match: re.Match[str], unit: str, before: str) -> Part:
    values = _values(match["n"])
    factor = 10_000.0 if match["unit"].startswith("万") else _MILLIGRAMS.get(unit, 1.0)
    name = "mg" if unit in _MILLIGRAMS else unit
    if (
        "kg" in match["per"]
        or "公斤" in match["per"]
        or _PER_KILO.search(before)
        or _PER_KILO_AFTER.match(match.string, match.end())
    ):
        name += "/kg"
    low = 0.0 if _AT_MOST.search(before) else min(values)
    return Part(low * factor, max(values) * factor, name)


def _frequencies(text: str) -> Iterator[Dose]:
    for match in _FREQUENCY.finditer(text):
        low, high = _times(match)
        if _AT_MOST.search(
            text[max(0, match.start() - 16) : match.end("all") if match["all"] else match.start()]
        ) or re.search("超过|最多|至多", match[0]):
            low = 0.0
        yield Dose(match.start(), match.end(), frozenset({Part(low, high, "/d")}), match["latin"] is not None)


def _times(match: re.Match[str]) -> tuple[float, float]:
    """How often a day."""
    if match["latin"] or match["daily"]:
        times = _LATIN_FREQ[match["latin"] or "daily"]
        return times, times
    if match["parts"]:
        times = _TIMES_OF.get(match["parts"], 0.5)
        return times, times
    if match["weekly"]:
        return 1 / 7, 1 / 7
    if match["week"]:
        values = _values(match["week"])
        return min(values) / 7, max(values) / 7
    if match["min"]:
        values = _values(match["min"])
        return 1440 / max(values), 1440 / max(min(values), 1)
    if (hours := match["h"] or match["h2"] or match["eh"] or match["qh"] or match["eh2"]) or match["h"] == "":
        values = _values(hours) if hours else [1.0]
        return 24 / max(max(values), 0.5), 24 / max(min(values), 0.5)
    told = next(match[name] for name in ("a", "b", "c", "all", "night", "xn", "share") if match[name])
    values = _values(told.removesuffix(" times"))
    return min(values), max(values)


_DAYS = {"d": 1.0, "w": 7.0, "m": 30.0, "c": 1000.0}


def _courses(text: str) -> Iterator[Dose]:
    for match in _COURSE.finditer(text):
        unit = _PERIOD.get(match["unit"][0], match["unit"][0])
        values = [v * _DAYS[unit] for v in _values(match["n"])]
        low = 0.0 if _AT_MOST.search(text[max(0, match.start() - 12) : match.start("n")]) else min(values)
        yield Dose(match.start(), match.end(), frozenset({Part(low, max(values), "days")}), False)


def _values(said: str) -> list[float]:
    if len(said) == 2 and all(c in _DIGITS for c in said):
        return [float(_DIGITS[c]) for c in said]  # 三四天
    return [_number(n) for n in re.split(r"-|–|~|至|到|或|、| to | or ", said) if n.strip()]


def _number(said: str) -> float:
    said = said.strip()
    if said[0].isdigit():
        return float(said)
    if said in _SPELT:
        return float(_SPELT[said])
    if said == "半":
        return 0.5
    if "分之" in said:
        whole, _, share = said.partition("分之")
        return _DIGITS[share] / _DIGITS[whole]
    tens, ten, ones = said.rpartition("十")
    return (_DIGITS.get(tens, 1) * 10 if ten else 0) + float(_DIGITS.get(ones, 0))
