"""Units of amounts in English and Chinese, with their factor to the base of what they measure."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit; two of one `measure` are converted by their factors, others are what they are."""

    name: str
    measure: str
    factor: float


_TABLE: tuple[tuple[str, str, float, str, str], ...] = (
    ("mg/kg", "mg/kg", 1, r"mg ?/ ?kg", r"mg ?/ ?kg|毫克(?:/|每)(?:公斤|千克)"),
    ("mg/dL", "mg/dL", 1, r"mg ?/ ?dl|milligrams? per deciliter", r"mg ?/ ?dl|毫克(?:/|每)分升"),
    ("g/dL", "density", 10, r"g ?/ ?dl", r"g ?/ ?dl|克(?:/|每)分升"),
    ("g/L", "density", 1, r"g ?/ ?l", r"g ?/ ?l|克(?:/|每)升"),
    ("mmol/L", "molar", 1e-3, r"mmol ?/ ?l", r"mmol ?/ ?l|毫摩尔?(?:/|每)升"),
    ("umol/L", "molar", 1e-6, r"[μµu]mol ?/ ?l", r"[μµu]mol ?/ ?l|微摩尔?(?:/|每)升"),
    ("mIU/L", "mIU/L", 1, r"miu ?/ ?l|mu ?/ ?l", r"miu ?/ ?l|mu ?/ ?l|毫(?:国际)?单位(?:/|每)升"),
    ("U/L", "U/L", 1, r"i?u ?/ ?l", r"i?u ?/ ?l|(?:国际)?单位(?:/|每)升"),
    ("ng/mL", "mass density", 1e-6, r"ng ?/ ?ml", r"ng ?/ ?ml|纳克(?:/|每)毫升"),
    ("pg/mL", "mass density", 1e-9, r"pg ?/ ?ml", r"pg ?/ ?ml|皮克(?:/|每)毫升"),
    ("ug/mL", "mass density", 1e-3, r"[μµu]g ?/ ?ml", r"[μµu]g ?/ ?ml|微克(?:/|每)毫升"),
    ("kg/m2", "bmi", 1, r"kg ?/ ?m(?:2|²)", r"kg ?/ ?m(?:2|²)"),
    ("L/min", "flow", 1, r"l ?/ ?min|lit(?:er|re)s? per minute", r"l ?/ ?min|升(?:/|每)分钟?"),
    ("mmHg", "mmHg", 1, r"mm ?hg", r"mm ?hg|毫米汞柱|毫米水银柱"),
    ("mcg", "mass", 1e-6, r"mcg|[μµu]g|micrograms?", r"mcg|[μµu]g|微克"),
    ("mg", "mass", 1e-3, r"mgs?|milligrams?", r"mg|毫克"),
    ("ng", "mass", 1e-9, r"ng", r"ng|纳克"),
    ("kg", "mass", 1e3, r"kgs?|kilograms?|kilos?", r"kg|公斤|千克"),
    ("jin", "mass", 500, r"jin|catt(?:y|ies)", r"市?斤"),
    ("lb", "mass", 453.6, r"lbs?|pounds?", r"磅|英镑"),
    ("oz", "mass", 28.35, r"oz|ounces?", r"盎司"),
    ("stone", "mass", 6350, r"stones?(?= )|stone(?=[.,;]|$)", r"英石"),
    ("g", "mass", 1, r"g|grams?|grammes?", r"g|克(?!隆|罗|拉)"),
    ("IU", "IU", 1, r"iu|units?", r"iu|u|(?:个)?国际单位|(?:个)?单位"),
    ("mL", "volume", 1e-3, r"mls?|cc|millilit(?:er|re)s?", r"ml|cc|毫升"),
    ("L", "volume", 1, r"l|lit(?:er|re)s?", r"l|公升|升(?!高|至|到)"),
    ("km", "length", 1e3, r"kms?|kilomet(?:er|re)s?", r"km|公里|千米"),
    ("cm", "length", 1e-2, r"cms?|centimet(?:er|re)s?", r"cm|厘米|公分"),
    ("mm", "length", 1e-3, r"mms?|millimet(?:er|re)s?", r"mm|毫米"),
    ("um", "length", 1e-6, r"[μµ]m|microns?|micromet(?:er|re)s?", r"[μµ]m|微米"),
    ("nm", "length", 1e-9, r"nm|nanomet(?:er|re)s?", r"nm|纳米"),
    ("mile", "length", 1609, r"miles?", r"英里"),
    ("inch", "length", 0.0254, r"inch(?:es)?", r"英寸|吋"),
    ("foot", "length", 0.3048, r"feet|foot|ft", r"英尺"),
    ("m", "length", 1, r"m|met(?:er|re)s?", r"米|m(?!g|l)"),
    ("°C", "°C", 1, r"° ?c|degrees? (?:c|celsius|centigrade)", r"° ?c|℃|摄氏度|度"),
    ("°F", "°F", 1, r"° ?f|degrees? (?:f|fahrenheit)", r"° ?f|℉|华氏度|华氏|度"),
    ("degree", "°", 1, r"degrees?|°", r"度|°|℃|℉"),
    ("%", "%", 1, r"%|percent|per cent", r"%|个百分点"),
    ("bpm", "bpm", 1, r"bpm|beats? per minute|beats? a minute|per minute", r"bpm|次(?:/|每)分钟?|次|下"),
    ("second", "time", 1, r"secs?|seconds?", r"秒钟?|s"),
    ("minute", "time", 60, r"mins?|minutes?", r"分钟|min|分(?!之)"),
    ("hour", "time", 3600, r"h|hrs?|hours?", r"个?(?:多|半)?小时|个?半?钟头?|h"),
    ("day", "time", 86400, r"days?|nights?", r"天|日(?!本)|昼夜|个?夜晚?|个?晚上?"),
    ("week", "time", 604800, r"weeks?|wks?", r"个?多?(?:周(?!岁|年)|星期|礼拜)"),
    ("month", "long time", 1, r"months?|mths?", r"个?多?月(?!份|经)"),
    ("year", "long time", 12, r"years?|yrs?|y/?o", r"周岁|岁|年(?!代)"),
    ("tablet", "piece", 1, r"tablets?|pills?", r"片|粒|颗|丸"),
    ("capsule", "piece", 1, r"capsules?", r"粒|颗|片|个?胶囊"),
    ("drop", "drop", 1, r"drops?", r"滴"),
    ("puff", "puff", 1, r"puffs?|sprays?|inhalations?", r"喷|揿|吸|下|次"),
    ("teaspoon", "teaspoon", 1, r"teaspoons?|tsp", r"茶匙|小勺|小匙|茶勺|勺"),
    ("tablespoon", "tablespoon", 1, r"tablespoons?|tbsp", r"汤匙|大勺|大匙|汤勺|勺"),
    ("cup", "cup", 1, r"cups?|mugs?|glass(?:es)?", r"杯"),
    ("dose", "dose", 1, r"doses?|shots?|jabs?|injections?", r"剂|次|针|份|个?剂量"),
    ("clock", "clock", 1, r"o'clock|[ap]\.?m\b", r"点钟?|时(?![间候常])"),
    ("time", "time(s)", 1, r"times?", r"次|倍|遍|回|下"),
)
"""(name, measure, factor, in English, in Chinese); the first that fits counts, so longer ones stand first."""
UNITS = tuple(Unit(name, measure, factor) for name, measure, factor, _, _ in _TABLE)
_BY_NAME = {unit.name: unit for unit in UNITS}
ENGLISH = "|".join(f"(?P<u{i}>{english})" for i, (*_, english, _) in enumerate(_TABLE))
"""A pattern with a group for each unit; nothing Latin may follow it."""
_CHINESE = {
    name: re.compile(rf"\s?[多余来几]?\s?(?:{chinese})(?:(?<![a-z])|(?![a-z]))") for name, _, _, _, chinese in _TABLE
}
_ORDER = tuple(_CHINESE)


ROUGH = frozenset(("lb", "oz", "stone", "mile", "inch", "foot"))
"""Units whose amounts are rounded when they are converted: 3 miles, 将近五公里."""

UNLIKE = {True: 0.035, False: 1e-3}
"""By how much two amounts may differ that are one, in rough units and in others."""


def english_unit(match: re.Match[str]) -> Unit | None:
    """The unit of a match of a pattern with ENGLISH in it."""
    return next((unit for i, unit in enumerate(UNITS) if match[f"u{i}"]), None)


def chinese_units(text: str, at: int) -> tuple[Unit, ...]:
    """The units that may be meant by what stands at a place of a plain text: 度 is of both scales, 分 ends a score."""
    found = [(name, match.end()) for name in _ORDER if (match := _CHINESE[name].match(text, at))]
    longest = max((end for _, end in found), default=0)
    return tuple(_BY_NAME[name] for name, end in found if end == longest)


def equal(value: float, unit: Unit, other: float, other_unit: Unit) -> bool:
    """Whether both are one amount; inches and pounds are rounded when they are converted."""
    if unit.measure != other_unit.measure:
        return False
    one, two = value * unit.factor, other * other_unit.factor
    rough = {unit.name, other_unit.name} & ROUGH
    return abs(one - two) <= UNLIKE[bool(rough)] * max(abs(one), abs(two))
