"""Doses in a folded text: amounts, frequencies and courses, each with a form in which two wordings can be compared."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

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
    r"(?:\d{1,5}(?:\.\d{1,3})?|半|[一二两三四五六七八九十]{1,3}|"
    r"(?:one|two|three|four|five|six|seven|eight|ten|half)(?= ))"
)
_R = rf"{_N}(?:\s?(?:-|~|至|到|to|or|或)\s?{_N})?"
_NAMES = "|".join(sorted(map(re.escape, _UNIT_OF), key=lambda n: (-len(n), n)))
_AMOUNT = Anchored(
    rf"{_NUMBERS}",
    rf"(?<![\d.a-z])(?P<n>{_R})\s?(?P<unit>{_NAMES})(?![a-z月小疗星礼])(?:/(?:kg|公斤|次|日|天|day|d)(?![a-z])){{0,2}}(?!\s?/)",
)
_FREQUENCY = Anchored(
    rf"每隔日天早qbd{_NUMBERS}",
    rf"(?:每|一|1)?(?:日|天)\s?(?P<a>{_R})\s?(?:次|回|顿)|(?P<b>{_R})\s?次/(?:日|天|d)|(?:每|隔)\s?(?P<h>{_R})\s?个?(?:小时|钟头)(?:\s?[一1]\s?次)?"
    rf"|(?<![a-z])(?P<latin>qd|bid|tid|qid|qn)(?![a-z])|(?<![a-z])q(?P<qh>\d{{1,2}})h(?![a-z])|早晚各"
    rf"|(?<![a-z])(?P<c>once|twice|thrice|{_R} times)(?: a| per| each| every)? ?(?:day|"
    rf"daily)(?![a-z])|(?<![a-z])every (?P<eh>{_R}) hours?(?![a-z])|"
    rf"(?P<daily>(?<![a-z])daily(?![a-z]))",
)
_COURSE = Anchored(
    "连疗服吃用输f",
    rf"(?:连续?(?:服用|服|用|吃|打|输)?|疗程(?:为|是|一般)?|服用?|吃|用药?|输液|for)\s?(?P<n>{_R})\s?个?(?P<unit>天|日|周|星期|礼拜|月|疗程|days?|weeks?|months?)(?![内后前来])",
)
_PERIOD = {"天": "d", "日": "d", "周": "w", "星": "w", "礼": "w", "月": "m", "疗": "c"}
_TAKES = re.compile(
    r"(?:每次|一次|1次|次|口服|内服|吃|服用?|用|含服?|喷|点|滴|涂|贴|塞|加|注射|肌注|静滴|take|"
    r"takes|taking|use|inject|dose of|give)[^，,。；;]{0,4}$"
)
_FOOD = re.compile(
    r"水|饼干|面包|盐|油|奶|酒|蛋|肉|菜|果|茶|米|面|主食|蛋白|纤维|鱼|豆|汤|粥|蜂蜜|红糖|白糖|尿|血|salt|water|sodium|sugar|alcohol|fluid|milk|fib(?:er|re)"
)
_NEAR_FOOD = 16


@dataclass(frozen=True, slots=True)
class Dose:
    """A stretch `text[start:end]` and what it says, as pairs that other wordings share: ("0.5", "g")."""

    start: int
    end: int
    parts: frozenset[tuple[float, str]]
    sure: bool
    """It is a drug's dose even where no drug is named."""


def doses(text: str) -> list[Dose]:
    """The doses in a sentence, neighbours joined: 每次0.5g，一天三次，连服七天 is one."""
    found = sorted([*_amounts(text), *_frequencies(text), *_courses(text)], key=lambda d: (d.start, -d.end))
    joined: list[Dose] = []
    for dose in found:
        last = joined[-1] if joined else None
        if last and dose.end <= last.end:
            joined[-1] = Dose(last.start, last.end, last.parts | dose.parts, last.sure or dose.sure)
        elif last and re.fullmatch(r"[\s，,、()（）]{0,2}(?:每次|一次|口服|服用|各|饭后|饭前|睡前|共|,|and|by mouth|"
                r"orally|taken)?\s?[，,、]?", text[last.end : dose.start]):  # fmt: skip
            joined[-1] = Dose(last.start, dose.end, last.parts | dose.parts, last.sure or dose.sure)
        else:
            joined.append(dose)
    return joined


def parts(text: str) -> frozenset[tuple[float, str]]:
    """Everything that the doses of a text say."""
    everything = [*_amounts(text, all_of_them=True), *_frequencies(text), *_courses(text)]
    return frozenset(part for dose in everything for part in dose.parts)


def _amounts(text: str, *, all_of_them: bool = False) -> Iterator[Dose]:
    for match in _AMOUNT.finditer(text):
        unit, start = _UNIT_OF[match["unit"]], match.start()
        before = text[max(0, start - 12) : start]
        taken = _TAKES.search(before) is not None
        weighs = unit in ("g", "ml", "spoon")
        if not all_of_them:
            if unit not in _SURE and not weighs and not taken and not match["n"][0].isdigit():
                continue  # 一片红疹
            if unit == "piece" and match["unit"] == "个" and not taken:
                continue
            if (weighs or unit == "piece") and _FOOD.search(text[max(0, start - _NEAR_FOOD) : match.end() + 4]):
                continue
        factor = 10_000 if match["unit"].startswith("万") else 1
        values = {(value * factor, unit) for value in _values(match["n"])}
        yield Dose(start, match.end(), frozenset(values), unit in _SURE or (taken and unit == "piece"))


def _frequencies(text: str) -> Iterator[Dose]:
    for match in _FREQUENCY.finditer(text):
        if match["latin"] or match["daily"]:
            said = {(_LATIN_FREQ[match["latin"] or "daily"], "/d")}
        elif hours := match["h"] or match["eh"] or match["qh"]:
            said = {(value, "h") for value in _values(hours)}
        elif times := match["a"] or match["b"] or match["c"]:
            said = {(value, "/d") for value in _values(times.removesuffix(" times"))}
        else:
            said = {(2.0, "/d")}  # 早晚各
        yield Dose(match.start(), match.end(), frozenset(said), match["latin"] is not None)


def _courses(text: str) -> Iterator[Dose]:
    for match in _COURSE.finditer(text):
        unit = _PERIOD.get(match["unit"][0], match["unit"][0])
        yield Dose(match.start(), match.end(), frozenset((v, unit) for v in _values(match["n"])), False)


def _values(said: str) -> list[float]:
    return [_number(n) for n in re.split(r"-|~|至|到|或| to | or ", said) if n.strip()]


def _number(said: str) -> float:
    said = said.strip()
    if said[0].isdigit():
        return float(said)
    if said in _SPELT:
        return float(_SPELT[said])
    if said == "半":
        return 0.5
    tens, ten, ones = said.rpartition("十")
    return (_DIGITS.get(tens, 1) * 10 if ten else 0) + float(_DIGITS.get(ones, 0))
