"""Numbers as both languages write them: digits, words, fractions, ordinals, half and dozens, with their units."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from doctorglm.clinical.folding import folded
from doctorglm.clinical.numerals import between, value
from doctorglm.translate.checks.units import ENGLISH, Unit, chinese_units, english_unit
from doctorglm.translate.renderings import plain


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


_ONES = {
    word: float(i)
    for i, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS = {w: 10.0 * i for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
_CARDINALS = {**_ONES, **_TENS}
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_ORDINALS = {
    word: float(i)
    for i, word in enumerate(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth".split(),
        1,
    )
} | {"twentieth": 20.0, "thirtieth": 30.0}
_MONTHS = {
    word: float(i)
    for i, word in enumerate(
        "january february march april may june july august september october november december".split(), 1
    )
}
_SOFT: dict[str, tuple[float, ...]] = {
    **{word: (n,) for word, n in _MONTHS.items()},
    **{word[:3]: (n,) for word, n in _MONTHS.items()},
    **{f"{word[:-1]}ies" if word.endswith("y") else word: (n,) for word, n in _TENS.items()},
    **{word: (n, 1 / n) for word, n in _ORDINALS.items()},
    **{f"{word}s": (n, 1 / n) for word, n in _ORDINALS.items()},
    "once": (1,), "a": (1,), "an": (1,), "single": (1,), "both": (2,), "either": (2,), "neither": (2,), "pair": (2,),
    "couple": (2, 3), "few": (2, 3, 4, 5), "several": (2, 3, 4, 5, 6), "some": (2, 3, 4, 5), "parents": (2,), "double": (2,), "twins": (2,), "between": (2,),
    "half": (0.5, 50, 30, 5), "quarter": (0.25, 15, 25, 3, 4), "quarters": (0.25, 15, 25, 45, 4), "quarterly": (3,), "decade": (10,), "decades": (10,), "dozen": (12,), "dozens": (12,),
    "fortnight": (14, 2), "twofold": (2,), "trimester": (3,), "thrice": (3,), "triple": (3,), "tenfold": (10,),
    "noon": (12,), "midday": (12,), "midnight": (0, 12, 24), "century": (100,), "centenarian": (100,), "teen": (13, 19), "teens": (13, 19), "teenage": (13, 19), "monthly": (1,), "weekly": (1,), "biweekly": (2,), "qid": (4,), "tid": (3,), "bid": (2,),
    "second-degree": (2,), "plural": (2,), "hundred": (100,), "thousand": (1000, 1e4), "million": (1e6, 100), "millions": (1e6, 100), "billion": (1e9, 10), "hundreds": (100,), "thousands": (1000,), "ii": (2,), "iii": (3,), "iv": (4,), "v": (5,), "i": (1,),
    "two-thirds": (2 / 3,), "percent": (100,), "whole": (100,), "primary": (1,), "secondary": (2,), "tertiary": (3,), "other": (2,), "another": (2,),
    "bilateral": (2,), "bilaterally": (2,), "twelve-hourly": (12,), "weekend": (6, 7), "weekdays": (5,), "limbs": (4,), "siblings": (2,), "each": (1,), "first-line": (1,), "mid": (1,),
}  # fmt: skip
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
_NOT_NUMBERS = re.compile(
    r"一(?:直|些|样|定|起|般|旦|致|切|同|共|律|向|贯|律|再|会儿|方面|线|系列|边|带|流|体|代|级|度|味|生|时|经|下子?|点儿?|并|心|概|连|路|手|面|侧|旁|番|如|到|吃|喝|碰|动|看|听|有|旦|刻不|律|举|块儿|大早|向)"
    r"|(?:唯|万|统|进|不|之|单|同|合|专|划|逐|第|任|某|每|另|这|那|其|哪|此)一(?![0-9个次天日周月年岁种名位])|万一|千万(?!人|例|美|剂|只|元|个|名|支|吨|次|年|种)|百分(?!之)|百日|百草|百货|千方|万古|万物|万能|百合|百姓|百科"
    r"|零星|零件|零散|零和|十二指|二尖瓣|三尖瓣|三叉|四肢|四周(?!的?后|内|时间|前|以|之|岁|年|大)|五官|二氧|三角|一氧|半身|半边|半月板|双手|两侧|两边|两者|双方|两旁|两极|一侧|一边|半夜|半侧|多半|大半|三甲|五一|十一月|十分(?!钟|之)|二甲|三酰|双氯|一丝|三七|七叶|八角|九节|九价|四环|六味|三唑|四氢|二氢|五羟|一旁|三环|两栖|半坐|半卧|半衰|半胱|半乳|四价|三价|十足|千克|千米|亿万|成千上万|数[十百千万]|上[百千万]|几[十百千万]|几乎|两性|零售|千里|七上八下|一一|三三两两|四处|八成|不三不四|一五一十|星期[一二三四五六日]|周[一二三四五六日](?![个天周年])|礼拜[一二三四五六]"
)


def english_figures(text: str) -> list[Figure]:
    """The numbers of an English text in order, soft ones among them; B12 and COVID-19 are names."""
    said = folded(text)
    found = [*_counted(said), *_soft(said), *_fractions(said)]
    parts = [match.span() for match in _FRACTION.finditer(said)]
    inside = [one for one in found if one.hard and any(a <= one.start < b for a, b in parts)]
    return sorted((replace(one, hard=one.hard and one not in inside) for one in found), key=lambda one: one.start)


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
        hard = bool(digits) or (word != "one" and number > 1) or unit is not None
        figure = Figure(
            *match.span(), number, (unit,) if unit else (), hard, "/" if match["to"] and "/" in match["to"] else ""
        )
        held.append(figure)
        if not match["to"]:
            yield from (replace(one, units=figure.units or one.units) for one in held)
            held = []
    yield from held


_TIME = (
    next(unit for unit in map(english_unit, [re.match(ENGLISH, "times")]) if unit)
    if re.match(ENGLISH, "times")
    else None
)


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


def _soft(said: str) -> Iterator[Figure]:
    for match in re.finditer(r"[a-z]+(?:-[a-z]+)?", said):
        for word in {match[0], *match[0].split("-")}:
            yield from (Figure(*match.span(), float(one), (), False) for one in _SOFT.get(word, ()))
    for match in _DECADES.finditer(said):
        yield Figure(*match.span(), 10 * _CARDINALS[match[1]], (), False)
    for match in _ONE_UNIT.finditer(said):
        unit = english_unit(match)
        yield Figure(*match.span(), 1, (unit,) if unit else (), False)
    for match in _AMOUNT_AND_HALF.finditer(said):
        yield Figure(*match.span(), 1.5, (), False)
        if match[1] == "day":
            yield Figure(*match.span(), 36, (), False)


def _fractions(said: str) -> Iterator[Figure]:
    for match in _FRACTION.finditer(said):
        over = {"half": 2.0, "quarter": 4.0}.get(match[2]) or _ORDINALS[match[2]]
        part = (1.0 if match[1] == "a" else _CARDINALS[match[1]]) / over
        yield Figure(*match.span(), part, (), False)
        yield Figure(*match.span(), 100 * part, (), False)


def codes(text: str) -> list[str]:
    """Names with digits: L4, B12, COVID-19; in capitals, without the hyphen."""
    return [match[0].upper().replace("-", "") for match in _CODE.finditer(text)]


def chinese_figures(text: str) -> list[Figure]:
    """The numbers of a Chinese text, made `plain`, in order; 一直 and 十分 are none."""
    said = plain(text)
    blank = _NOT_NUMBERS.sub(lambda m: "＿" * len(m[0]), said)
    found: list[Figure] = []
    for match in _OF_PARTS.finditer(blank):
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
    blank = _OF_PARTS.sub(lambda m: "＿" * len(m[0]), blank)
    found += [Figure(*match.span(), 0.5, (), False) for match in _HALF.finditer(blank)]
    blank = _HALF.sub(lambda m: "＿" * len(m[0]), blank)
    for match in _CHINESE.finditer(blank):
        found += _of_match(match, blank)
    return sorted(found, key=lambda one: one.start)


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
    is_counted = bool(match["first"]) or said[end : end + 1] in _MEASURE or match["tenths"]
    if han == "几" or "几" in han or not (is_counted or len(han) > 1):
        return
    if set(han) <= set("百千万亿"):
        return
    for number in _values(han):
        hard = number != 1 and (bool(is_counted) and han != "半")
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
