"""Quantities with units: temperature, blood pressure, pulse, glucose, oxygen, doses, durations and others.

What is read is what stands there, in one unit for each kind, with range and comparison; whether a value is high is for
others to say. Factors: 1 mmol/L of glucose is 18.016 mg/dL (its molar mass), 1 kPa is 7.50062 mmHg, 1 斤 is 500 g.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from doctorglm.clinical.folding import folded
from doctorglm.clinical.numerals import NUMBER, between, value

Kind: TypeAlias = Literal[
    "temperature",
    "systolic",
    "diastolic",
    "heart_rate",
    "respiratory_rate",
    "glucose",
    "oxygen_saturation",
    "dose",
    "volume",
    "count",
    "frequency",
    "duration",
    "weight",
    "length",
    "percentage",
    "concentration",
]
Comparator: TypeAlias = Literal["", "<", ">", "<=", ">=", "~"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A quantity, `text[start:end]`: its kind, value, unit, the end of its range, and how it is compared.

    Units: temperature °C, pressures mmHg, rates /min, glucose mmol/L, dose mg (or IU), volume mL, duration d,
    frequency /d, weight kg, length cm, percentage and oxygen %; a count has the name of its piece (片).
    """

    start: int
    end: int
    text: str
    kind: Kind
    value: float
    unit: str
    upper: float | None = None
    comparator: Comparator = ""


@dataclass(frozen=True, slots=True)
class _Unit:
    kind: Kind
    unit: str
    convert: Callable[[float], float] = float


def _times(factor: float) -> Callable[[float], float]:
    return lambda number: number * factor


_UNITS: dict[str, _Unit] = {
    **dict.fromkeys(("℃", "°c", "摄氏度", "度c"), _Unit("temperature", "°C")),
    **dict.fromkeys(("℉", "°f", "华氏度"), _Unit("temperature", "°C", lambda f: (f - 32) / 1.8)),
    **dict.fromkeys(("μg", "µg", "ug", "mcg", "微克"), _Unit("dose", "mg", _times(0.001))),
    **dict.fromkeys(("mg", "毫克"), _Unit("dose", "mg")),
    **dict.fromkeys(("g", "克"), _Unit("dose", "mg", _times(1000))),
    **dict.fromkeys(("iu", "u", "单位", "国际单位", "units"), _Unit("dose", "IU")),
    **dict.fromkeys(("万单位", "万u", "万iu"), _Unit("dose", "IU", _times(10000))),
    **dict.fromkeys(("ml", "毫升", "cc"), _Unit("volume", "mL")),
    **dict.fromkeys(("l", "升"), _Unit("volume", "mL", _times(1000))),
    **dict.fromkeys(("kg", "公斤", "千克"), _Unit("weight", "kg")),
    "斤": _Unit("weight", "kg", _times(0.5)),
    **dict.fromkeys(("cm", "厘米", "公分"), _Unit("length", "cm")),
    **dict.fromkeys(("mm", "毫米"), _Unit("length", "cm", _times(0.1))),
    **dict.fromkeys(("米",), _Unit("length", "cm", _times(100))),
    "%": _Unit("percentage", "%"),
    **dict.fromkeys(("mmol/l", "mmol"), _Unit("concentration", "mmol/L")),
    **dict.fromkeys(("umol/l", "μmol/l", "µmol/l"), _Unit("concentration", "μmol/L")),
    "mg/dl": _Unit("concentration", "mg/dL"),
    **dict.fromkeys(("mg/l", "g/l", "ng/ml", "iu/l", "u/l", "miu/ml"), _Unit("concentration", "")),
    **dict.fromkeys(("秒", "秒钟", "seconds", "second", "sec"), _Unit("duration", "d", _times(1 / 86400))),
    **dict.fromkeys(("分钟", "minutes", "minute", "min"), _Unit("duration", "d", _times(1 / 1440))),
    **dict.fromkeys(("小时", "个小时", "钟头", "个钟头", "hours", "hour", "h"), _Unit("duration", "d", _times(1 / 24))),
    **dict.fromkeys(("天", "days", "day"), _Unit("duration", "d")),
    **dict.fromkeys(("周", "个星期", "星期", "个礼拜", "礼拜", "weeks", "week"), _Unit("duration", "d", _times(7))),
    **dict.fromkeys(("个月", "个多月", "months", "month"), _Unit("duration", "d", _times(30.4375))),
    **dict.fromkeys(("年", "years", "year"), _Unit("duration", "d", _times(365.25))),
    **{piece: _Unit("count", piece) for piece in ("片", "粒", "颗", "丸", "袋", "包", "支", "滴", "喷", "贴", "枚")},
    **dict.fromkeys(("tablets", "tablet", "pills", "pill"), _Unit("count", "片")),
    **dict.fromkeys(("capsules", "capsule"), _Unit("count", "粒")),
}
_COMPARED: dict[str, Comparator] = {
    **dict.fromkeys(("<", "低于", "小于", "不到", "不足", "less than", "below", "under"), "<"),
    **dict.fromkeys((">", "高于", "大于", "超过", "多于", "more than", "above", "over"), ">"),
    **dict.fromkeys(("≤", "<=", "至多", "最多", "不超过", "at most", "up to"), "<="),
    **dict.fromkeys(("≥", ">=", "至少", "不低于", "不少于", "at least"), ">="),
    **dict.fromkeys(("约", "大约", "大概", "差不多", "about", "around", "~", "≈"), "~"),
}


def _any(words: dict[str, object] | dict[str, _Unit] | dict[str, Comparator]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_BEFORE = rf"(?:(?P<compared>{_any(_COMPARED)})\s?)?(?<![0-9.])"
_RANGE = rf"(?P<a>{NUMBER})(?:\s?(?:-|~|—|到|至|to)\s?(?P<b>{NUMBER}))?"
_PLAIN = re.compile(rf"{_BEFORE}{_RANGE}\s?(?:多|余|来)?(?P<unit>{_any(_UNITS)})(?![a-z])(?P<more>以上|以下|左右|多)?")
_DEGREES = re.compile(
    rf"{_BEFORE}(?P<a>[0-9]{{2}}(?:[.,][0-9]{{1,2}})?|三十[五六七八九]|四十[一二]?)"
    rf"(?:[点.](?P<c>[0-9零一二三四五六七八九]))?"
    rf"(?:\s?(?:-|~|—|到|至)\s?(?P<b>[0-9]{{2}}(?:\.[0-9]{{1,2}})?))?\s?(?:度|°)(?![c0-9.]*数)"
    rf"(?P<half>[0-9](?![0-9])|半|[一二三四五六七八九](?![十百天次个日月]))?(?P<more>以上|以下|左右|多)?"
)
_TOLD = re.compile(
    rf"(?:(?P<temperature>体温|烧到|耳温|额温|腋温|肛温|temperature|temp)"
    rf"|(?P<heart_rate>心率|心跳|脉搏|pulse|heart rate|hr)"
    rf"|(?P<respiratory_rate>呼吸频率|呼吸|respiratory rate|rr)|(?P<glucose>血糖|blood sugar|glucose)"
    rf"|(?P<oxygen_saturation>血氧饱和度|血氧|氧饱和度|spo2|oxygen saturation)|(?P<systolic>高压|收缩压|systolic)"
    rf"|(?P<diastolic>低压|舒张压|diastolic))"
    rf"(?:每分钟|一分钟|1分钟|值|大概|一直|最高|是|有|为|达到|达|到|在|测得|测的|测了|了|of|is|was|at|[:： ]|\s){{0,4}}"
    rf"(?P<n>{_BEFORE}{_RANGE})\s?(?P<unit>次/?(?:每)?分钟?|bpm|/min|mmol/l|mmol|mg/dl|%|mmhg|℃|°c|°f|度)?"
    r"(?![0-9a-z:：点月日年岁])"
)
_PRESSURE = re.compile(
    r"(?<![0-9/.])(?P<s>[0-9]{2,3}(?:\.[0-9])?)\s?/\s?(?P<d>[0-9]{2,3}(?:\.[0-9])?)"
    r"\s?(?P<unit>mmhg|毫米汞柱|kpa)?(?![0-9/])"
)
_PRESSURE_WORD = re.compile(r"血压|bp|pressure|高压|低压")
_PER_DAY = re.compile(
    rf"(?:每天|每日|一天|一日|日|每晚)(?:大概|大约|拉|吐|咳|吃|喝|打|要)?\s?(?P<a>{NUMBER})(?:\s?(?:-|~|到|至)\s?(?P<b>{NUMBER}))?\s?次"
    rf"|(?P<c>{NUMBER})(?:\s?(?:-|~|到|至)\s?(?P<e>{NUMBER}))?\s?次\s?(?:/|每)\s?(?:天|日)"
    r"|(?<![a-z])(?P<latin>qd|bid|tid|qid)(?![a-z])|(?P<times>once|twice|three times|four times) (?:a|per) day"
    r"|every (?P<every>[0-9]{1,2}) hours"
)
_PER_MINUTE = re.compile(rf"{_BEFORE}{_RANGE}\s?次\s?(?:/|每)?\s?分钟?")
_LATIN = {"qd": 1.0, "bid": 2.0, "tid": 3.0, "qid": 4.0}
_LATIN |= {"once": 1.0, "twice": 2.0, "three times": 3.0, "four times": 4.0}
_MG_PER_MMOL = 18.016
_MMHG_PER_KPA = 7.50062
_NORMAL_UNITS = {
    "temperature": "°C",
    "glucose": "mmol/L",
    "oxygen_saturation": "%",
    "systolic": "mmHg",
    "diastolic": "mmHg",
}
_POSSIBLE: dict[str, tuple[float, float]] = {
    "temperature": (30, 45),
    "heart_rate": (20, 300),
    "respiratory_rate": (4, 120),
    "glucose": (0.5, 60),
    "oxygen_saturation": (30, 100),
    "systolic": (40, 300),
    "diastolic": (20, 200),
}
"""Values that a living person may have, and that are read without a unit; others are other numbers."""


def quantities(text: str) -> list[Quantity]:
    """The quantities of a text, in order and without overlaps."""
    plain = folded(text)
    kept: list[Quantity] = []
    taken: set[int] = set()
    for one in _found(text, plain):
        places = range(one.start, one.end)
        if taken.isdisjoint(places):
            kept.append(one)
            taken.update(places)
    return sorted(kept, key=lambda one: one.start)


def _found(text: str, plain: str) -> Iterator[Quantity]:
    """All readings, the surest first."""
    yield from _pressures(text, plain)
    yield from _told(text, plain)
    yield from _degrees(text, plain)
    yield from _per_day(text, plain)
    for match in _PER_MINUTE.finditer(plain):
        kind: Kind = "respiratory_rate" if "呼吸" in plain[max(0, match.start() - 8) : match.start()] else "heart_rate"
        yield from _quantity(text, match, _Unit(kind, "/min"))
    for match in _PLAIN.finditer(plain):
        if match["unit"] == "年" and len(match["a"]) == 4:
            continue  # 2016年 is a date
        yield from _quantity(text, match, _UNITS[match["unit"]], match["unit"])


def _quantity(
    text: str, match: re.Match[str], unit: _Unit, name: str = "", span: tuple[int, int] | None = None
) -> Iterator[Quantity]:
    read = between(match["a"])
    if read is None:
        return
    first, second = read
    if match["b"]:
        second = value(match["b"])
    start, end = span or match.span()
    yield Quantity(
        start=start,
        end=end,
        text=text[start:end],
        kind=unit.kind,
        value=round(unit.convert(first), 6),
        upper=None if second is None else round(unit.convert(second), 6),
        unit=unit.unit or name,
        comparator=_comparator(match),
    )


def _comparator(match: re.Match[str]) -> Comparator:
    groups = match.groupdict()
    if groups.get("compared"):
        return _COMPARED[groups["compared"]]
    after: dict[str, Comparator] = {"以上": ">=", "以下": "<=", "左右": "~", "多": ">"}
    return after.get(groups.get("more") or "", "")


def _told(text: str, plain: str) -> Iterator[Quantity]:
    """体温38.5, 心率120: the word says which kind it is."""
    for match in _TOLD.finditer(plain):
        kind = next(name for name in _POSSIBLE if match[name])
        unit = _Unit(kind, _NORMAL_UNITS.get(kind, "/min"))  # type: ignore[arg-type]
        if match["unit"] == "mg/dl" and kind == "glucose":
            unit = _Unit("glucose", "mmol/L", _times(1 / _MG_PER_MMOL))
        elif match["unit"] == "°f":
            unit = _UNITS["°f"]
        elif match["unit"] == "度" and kind == "temperature":
            continue  # 体温38度5 is read with its half
        end = match.end("unit") if match["unit"] else match.end("n")
        for one in _quantity(text, match, unit, span=(match.start("n"), end)):
            low, high = _POSSIBLE[kind]
            if low <= one.value <= high:
                yield one


def _degrees(text: str, plain: str) -> Iterator[Quantity]:
    """38度5, 三十八度半, 39度以上: degrees of a body."""
    for match in _DEGREES.finditer(plain):
        first = value(match["a"])
        if first is None or not _POSSIBLE["temperature"][0] <= first <= _POSSIBLE["temperature"][1]:
            continue
        half = match["half"] or match["c"]
        first += 0.0 if half is None else 0.5 if half == "半" else (value(half) or 0.0) / 10
        upper = value(match["b"]) if match["b"] else None
        yield Quantity(
            start=match.start(),
            end=match.end(),
            text=text[match.start() : match.end()],
            kind="temperature",
            value=round(first, 2),
            upper=upper,
            unit="°C",
            comparator=_comparator(match),
        )


def _pressures(text: str, plain: str) -> Iterator[Quantity]:
    """160/100 behind 血压 or before mmHg, as two."""
    for match in _PRESSURE.finditer(plain):
        if not match["unit"] and not _PRESSURE_WORD.search(plain[max(0, match.start() - 12) : match.start()]):
            continue
        factor = _MMHG_PER_KPA if match["unit"] == "kpa" else 1.0
        kinds: tuple[tuple[Kind, str], ...] = (("systolic", "s"), ("diastolic", "d"))
        for kind, group in kinds:
            start = match.start(group)
            end = match.end() if kind == "diastolic" else match.end(group)
            number = round(float(match[group]) * factor, 1)
            yield Quantity(start=start, end=end, text=text[start:end], kind=kind, value=number, unit="mmHg")


def _per_day(text: str, plain: str) -> Iterator[Quantity]:
    for match in _PER_DAY.finditer(plain):
        if match["every"]:
            often: tuple[float, float | None] | None = (24 / max(1.0, float(match["every"])), None)
        elif match["latin"] or match["times"]:
            often = (_LATIN[match["latin"] or match["times"]], None)
        else:
            often = between(match["a"] or match["c"])
        upper = match["b"] or match["e"]
        if often is not None:
            start, end = match.span()
            yield Quantity(
                start=start,
                end=end,
                text=text[start:end],
                kind="frequency",
                value=often[0],
                upper=value(upper) if upper else often[1],
                unit="/d",
            )
