"""Whether a text says that somebody is pregnant, how far on, or has given birth or nurses.

Gestation is counted as obstetrics does, from the last period: 孕12+3 is 12 weeks and 3 days; a month is 4 weeks, as
patients count (怀孕三个月 is about 12 weeks).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from doctorglm.clinical.folding import folded
from doctorglm.clinical.numerals import NUMBER, value

State: TypeAlias = Literal["pregnant", "not_pregnant", "possible", "trying", "past", "postpartum", "breastfeeding"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pregnancy:
    """What is said, `text[start:end]`; `weeks` of gestation, or since the birth where the state is postpartum."""

    start: int
    end: int
    text: str
    state: State
    weeks: float | None = None


_WEEK = r"(?:周|w(?:eeks?|ks?)?|个?星期)"
_GESTATION = re.compile(
    rf"(?P<said>怀孕|孕期|孕|妊娠|停经|有身孕|怀了|怀着)(?:了|到|有|已经|已|第|大概|差不多|快|刚|现在|今天|是|,|，|\s){{0,3}}"
    rf"(?P<n>{NUMBER})\s?(?:(?P<plus>\+)\s?(?P<d1>[0-6])(?:周|天|w)?"
    rf"|(?P<week>{_WEEK})(?:\s?(?:\+|零|又|加)?\s?(?P<d2>{NUMBER})\s?天?)?"
    r"|(?P<month>个半月|个多月|个月|月)|(?P<day>天))"
)
_BARE_WEEKS = re.compile(r"(?<![0-9.a-z])(?P<n>[0-9]{1,2})\s?w(?:\s?\+\s?(?P<d>[0-6])d?)?(?![a-z0-9])")
_ENGLISH_WEEKS = re.compile(
    r"(?P<n>[0-9]{1,2})(?:\s?\+\s?(?P<d>[0-6]))?[ -]?(?:weeks?|wks?)(?: and (?P<d2>[0-6]) days?)?"
    r" (?:pregnant|gestation|of pregnancy)"
    r"|(?P<m>[0-9]|two|three|four|five|six|seven|eight|nine) months? pregnant"
)
_BIRTH = re.compile(
    r"(?:产后|生完孩子|生完|分娩后|剖腹产后|剖宫产后|顺产后|postpartum|post-partum|after (?:delivery|giving birth))"
    rf"(?:已经|第|有|了|\s){{0,2}}(?:(?P<n>{NUMBER})\s?(?P<unit>天|周|个?星期|个月|月|days?|weeks?|months?))?"
    r"|坐月子|月子里|月子期间|月子中|刚生完|(?P<en>[0-9]{1,2}) (?P<en_unit>days?|weeks?|months?) postpartum"
)
_WORDS = re.compile(
    r"(?P<trying>备孕|准备怀孕|想怀孕|计划怀孕|要孩子|trying to conceive|trying for a baby)"
    r"|(?P<nursing>哺乳期|哺乳|母乳喂养|喂母乳|喂奶期|breastfeeding|breast-feeding|nursing mother)"
    r"|(?P<past>(?:以前|曾|曾经|去年)怀过孕?|怀过孕|前次妊娠|previous pregnancy)"
    r"|(?P<pregnant>怀孕|孕妇|有身孕|身怀六甲|有喜了|怀上了|怀了孩子|怀着孩子|怀着宝宝|大着肚子|妊娠|孕期|早孕"
    r"|孕早期|孕中期|孕晚期|孕初期|孕后期|准妈妈|pregnant|pregnancy|first trimester"
    r"|second trimester|third trimester|expecting a baby)"
)
_DENIED = re.compile(r"(?:没有?|未|无|不是|并非|没有在|否认|排除|not|isn't|no|never been|非)\s?(?:在|有)?\s?$")
_OPEN = re.compile(
    r"(?:可能|会不会|是不是|是否|有没有|怀疑|疑似|不知道|不确定|担心|怕|如果|might be|may be|could (?:i|she) be|if"
    r"|possibly|am i)[^，。,]{0,6}$"
)
_ASKED = re.compile(r"(?:了|过)?(?:吗|么|的可能)|\s?\?")
_MONTHS = {name: n for n, name in enumerate(("two", "three", "four", "five", "six", "seven", "eight", "nine"), 2)}


def pregnancies(text: str) -> list[Pregnancy]:
    """What a text says of pregnancy, in order and without overlaps."""
    plain = folded(text)
    kept: list[Pregnancy] = []
    taken: set[int] = set()
    for start, end, state, weeks in _found(plain):
        if taken.isdisjoint(range(start, end)):
            kept.append(Pregnancy(start=start, end=end, text=text[start:end], state=state, weeks=weeks))
            taken.update(range(start, end))
    return sorted(kept, key=lambda one: one.start)


def _found(plain: str) -> Iterator[tuple[int, int, State, float | None]]:
    for match in _BIRTH.finditer(plain):
        number = value(match["n"] or match["en"]) if match["n"] or match["en"] else None
        unit = match["unit"] or match["en_unit"] or ""
        yield match.start(), match.end(), "postpartum", None if number is None else number * _weeks_of(unit)
    for match in _GESTATION.finditer(plain):
        weeks = _gestation(match)
        if weeks is not None and weeks <= 44:
            yield match.start(), match.end(), _state(plain, match), weeks
    for match in _ENGLISH_WEEKS.finditer(plain):
        days = float(match["d"] or match["d2"] or 0)
        months = match["m"] and (_MONTHS.get(match["m"]) or float(match["m"]))
        weeks = months * 4.0 if months else float(match["n"]) + days / 7
        yield match.start(), match.end(), _state(plain, match), weeks
    said = list(_WORDS.finditer(plain))
    if any(match["pregnant"] for match in said):
        for match in _BARE_WEEKS.finditer(plain):
            if 3 <= float(match["n"]) <= 43:
                yield match.start(), match.end(), "pregnant", float(match["n"]) + float(match["d"] or 0) / 7
    for match in said:
        yield match.start(), match.end(), _named(plain, match), None


def _named(plain: str, match: re.Match[str]) -> State:
    for group, state in _NAMED.items():
        if match[group]:
            return state
    return _state(plain, match)


_NAMED: dict[str, State] = {"trying": "trying", "nursing": "breastfeeding", "past": "past"}


def _state(plain: str, match: re.Match[str]) -> State:
    before = plain[max(0, match.start() - 14) : match.start()]
    is_late = match.groupdict().get("said") == "停经"  # a period that stays away says no more than that
    if is_late or _OPEN.search(before) or _ASKED.match(plain, match.end()):
        return "possible"
    return "not_pregnant" if _DENIED.search(before) else "pregnant"


def _gestation(match: re.Match[str]) -> float | None:
    number = value(match["n"])
    if number is None:
        return None
    if match["plus"]:
        return number + float(match["d1"]) / 7
    if match["week"]:
        return number + ((value(match["d2"]) or 0) / 7 if match["d2"] else 0.0)
    if match["day"]:
        return number / 7
    return (number + (0.5 if match["month"] == "个半月" else 0.0)) * 4


def _weeks_of(unit: str) -> float:
    if unit.startswith(("天", "d")):
        return 1 / 7
    return 4.0 if "月" in unit or unit.startswith("m") else 1.0
