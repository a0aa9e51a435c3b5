"""Calendar days, births to the month, and ages of 90 and more.

Source of the limits: 45 CFR 164.514(b)(2)(i)(C), under which a year may stay and ages over 89 may not.
"""

import re
from collections.abc import Iterator

from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.spans import Span

_CN = "一二三四五六七八九十廿卅〇零"
_YEAR = rf"(?:(?:19|20)[0-9]{{2}}|[{_CN}○]{{4}}|[0-9]{{2}})"
_MONTH = r"(?:1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九])"
_DAY = r"(?:3[01]|[12][0-9]|0?[1-9]|三十一?|二?十[一二三四五六七八九]?|廿[一二三四五六七八九]?|[一二三四五六七八九])"
_LUNAR_DAY = (
    r"(?:初[一二三四五六七八九十]|十[一二三四五六七八九]|廿[一二三四五六七八九]?|二十[一二三四五六七八九]?|三十|十五)"
)
_MONTHS = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct"
    r"(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_S = r"[ ]{0,2}"

_DATES = (
    # 2023年5月12日, 二〇二四年二月二十日, 5月12号, 六月十八
    re.compile(rf"(?<![0-9])(?:{_YEAR}{_S}[年]{_S})?{_MONTH}{_S}月{_S}{_DAY}{_S}(?:[日号號](?!线|楼|院|门|窗|诊))"),
    re.compile(rf"(?<![0-9]){_YEAR}{_S}年{_S}{_MONTH}{_S}月{_S}{_DAY}(?![0-9个月周天])"),
    re.compile(rf"(?<![0-9十]){_MONTH}月(?:[12][0-9]|3[01]|0?[1-9])(?![0-9个月周天岁.次年+])"),
    # 2023-05-12, 2023/5/12, 2023.5.12, 20230512
    re.compile(
        r"(?<![0-9A-Za-z.\-/])(?:19|20)[0-9]{2}[ ]?[\-/.][ ]?(?:1[0-2]|0?[1-9])[ ]?[\-/.][ ]?(?:3[01]"
        r"|[12][0-9]|0?[1-9])(?![0-9A-Za-z]|[\-/.][0-9])"
    ),
    re.compile(
        r"(?<![0-9])(?:[12][ ][0-9][ ][0-9][ ][0-9])[ ]?[.\-/年][ ]?(?:[01][ ])?[0-9][ ]?[.\-/月][ ]?"
        r"(?:[0-3][ ])?[0-9](?:[ ]?日)?(?![0-9])"
    ),
    re.compile(
        r"(?<![0-9A-Za-z.\-])(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?![0-9A-Za-z\-])"
        r"(?=[^0-9]{0,2}(?:生|出生|入院|出院|就诊|手术|日|检查|来|$))"
    ),
    # 03/14/2024, 14/3/24
    re.compile(
        r"(?<![0-9A-Za-z.\-/])(?:[0-3]?[0-9])[/\-.](?:[0-3]?[0-9])[/\-.](?:19|20)[0-9]{2}(?![0-9A-Za-z]|[\-/.][0-9])"
    ),
    # the moon's calendar
    re.compile(
        rf"(?:农历|阴历)?(?:闰)?(?:正月|腊月|冬月|[一二三四五六七八九十]{{1,2}}月){_LUNAR_DAY}"
        r"(?![个天周月岁年])(?:日|号)?"
    ),
    # 12 May 2023, May 12th, 12th of May
    re.compile(
        rf"(?<![0-9A-Za-z])(?:3[01]|[12][0-9]|0?[1-9])(?:st|nd|rd|th)?[ \-](?:of[ ])?{_MONTHS}(?![a-z])"
        r"(?:,?[ \-](?:19|20)[0-9]{2})?(?![0-9A-Za-z])",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?<![A-Za-z]){_MONTHS}[ ](?:the[ ])?(?:3[01]|[12][0-9]|0?[1-9])(?:st|nd|rd|th)?(?![0-9A-Za-z]|\.[0-9]|[ ]?"
        r"(?:mg|ml|years?|weeks?|days?|months?))(?:,?[ ](?:19|20)[0-9]{2})?(?![0-9A-Za-z])",
        re.IGNORECASE,
    ),
)
_SHORT = re.compile(
    r"(?<![0-9A-Za-z.\-/×:%])(?P<n>(?:1[0-2]|0?[1-9])(?:[./\-])(?:3[01]|[12][0-9]|0?[1-9]))(?:[日号])?"
    r"(?![0-9A-Za-z.%/×:\-])"
)
_SHORT_BEFORE = re.compile(
    r"(?:于|在|从|自|到|至|约|约在|日期|时间|出生|生日|复诊|复查|入院|出院|手术|末次月经|LMP|预产期|的是"
    r"|让我|定|改到|改在|约好|今天是|截止|上次|前|后|\bon|since|by|from)[:： ]?$",
    re.IGNORECASE,
)
_SHORT_AFTER = re.compile(
    r"^[ ]?(?:号|日|那天|那次|当天|早|上午|下午|晚|凌晨|夜班|白班|中午|做|住院|入院|出院|来|去|复|手术"
    r"|术后|开|查|就|的?(?:号|检查|化验|报告|CT|门诊|手术)|生|起|之|前|后|拍|发病|发烧|打|转|到|回|拆|开始"
    r"|晨|住)"
)
_BIRTHDAY = re.compile(r"(?:生日|出生)[:： ]?$")
_DAY_FIRST = re.compile(r"(?<![0-9A-Za-z.\-/])(?:3[01]|[12][0-9]|0[1-9])/(?:1[0-2]|0[1-9])(?![0-9A-Za-z.%/×:\-])")
_DAY_BEFORE = re.compile(r"\b(?:mon|tues?|wed|thu|thurs?|fri|sat|sun|on|by|since|from)\.?,? ?$", re.IGNORECASE)
_IS_RANGE = re.compile(r"^[ ]?[到至][0-9]")
_CELL = re.compile(r"^(?=\t|\n|$)")
_BORN_MONTH = re.compile(
    r"(?:生于|出生于|出生日期|出生年月|出生|生日|DOB|born(?: in)?)[:： ]{0,3}"
    rf"(?P<n>{_YEAR}[ ]?年[ ]?{_MONTH}[ ]?月|(?:19|20)[0-9]{{2}}[\-./](?:1[0-2]|0?[1-9])(?![0-9./\-])"
    rf"|{_MONTHS}[ ](?:19|20)[0-9]{{2}})|(?P<m>{_YEAR}年{_MONTH}月)(?:份)?(?:出?生|的人)",
    re.IGNORECASE,
)

_CN_AGE = r"(?:九十[一二三四五六七八九]?|一百[零〇]?[一二三四五六七八九]?(?!多)|百零[一二三四五六七八九])"
_AGES = (
    re.compile(r"(?<![0-9.])(?:9[0-9]|1[0-3][0-9])[ ]?(?:多|几)?[ ]?(?:周?[岁歲]|虚岁|高龄)"),
    re.compile(rf"{_CN_AGE}(?:多|几|来)?(?:周?[岁歲]|高龄)"),
    re.compile(r"(?<![0-9.])(?:9[0-9]|1[0-3][0-9])[\- ]?(?:years?|yrs?)[\- ]?(?:old|of age)(?![a-z])", re.IGNORECASE),
    re.compile(r"(?<![0-9.])(?:9[0-9]|1[0-3][0-9])[ ]?(?:yo|y/o|y\.o\.|yrs?|years|Y)(?![a-z0-9])", re.IGNORECASE),
    re.compile(
        r"(?:ninety(?:[ \-](?:one|two|three|four|five|six|seven|eight|nine))?|(?:a|one)[ \-]hundred(?:[ \-]"
        r"(?:and[ \-])?(?:one|two|three|four|five|six|seven|eight|nine|ten))?)"
        r"[ \-]years?(?:[ \-]old)?",
        re.IGNORECASE,
    ),
    re.compile(r"九十有[一二三四五六七八九]"),
    re.compile(rf"(?<=[爷奶妈爸公婆姥爹娘人头今年]){_CN_AGE}(?=了|啦|咯)"),
)
_AGE_AFTER = re.compile(
    r"(?:享年|终年|虚岁|高寿|寿|年龄|年纪|龄|岁数|aged?|(?:turn(?:s|ed|ing)?)|age of|今年|老人|"
    r"(?<=[我他她])[爸妈爷奶公婆])[ :是为了有已满整]{0,4}(?P<n>(?:9[0-9]|1[0-3][0-9])(?![0-9.]|[ ]?(?:%"
    rf"|次|mg|/|ml|μ|斤|公斤|kg|块|元|天|分|个))|{_CN_AGE})(?:周?岁|歲)?",
    re.IGNORECASE,
)


def found(text: str) -> Iterator[Span]:
    """Days first, then ages."""
    plain = folded(text)
    for pattern in _DATES:
        for match in pattern.finditer(plain):
            yield Span(match.start(), match.end(), "date")
    for match in _BORN_MONTH.finditer(plain):
        group = "n" if match["n"] else "m"
        yield Span(match.start(group), match.end(group), "date")
    yield from (Span(m.start(), m.end(), "date") for m in _SHORT.finditer(plain) if _is_day(m, plain))
    for match in _DAY_FIRST.finditer(plain):
        before = plain[max(0, match.start() - 6) : match.start()]
        if _DAY_BEFORE.search(before) or not re.search(r"[0-9a-z] ?$|压|BP", before[-3:]):
            yield Span(match.start(), match.end(), "date")
    for pattern in _AGES:
        for match in pattern.finditer(plain):
            yield Span(match.start(), match.end(), "age")
    for match in _AGE_AFTER.finditer(plain):
        yield Span(match.start("n"), match.end(), "age")


def _is_day(match: re.Match[str], plain: str) -> bool:
    """True for 5.12 beside what only a day has; with a point, as in a decimal, that must stand behind or be a birth."""
    before, after = plain[max(0, match.start() - 8) : match.start()], plain[match.end() :]
    if before.endswith("\t") and _CELL.match(after):
        return "." not in match["n"]
    follows = _SHORT_AFTER.match(after)
    if "." in match["n"]:
        is_range = _IS_RANGE.match(after) or re.search(r"[0-9][到至] ?$", before)
        return bool(_BIRTHDAY.search(before) or (follows and not is_range))
    return bool(follows or _SHORT_BEFORE.search(before))
