"""Facts on which a prohibition may turn: as a leaflet writes them, and as a patient tells them.

What is denied, another person's, quoted from a leaflet or over is not the patient's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.rules import composed, mapping, rows, rules_file, wrong_at
from doctorglm.safety.search import Words

_FILE = "facts.yaml"
_CLAUSE = re.compile(r"(?:(?! and i )[^，,。！？!?；;\n.])+")
_DENIED = re.compile(
    r"(?:没有?|不是|未|无|非|排除|否认|不属于|没在|不喝|不吃|不吸|不抽|听说|(?<![a-z])(?:not?|never|don't|without|"
    r"isn't)(?![a-z]))"
    r"[^，,。；;]{0,8}$|不$"
)
_DENIED_AFTER = re.compile(
    r"[^，,。；;]{0,3}(?:正常|阴性|已经?好|已愈|疫苗|针|禁用|慎用|忌用|忌服|不是不能|不能用|不能吃|不可以?用|"
    r"(?:tests? |function )?(?:is|are) normal|"
    r"ruled out)"
)
_OTHERS = re.compile(
    r"我?(?:老婆|妻子|爱人|媳妇|老公|丈夫|弟弟|妹妹|哥哥|姐姐|朋友|同事|邻居)|"
    r"(?<![a-z])(?:my|his|her) (?:wife|husband|brother|sister|friend|colleague|neighbou?r|partner)(?![a-z])"
)
_SELF = re.compile(
    r"是我(?!老|爸|妈|家|女|儿)|我(?:自己|想|能|可以|要|打|扭|得|有|在|吃|没)|(?<![a-z])(?: and)? ?(?:i take|i'm|"
    r"i am|can i|i have|"
    r"do i)(?![a-z])"
)
_MALE = re.compile(
    r"(?<![一-鿿])男(?![孩婴宝朋])|男性|我爸|爸爸|爷爷|外公|老爷子|阿公|(?<![a-z])(?:father|dad|grandfather|husband|"
    r"i'm a man)(?![a-z])"
)
_FEMALE_FACTS = frozenset({"pregnant", "breastfeeding", "planning", "menstruation"})
_BORN = re.compile(r"产后|生完|已经生|刚生|was pregnant|after (?:the )?birth|postpartum")
_NUMBER = r"(\d{1,3}(?:\.\d)?|[一二两三四五六七八九十]{1,3})"


@dataclass(frozen=True, slots=True)
class Facts:
    """The words of `rules/facts.yaml`, with the fact of each and whether leaflets use it; gapped ones as patterns."""

    words: Words
    plain: tuple[tuple[str, str, bool], ...]
    gapped: tuple[tuple[re.Pattern[str], str], ...]


@cache
def _facts() -> Facts:
    """`rules/facts.yaml`; raises ConfigError with the line where it is wrong."""
    return read_facts(rules_file("facts").read_text(encoding="utf-8"), _FILE)


def read_facts(text: str, where: str) -> Facts:
    """The facts of a file's text; raises ConfigError that names `where` and the line."""
    top = mapping(composed(text, where), where, needed=("source", "facts"))
    plain: list[tuple[str, str, bool]] = []
    gapped: list[tuple[re.Pattern[str], str]] = []
    for number, line in rows(top["facts"], where):
        name, equals, rest = line.partition(" = ")
        leaflets, _, patients = rest.partition("//")
        if not equals or not (leaflets + patients).split():
            raise wrong_at(number, where, en="a fact is NAME = words // words", zh="事实应写成 名称 = 词 // 词")
        for said, in_leaflets in ((leaflets, True), (patients, False)):
            for phrase in said.split():
                word = fold(phrase.lower().replace("_", " ")).text
                if "…" in word:
                    first, _, last = word.partition("…")
                    gapped.append((re.compile(f"{re.escape(first)}[^，,。；;]{{0,8}}?{re.escape(last)}"), name))
                else:
                    plain.append((word, name, in_leaflets))
    return Facts(Words(said for said, _, _ in plain), tuple(plain), tuple(gapped))


def prepare() -> None:
    """Reads the words now, so that wrong rules are told before the first answer."""
    _facts()


def _places(text: str) -> Iterator[tuple[str, int, int, bool]]:
    """Each fact that a word of a text tells, its place, and whether leaflets use that word."""
    known = _facts()
    for index, start, end in known.words.places(text):
        said, name, in_leaflets = known.plain[index]
        if not (
            said[0].isascii()
            and said[0].isalpha()
            and start
            and text[start - 1].isascii()
            and text[start - 1].isalpha()
        ):
            yield name, start, end, in_leaflets
    for pattern, name in known.gapped:
        for match in pattern.finditer(text):
            yield name, match.start(), match.end(), False


@lru_cache(maxsize=1024)
def written(text: str) -> frozenset[str]:
    """The facts that a passage's words name."""
    return frozenset(name for name, _, _, in_leaflets in _places(text) if in_leaflets)


@dataclass(frozen=True, slots=True)
class Told:
    """What a patient told, folded: facts, and values by name (`weeks` of pregnancy, `egfr`, `birth_grams`...)."""

    facts: frozenset[str]
    values: dict[str, float]
    male: bool
    own: str
    """The words that are about the patient and not denied."""


def told(text: str) -> Told:
    """What the patient's own words, folded, say of him."""
    own = "，".join(_own_clauses(text))
    values = dict(_values(text))
    if "weeks" not in values and (weeks := _weeks(own)) is not None:
        values["weeks"] = weeks
    facts = {name for name, start, end, _ in _places(own) if _holds(own, start, end)}
    male = _MALE.search(text) is not None
    if male and not _OTHERS.search(text):
        facts -= _FEMALE_FACTS
    if _BORN.search(own):
        facts.discard("pregnant")
    if (
        "pregnant" in facts
        and "planning" in facts
        and "weeks" not in values
        and not re.search(r"怀着|孕囊|孕期|已经怀", own)
    ):
        facts.discard("pregnant")
    return Told(frozenset(_inferred(facts, values)), values, male, own)


def _own_clauses(text: str) -> Iterator[str]:
    """The clauses that are not about somebody else, where the patient speaks of himself too."""
    clauses = _CLAUSE.findall(text)
    others = [_OTHERS.search(clause) is not None and not _SELF.search(clause) for clause in clauses]
    if any(others) and any(_SELF.search(c) for c, other in zip(clauses, others, strict=True) if not other):
        clauses = [c for c, other in zip(clauses, others, strict=True) if not other]
    yield from clauses


def _holds(text: str, start: int, end: int) -> bool:
    return not _DENIED.search(text[max(0, start - 14) : start]) and not _DENIED_AFTER.match(text, end)


_LAB = {
    "egfr": re.compile(r"(?:egfr|滤过率|肌酐清除率)[^\d，,。]{0,8}(\d{1,3})(?!\d)"),
    "creatinine": re.compile(r"肌酐(?!清除)[^\da-z，,。]{0,6}(\d{2,4})"),
    "potassium": re.compile(r"(?:血钾|potassium)[^\d，,。]{0,8}(\d\.\d)"),
    "transaminase": re.compile(r"(?:转氨酶|谷丙|alt)[^\d，,。]{0,6}(\d{2,4})"),
    "pulse": re.compile(r"(?:心率|脉搏|heart rate)[^\d，,。]{0,8}(\d{2,3})"),
    "systolic": re.compile(r"(?:血压|blood pressure|bp)[^\d，,。]{0,8}(\d{3})|(?<!\d)(?=\d{3}/\d{2})(\d{3})/"),
    "glucose": re.compile(r"血糖[^\d，,。]{0,4}(\d{1,2}(?:\.\d)?)"),
    "qtc": re.compile(r"qtc?[^\d，,。]{0,6}(\d{3})"),
    "birth_grams": re.compile(r"(?:出生|体重|生下来)[^\d，,。]{0,6}(\d{4}|[5-9]\d\d)(?:克|g)"),
}
_TRANSAMINASE_WORDS = re.compile(r"转氨酶[^，,。]{0,6}[二三四五六七八九]百")


def _values(text: str) -> Iterator[tuple[str, float]]:
    for name, pattern in _LAB.items():
        if match := pattern.search(text):
            yield name, float(next(g for g in match.groups() if g))
    if _TRANSAMINASE_WORDS.search(text):
        yield "transaminase", 300.0


_IMPLIES = (
    ("dialysis", "kidney"),
    ("hepatic_coma", "liver"),
    ("gout_attack", "gout"),
    ("type1", "diabetes"),
    ("ketosis", "diabetes"),
    ("heart_attack", "coronary"),
    ("coronary", "heart_disease"),
    ("heart_failure", "heart_disease"),
    ("organ_transplant", "immunosuppressed"),
)
"""A fact, and the more general one that holds with it."""


def _inferred(facts: set[str], values: dict[str, float]) -> set[str]:
    """The facts, with what the values say."""
    high, low = float("inf"), 0.0
    for name, lowest, highest, fact in (
        ("egfr", low, 60, "kidney"),
        ("creatinine", 133, high, "kidney"),
        ("potassium", 5.5, high, "hyperkalaemia"),
        ("potassium", low, 3.5, "hypokalaemia"),
        ("transaminase", 80, high, "liver"),
        ("pulse", low, 50, "brady"),
        ("systolic", 140, 260, "hypertension"),
        ("glucose", 16.7, high, "ketosis"),
        ("qtc", 460, high, "long_qt"),
        ("birth_grams", low, 2500, "low_weight_birth"),
    ):
        if name in values and lowest <= values[name] < highest:
            facts.add(fact)
    if "dialysis" in facts:
        values["egfr"] = 10.0
    elif "egfr" not in values and "creatinine" in values:
        values["egfr"] = 6000 / values["creatinine"]  # roughly, of an elderly patient
    weeks = values.get("weeks")
    if weeks is not None:
        facts.add("pregnant")
    if "pregnant" in facts:
        facts |= {
            name
            for name, first, last in (
                ("early_pregnancy", 0, 13),
                ("later_pregnancy", 13, 45),
                ("late_pregnancy", 28, 45),
                ("term_pregnancy", 37, 45),
            )
            if (first <= weeks < last if weeks is not None else name == "early_pregnancy")
        }
    for fact, general in _IMPLIES:
        if fact in facts:
            facts.add(general)
    return facts


_WEEKS = (
    (re.compile(rf"(?:预产期|due)[^，,。]{{0,6}}?{_NUMBER}\s?(?:周|weeks)"), -1.0, 40.0),
    (re.compile(rf"末次月经[^，,。]{{0,4}}{_NUMBER}\s?周"), 1.0, 0.0),
    (re.compile(rf"停经{_NUMBER}\s?(?:天|日)"), 1 / 7, 0.0),
    (re.compile(rf"孕(?:了|了快|已|期)?{_NUMBER}\s?周|{_NUMBER}\s?周(?:的)?孕"), 1.0, 0.0),
    (
        re.compile(
            rf"{_NUMBER}[ -]?weeks?[ -](?:pregnant|along|gone|into)|(?<![a-z])week {_NUMBER}|"
            rf"pregnant at {_NUMBER} weeks"
        ),
        1.0,
        0.0,
    ),
    (
        re.compile(
            rf"(?:孕|怀孕|怀了|身孕|肚里宝宝|肚子里的宝宝)[^，,。\d]{{0,3}}?{_NUMBER}\s?个?(?:多|半)?月|"
            rf"{_NUMBER}个(?:多|半)?月(?:的)?(?:身孕|孕)"
        ),
        4.4,
        0.0,
    ),
)
_PREGNANT_SAYS = re.compile(r"孕|妊娠|产科|胎|pregnan|trimester|产检|大排畸")
_PLAIN_WEEKS = re.compile(rf"(?<![\d第]){_NUMBER}\s?周(?!前|后|岁|年|一次)")


def _weeks(text: str) -> float | None:
    """Weeks of the patient's pregnancy."""
    for pattern, times, plus in _WEEKS:
        if match := pattern.search(text):
            return plus + times * number(next(g for g in match.groups() if g))
    if re.search(r"second trimester|孕中期", text):
        return 20.0
    if re.search(r"third trimester|孕晚期", text):
        return 32.0
    if _PREGNANT_SAYS.search(text) and (match := _PLAIN_WEEKS.search(text)):
        return number(match[1])
    return None


def number(said: str) -> float:
    """A number in digits or in Chinese below a hundred."""
    if said[0].isdigit():
        return float(said)
    digits = dict(zip("一二两三四五六七八九", (1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
    tens, ten, ones = said.rpartition("十")
    return float((digits.get(tens, 1) * 10 if ten else 0) + digits.get(ones, 0))
