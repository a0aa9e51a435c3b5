"""Ages, weeks of pregnancy and vital signs, as triage needs them: each becomes a finding that a rule can name.

A later reading of a sign takes the place of an earlier one. The limits are those of `LIMITS`, one table for all rules.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from doctorglm.safety.search import Anchored
from doctorglm.safety.triage.patterns import bounded

Found: TypeAlias = tuple[str, int, int]
"""(finding, start, end)"""
Reader: TypeAlias = Callable[[str], Iterator[Found]]

_DIGITS = {**{c: i for i, c in enumerate("零一二三四五六七八九")}, "两": 2, "俩": 2, "〇": 0}
_NUMERALS = "一二两俩三四五六七八九十"
_N = rf"(?:\d{{1,3}}|[{_NUMERALS}]{{1,3}})"
_BABY = (
    Anchored(
        rf"出生才刚日娃宝孩b\d{_NUMERALS}",
        rf"({_N})\s*(?:多)?天(?:大|的(?:宝|娃|婴|孩|新生|bb|女儿|儿子|小)|宝|娃)|(?:出生|生下来|才|刚|日龄|"
        rf"娃|宝宝|宝贝|孩子|bb)(?:才|刚|已经|了|满)?({_N})\s*(?:多)?天(?!前|没|了没|不|都)",
    ),
    Anchored(
        r"宝娃b孩婴出女儿月囡，。,\d",
        rf"(?:宝宝|宝贝|娃|bb|孩子|婴儿|出生|女儿|儿子|月子|囡囡|^|[，。,])\s*(?:才|刚|刚满|快|满|了|"
        rf"大概)?({_N})周(?:大|了|的|，|,|。| |$)(?!.{{0,6}}(?:孕|胎动|产检))|\b(\d{{1,2}})[- ]?(?:weeks?|"
        rf"wks?|wk)(?:[- ]old|s old)",
    ),
    Anchored(
        rf"半宝娃孩b婴女儿囡妹弟\d{_NUMERALS}",
        rf"(?<![第怀孕了晚迟过近上下停隔])({_N}|半)个(?:多|半)?月(?:大|半|的(?:宝|娃|婴|孩|小|bb|女儿|儿子)|宝|娃|大的|"
        rf"，|,|。| |$|小)|(?:宝宝|宝贝|娃|孩子|bb|婴儿|女儿|儿子|囡囡|妹妹|弟弟)(?:才|刚|刚满|快|今年|"
        rf"现在|已经|满)?({_N})个(?:多|半)?月|\b(\d{{1,2}})[- ]?(?:months?|mths?|mo)[- ]old|"
        rf"\b(\d{{1,2}})个?月龄",
    ),
)
_BABY_WORDS = Anchored(
    r"新满刚早月还未没nomt\d",
    r"新生儿|满月宝|刚满月|刚出生|早产儿|月子里的(?:娃|宝|孩)|还没满月|未满月|没满月|没出月|刚满月|newborn|neonate|"
    r"(?:our|my|the) (?:baby|little one|newborn)\b.{0,12}?(\d{1,2}) weeks|(\d{1,2}) weeks? old",
)
_YEARS = Anchored(
    rf"ashimdgf\d{_NUMERALS}",
    rf"({_N})\s*(?:岁|歲)(?:半|多)?|\b(\d{{1,3}})[- ]?(?:years?|yrs?|yo|y/o)(?:[- ]old)?|"
    rf"\b(\d{{1,2}}) yo\b|(?:aged|she's|he's|i'm|mum,|dad,|gran,|mother,|father,) ?(\d{{1,3}})(?![\d.%])\b",
)
_PREGNANT = Anchored(
    r"怀孕有大产胎破羊宝pwm\d",
    r"怀孕|孕\s*\d|孕[一二三四五六七八九十早中晚]|怀(?:了)?(?:七|八|六|五|四|九|三|\d)个?(?:多)?月|"
    r"怀\d{1,2}周|有喜|大肚子的媳妇|孕妇|孕期|产检|胎动|胎盘|破水|羊水|宝宝在肚子|pregnan|weeks gestation|"
    r"\b\d{1,2} ?(?:weeks|wks)(?: and| \+)?(?: pregnant| gone)|\bmy waters|placenta|(?<![\d])(?:[1-3]\d|"
    r"4[0-2])\s*周(?!岁|年|了没)|\b(?:[12]\d|3\d|4[0-2]) ?(?:weeks|wks)\b(?! old|-old| ago| post| after)",
)
_POSTPARTUM = re.compile(
    r"产后|坐月子|月子里|顺产|剖腹产|剖宫产|刚生完|生完孩子|药流|人流|流产|postpartum|post-partum|"
    r"gave birth|after giving birth|c-section|after delivery|had the baby|had my baby"
)
_OLD = Anchored(
    "奶爷外姥老婆公阿亞亚gn养",
    r"奶奶|爷爷|外婆|外公|姥姥|姥爷|老人|老太太|老爷子|老头子|老汉|婆婆|公公|阿公|阿嫲|阿婆|阿爷|亞嫲|"
    r"亚嫲|老伴|\bgran\b|grandma|grandad|grandpa|nana|grandfather|grandmother|养老院|nursing home",
)
_TEMPERATURE = Anchored(
    "34三四烧热温到量燒度",
    r"(?<![\d./])(3[3-9]|4[0-3])(?:[.。]|度|℃|°)(\d)?(?!\d)(?:度|℃|°c?)?|"
    r"(?<![\d十])(?:三十([三四五六七八九])|四十([一二三])?)度(?:点)?([一二三四五六七八九半])?|(?:烧|热|温|"
    r"到|烧到|烧着|量了|燒|度)\s*(3[5-9]|4[0-2])(?![\d.%/个天周岁])",
)
_FAHRENHEIT = Anchored("1", r"(?<![\d.])(10[0-9])(?:\.(\d))?\s?(?:f\b|°f|degrees f|fahrenheit)")
_SPO2 = Anchored(
    r"血氧so换再重\d",
    r"(?:血氧|氧饱|氧饱和度|spo2|sats?|氧|saturation|oxygen|o2)\D{0,14}?(\d{2,3})(?!\d|\.\d|分|小时|天|次|"
    r"岁)(?:[、到，,~-](\d{2}))?|\b(\d{2}) ?% (?:on|sats|oxygen)|(?:换|再|重)\D{1,8}(9[2-9]|100)(?![\d.])",
)
_PRESSURE = Anchored(
    r"血高收压b\d",
    r"(?<![\d/.])(\d{2,3})\s?/\s?(\d{2,3})(?![\d/])|(?:血压|高压|收缩压|压)(?:计|高到|降到|掉到|只有|才|"
    r"是|量了|一直|常年|到|有)?\D{0,4}?(\d{2,3}|两百|二百)(?!\d|/|\s?/)|bp\D{0,6}(\d{2,3})(?!\d|/)",
)
_GLUCOSE = Anchored(
    "血糖sgbm测量指空机lcfr显写",
    r"(?:血糖|糖|sugar|glucose|bm|测了|量|测|指血|空腹|机器(?:上)?(?:写|显示)?|libre|cgm|finger prick|"
    r"reading|meter)\D{0,14}?(\d{1,2})[.点](\d)|(?:血糖|sugar|glucose)\D{0,8}?(\d{1,2})(?![\d.岁年])|"
    r"(?:显示|写|血糖仪?|机器|糖)(?:个|着|的|上|就|上就写个|显示|上印着)*\s?(hi|high|lo|low)\b|\b(?:says?|"
    r"reads?|reading|shows?|sugar(?:'s| is| was)?|meter)\s(hi|high|lo)\b",
)
_HEART = Anchored(
    "心脉摸hp",
    r"(?:心率|心跳|脉搏|脉|heart(?:'s| rate| is)?|pulse|hr)\D{0,14}?(1\d\d|2\d\d|[2-9]\d)(?!\d|\.\d|/|年|"
    r"岁|天)|(?:心率|心跳|脉搏|脉|摸脉)\D{0,9}?(一百[三四五六七八九]|[三四]十(?:来|多)?)",
)
_BREATHS = Anchored(
    "呼喘rb一三四五六七八",
    r"(?:呼吸|喘|喘气|rr|breathing|resp)\D{0,10}?([2-9]\d)(?:次|多下|下|来下|\s?a min|/min|\s?breaths)|"
    r"一分钟(?:喘)?(?:呼吸)?([三四五六七八]十)(?:来|多|几)?(?:下|次)|([三四五六七八]十)(?:来|多|几)?(?:下|"
    r"次)(?:呼吸)?",
)

_TABLETS = Anchored(
    rf"百几好\d{_NUMERALS}",
    r"(\d{1,3}|[一二两三四五六七八九]?十[一二三四五六七八九]?|百|几百|好几十)(?:多|几|来)?(?:片|粒|颗|板|"
    r"瓶)|\b(\d{1,3}) (?:of them|\w+ )?(?:tablets|pills|paracetamol|ibuprofen|tylenol|aspirin|capsules|"
    r"caps|co-codamol)\b",
)

LIMITS = {
    "fever": "temperature >= 38.0", "fever_high": "temperature >= 39.0", "fever_extreme": "temperature >= 40.3",
    "temperature_low": "temperature < 35.8", "oxygen_low": "saturation < 92", "pressure_high": ">= 140/90",
    "pressure_very_high": "systolic >= 180", "pressure_low": "systolic < 97",
    "arms_differ": "two pressures >= 20 apart",
    "sugar_low": "glucose < 3.0", "sugar_high": "glucose >= 16.7", "heart_fast": ">= 120", "heart_slow": "<= 47",
    "breaths_fast": ">= 30",
}  # fmt: skip
"""What each finding from a vital sign means; mmol/l, mmHg, ℃, % and per minute."""
FINDINGS = frozenset(LIMITS) | {
    "many_tablets", "age_under_3_months", "age_under_1_year", "age_under_6_years", "child", "old",
    "pregnant", "postpartum",
}  # fmt: skip


class Vitals:
    """What one message says of age, pregnancy and vital signs, each read when it is asked for."""

    findings = frozenset(FINDINGS)
    """The findings that there may be."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._read: dict[Reader, dict[str, list[tuple[int, int]]]] = {}

    def spans(self, finding: str) -> Sequence[tuple[int, int]]:
        """Where it says so; `x_normal` takes back an earlier `x`."""
        reader = _READERS.get(finding)
        if reader is None:
            return ()
        if reader not in self._read:
            found: dict[str, list[tuple[int, int]]] = defaultdict(list)
            for name, start, end in reader(self._text):
                found[name].append((start, end))
            self._read[reader] = found
        return self._read[reader].get(finding, ())


def _matches(sign: Anchored, text: str) -> list[re.Match[str]]:
    return bounded([*sign.finditer(text)])


def number(digits: str) -> int:
    """`二十三`, `十`, `23`, as an integer."""
    if digits.isdigit():
        return int(digits)
    tens, ten, ones = digits.partition("十")
    if not ten:
        return int("".join(str(_DIGITS.get(c, 0)) for c in digits) or 0)
    return (_DIGITS.get(tens, 1) if tens else 1) * 10 + (_DIGITS.get(ones, 0) if ones else 0)


def _first(match: re.Match[str]) -> str:
    return next((group for group in match.groups() if group is not None), "")


def _ages(text: str) -> Iterator[Found]:
    for pattern, days in zip(_BABY, (1, 7, 30.4), strict=True):
        for match in _matches(pattern, text):
            said = _first(match)
            age = (0.5 if said == "半" else number(said)) * days
            if 0 < age <= 24 * 30.4:
                yield from _young(age, match)
    for match in _matches(_BABY_WORDS, text):
        said = _first(match)
        if not said or number(said) <= 16:
            yield from _young(number(said) * 7 if said else 20, match)
    for match in _matches(_YEARS, text):
        years = number(_first(match))
        if "半" in match[0] and years == 0:
            years = 0
        if years < 18:
            yield "child", *match.span()
        if years < 6:
            yield "age_under_6_years", *match.span()
        if 60 <= years <= 115:
            yield "old", *match.span()
    if (half := re.search(r"半岁|周岁不到|不到一岁|不满一岁|few months old", text)) is not None:
        yield from _young(180, half)
    yield from _first_of("old", _OLD, text)


def _first_of(name: str, words: Anchored | re.Pattern[str], text: str) -> Iterator[Found]:
    if (match := words.search(text)) is not None:
        yield name, *match.span()


def _pregnancy(text: str) -> Iterator[Found]:
    yield from _first_of("pregnant", _PREGNANT, text)
    yield from _first_of("postpartum", _POSTPARTUM, text)


def _tablets(text: str) -> Iterator[Found]:
    for match in _matches(_TABLETS, text):
        said = _first(match)
        if (number(said) if said.isdigit() or "十" in said else 100) >= 8:
            yield "many_tablets", *match.span()


def _young(days: float, match: re.Match[str]) -> Iterator[Found]:
    span = match.span()
    yield "child", *span
    yield "age_under_6_years", *span
    if days < 365:
        yield "age_under_1_year", *span
    if days <= 92:
        yield "age_under_3_months", *span


def _temperature(text: str) -> Iterator[Found]:
    last = None
    for match in _matches(_TEMPERATURE, text):
        whole, tenth, thirty, forty, spoken, bare = match.groups()
        if whole:
            value = int(whole) + int(tenth or 0) / 10
        elif bare:
            value = float(bare)
        else:
            value = (30 + _DIGITS[thirty] if thirty else 40 + _DIGITS.get(forty or "零", 0)) + (
                0.5 if spoken == "半" else _DIGITS.get(spoken or "零", 0) / 10
            )
        last = (value, match)
        if value >= 39.0:
            yield "fever_high", *match.span()
        if value >= 40.3:
            yield "fever_extreme", *match.span()
        if value >= 38.0:
            yield "fever", *match.span()
    for match in _matches(_FAHRENHEIT, text):
        value = (int(match[1]) + int(match[2] or 0) / 10 - 32) / 1.8
        last = (value, match)
        if value >= 38.0:
            yield "fever", *match.span()
        if value >= 39.0:
            yield "fever_high", *match.span()
    if last and 35.8 <= last[0] < 38.0:
        yield "fever_normal", *last[1].span()
    if last and last[0] < 35.8:
        yield "temperature_low", *last[1].span()


def _saturation(text: str) -> Iterator[Found]:
    last = None
    for match in _matches(_SPO2, text):
        value = int(match[2] or match[1] or match[3] or match[4])
        if 40 <= value <= 100 and not re.search(
            r"平时|normal|usual|从$", text[max(0, match.start() - 12) : match.start()]
        ):
            last = (value, match)
    if last:
        yield ("oxygen_low" if last[0] < 92 else "oxygen_low_normal"), *last[1].span()


def _pressure(text: str) -> Iterator[Found]:
    seen = []
    for match in _matches(_PRESSURE, text):
        upper = match[1] or match[3] or match[4]
        systolic = 200 if upper in ("两百", "二百") else int(upper)
        diastolic = int(match[2]) if match[2] else None
        if not 40 <= systolic <= 280 or (diastolic is not None and not 20 <= diastolic < systolic):
            continue
        seen.append(systolic)
        if systolic >= 140 or (diastolic or 0) >= 90:
            yield "pressure_high", *match.span()
        if systolic >= 180:
            yield "pressure_very_high", *match.span()
        if systolic < 97:
            yield "pressure_low", *match.span()
    arms = re.search(
        r"(?:左|一只|一边)(?:手|胳膊|臂|侧)?\D{0,4}(\d{2,3})\D{1,6}(?:右|另)(?:手|胳膊|臂|侧|一只|"
        r"一边)?\D{0,4}(\d{2,3})",
        text,
    )
    if arms is not None and abs(int(arms[1]) - int(arms[2])) >= 20 and min(int(arms[1]), int(arms[2])) >= 60:
        yield "arms_differ", *arms.span()


def _sugar(text: str) -> Iterator[Found]:
    last = None
    for match in _matches(_GLUCOSE, text):
        whole, tenth, only, shown, said = match.groups()
        if shown or said:
            value = 2.0 if (shown or said).startswith("lo") else 33.4
        else:
            value = int(whole or only) + int(tenth or 0) / 10
        if value <= 60:
            last = (value, match)
    if (spoken := re.search(r"血糖.{0,6}([二三])十(?:[一二三四五六七八九])?(?:点|几|多)?", text)) is not None:
        last = (30.0 if spoken[1] == "三" else 25.0, spoken)
    if last:
        name = "sugar_low" if last[0] < 3.0 else "sugar_high" if last[0] >= 16.7 else "sugar_normal"
        yield name, *last[1].span()


def _rates(text: str) -> Iterator[Found]:
    for match in _matches(_HEART, text):
        said = _first(match)
        value = int(said) if said.isdigit() else 130 if said.startswith("一百") else 40
        if value >= 120:
            yield "heart_fast", *match.span()
        elif value <= 47:
            yield "heart_slow", *match.span()
    for match in _matches(_BREATHS, text):
        said = _first(match)
        if (int(said) if said.isdigit() else number(said)) >= 30:
            yield "breaths_fast", *match.span()


_READERS: Mapping[str, Reader] = {
    **dict.fromkeys(("child", "age_under_6_years", "age_under_1_year", "age_under_3_months", "old"), _ages),
    **dict.fromkeys(("pregnant", "postpartum"), _pregnancy),
    **dict.fromkeys(("fever", "fever_high", "fever_extreme", "fever_normal", "temperature_low"), _temperature),
    **dict.fromkeys(("oxygen_low", "oxygen_low_normal"), _saturation),
    **dict.fromkeys(("pressure_high", "pressure_very_high", "pressure_low", "arms_differ"), _pressure),
    **dict.fromkeys(("sugar_low", "sugar_high", "sugar_normal"), _sugar),
    **dict.fromkeys(("heart_fast", "heart_slow", "breaths_fast"), _rates),
    "many_tablets": _tablets,
}
"""What reads each finding."""
