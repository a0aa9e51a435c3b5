"""What is known of the patient that a warning may turn on, read from what was said."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from doctorglm.safety.guards.drugs import drugs
from doctorglm.safety.guards.facts import number
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.search import Anchored

_PREGNANT = Anchored(
    r"怀孕妊有大早身p\d",
    r"怀孕|怀上|孕妇|孕期|妊娠|孕\d{1,2}周|(?:有|大)肚子|早孕|身孕|\d{1,2}周(?:的)?孕|(?<![a-z])pregnan(?:t|"
    r"cy)(?![a-z])",
)
_FEEDS = Anchored("哺喂母bnl", r"哺乳|喂奶|母乳|(?<![a-z])(?:breast-?feeding|nursing|lactating)(?![a-z])")
_NOT = re.compile(r"(?:没有?|不是|未|非|排除|备|准备|想|打算|not|never|no)[^，,。；;]{0,4}$")
_CHILD = Anchored(
    "宝婴孩小儿女娃闺幼新我mnsd",
    r"宝宝|婴儿|孩子|小孩|小儿|儿童|幼儿|新生儿|我?(?:家)?(?:儿子|女儿|娃|闺女)|"
    r"(?<![a-z])(?:my (?:baby|child|son|daughter|infant|toddler)|newborn|^son|^daughter)(?![a-z])",
)
_AGE = Anchored(
    r"宝孩婴出小月娃儿女闺aismfbgcd\d",
    r"(?<!\d)(\d{1,3})\s?(周?岁|月龄)|(?<!\d)(\d{1,3})\s?(个月|天)(?:大|的?(?:宝宝|婴儿|孩子|小孩|娃))"
    r"|(?:宝宝|孩子|婴儿|出生|小孩|月龄|娃|儿子|女儿|闺女)[:： ]?(?:才|刚|现在|今年|已经|"
    r"有)?\s?(\d{1,3})\s?(个?多?月|天)|"
    r"(?<!\d)(\d{1,3})[ -](years?|months?|weeks?|days?|yrs?|yo)[ -]?old(?![a-z])"
    r"|(?<!\d)(\d{1,3}) (months?|weeks?) (?:and|,)|(?:aged?|is) (\d{1,3}) (months?|weeks?|years?)(?! (?:ago|pregnant|"
    r"along))"
    r"|(?:son|daughter|boy|girl|child|father|mother|mum|mom|dad|i'm|i am|aged?)(?: is|,)? (\d{1,3})()(?![\d.%]|"
    r"[ -]?(?:weeks?|months?|days?|years?|mg|ml|kg|mmol|cm))",
)
_KIDNEY = Anchored(
    "肾尿透krd",
    r"肾功能(?:不全|衰竭|不好|异常|差)|肾衰|尿毒症|透析|肾病|肾移植|(?<![a-z])(?:kidney|"
    r"renal) (?:disease|failure|impairment|problems?)|dialysis",
)
_LIVER = Anchored(
    "肝lch",
    r"肝功能(?:不全|异常|不好|差)|肝硬化|肝衰|肝炎|(?<![a-z])(?:liver (?:disease|failure|"
    r"problems?)|cirrhosis|hepatitis)(?![a-z])",
)
_ALLERGIC = re.compile(
    r"([\u4e00-\u9fff]{2,8}?)(?:类(?:药物?)?)?(?:会|有|都|严重)?过敏|"
    r"(?<![a-z])allergic to ([a-z]{3,20})|(?<![a-z])([a-z]{3,20}) allergy"
)
_LEADS = re.compile(r"^.{0,4}(?:对|我|是|有|说|吃|打|用|和|及)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """Facts told or handed in; what is not known is None or empty."""

    pregnant: bool = False
    breastfeeding: bool = False
    age_years: float | None = None
    kidney: bool = False
    liver: bool = False
    allergies: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    """Drugs that he named and is not allergic to."""

    @property
    def child(self) -> bool:
        """Younger than eighteen years."""
        return self.age_years is not None and self.age_years < 18

    @property
    def old(self) -> bool:
        """Sixty-five years or more."""
        return self.age_years is not None and self.age_years >= 65


def read(said: Iterable[str]) -> Patient:
    """The facts in a patient's own messages, in whatever order they come."""
    text = fold("\n".join(said)).text
    allergies = tuple(dict.fromkeys(_allergies(text)))
    return Patient(
        pregnant=_told(_PREGNANT, text),
        breastfeeding=_told(_FEEDS, text),
        age_years=_age(text),
        kidney=_told(_KIDNEY, text),
        liver=_told(_LIVER, text),
        allergies=allergies,
        takes=tuple(
            dict.fromkeys(d.name for d in drugs(text) if not any(a in d.name or d.name in a for a in allergies))
        ),
    )


def _told(pattern: Anchored, text: str) -> bool:
    return any(not _NOT.search(text[max(0, m.start() - 8) : m.start()]) for m in pattern.finditer(text))


_SPELT = re.compile(r"[一二两三四五六七八九十]{1,3}(?=周?岁|个月|年级|天大|天的)")
_AND_MONTHS = re.compile(r"(\d{1,2})岁(?:半|零?\d{1,2}个月)")
_SCHOOL = re.compile(
    r"(?P<level>小学|初|高)(?:中)?(?P<grade>[一二三四五六\d])|(?P<plain>\d)年级|(?P<nursery>幼儿园|托儿所)"
)
_UP_TO = {"小学": 6, "初": 12, "高": 15}
_SMALL = re.compile(r"男孩|女孩|(?:day|week|month)s?[ -]old|(?<![a-z])(?:boy|girl)(?![a-z])")
_HUNDRED_DAYS = re.compile(r"(?:宝宝|孩子|娃)[^，,。]{0,2}百天")


def _age(text: str) -> float | None:
    """The patient's age; a child's where a child is spoken of, so that the parent's is not taken for it."""
    text = _SPELT.sub(lambda m: f"{number(m[0]):.0f}", text)
    text = _AND_MONTHS.sub(r"\1岁", text)
    told = [
        _years(m)
        for m in _AGE.finditer(text)
        if not re.match(r"[^，,。]{0,3}(?:前|后|以[前后上下]|来|了)", text[m.end() : m.end() + 6])
    ]
    years = [y for y in told if y is not None]
    child = _told(_CHILD, text) or _SMALL.search(text) is not None
    if child:
        young = [y for y in [*years, *_at_school(text)] if y < 18]
        return min(young) if young else 6.0
    grown = [y for y in years if y >= 1]
    return grown[0] if grown else None


def _at_school(text: str) -> Iterable[float]:
    """The ages that a class at school, a nursery or a feast tell."""
    for match in _SCHOOL.finditer(text):
        if match["nursery"]:
            yield 4.0
        elif match["plain"]:
            yield 6.0 + float(match["plain"])
        else:
            yield _UP_TO[match["level"]] + number(match["grade"])
    if _HUNDRED_DAYS.search(text):
        yield 0.3


def _years(match: re.Match[str]) -> float | None:
    amount, unit = next((float(match[i]), match[i + 1]) for i in (1, 3, 5, 7, 9, 11, 13) if match[i])
    if not unit or "岁" in unit or unit.startswith("y"):
        return amount if amount <= 120 else None
    if "月" in unit or unit.startswith("month"):
        return amount / 12
    return amount * 7 / 365 if unit.startswith("week") else amount / 365


def _allergies(text: str) -> Iterable[str]:
    if "过敏" not in text and "allerg" not in text:
        return
    for match in _ALLERGIC.finditer(text):
        name = match[1] or match[2] or match[3]
        if re.search(
            r"(?:没有?|不|无|未)[^，,]{0,6}$|(?:not|no) $", text[: match.end()].rpartition(name)[0][-8:]
        ) or re.match(r"(?:没|无|不)", name):
            continue
        name = re.split(r"对|我|有|吃|打|用|和|及|她|他|孩子|宝宝|不|没", name)[-1]
        if len(name) >= 2 and name not in ("药物", "食物", "皮肤", "花粉", "什么", "季节"):
            yield name
