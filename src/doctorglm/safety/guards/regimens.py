"""What the passages handed in give as doses of a drug, and whether an answer's dose is one of them for this patient."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from doctorglm.clinical.evidence import Evidence
from doctorglm.safety.guards.amounts import Dose, Part, said
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.lexicon import covers, named

_SENTENCE = re.compile(r"(?:[^。；;\n.]|\.(?!\s|$))+")
_HEAD = re.compile(r"^([^:：，,]{1,40})[:：]")
_CLAUSE = re.compile(r"[，,]")
_GROUP = re.compile(
    r"成人|儿童|小儿|婴儿|幼儿|老年|孕妇|\d{1,2}(?:[~–-]\d{1,2})?\s?岁|\d{1,2}(?:[~–-]\d{1,2})?\s?个?月|"
    r"\d{1,3}\s?(?:kg|公斤)(?:以[上下])|体重"
    r"|(?<![a-z])(?:adults?|child(?:ren)?|infants?|aged? \d)"
)
_YEARS = re.compile(
    r"(?<![\d.])(\d{1,2})(?:\s?[~–-]\s?(\d{1,2}))?\s?(岁|个?月(?!后)|years|months)?(?:及)?(以上|以下|以内)?"
)
_KILOS = re.compile(r"(≤|>|<|≥)?\s?(\d{1,3})\s?(?:kg|公斤)\s?(以上|以下)?")
_STRENGTH = re.compile(
    r"(?:片|胶囊|粒|袋|包|喷|滴|揿|tablets?|capsules?|puffs?)(?:为|含|[（(])?\s?(\d{1,4}(?:\.\d{1,3})?)\s?(mg|g|ug|"
    r"毫克|克|"
    r"微克)(?![/a-z])"
    r"|(\d{1,4}(?:\.\d{1,3})?)\s?(mg|g|ug|毫克|克|微克)(?:[（(](?:\d{1,3})?|的|[ -])?(?:片|胶囊|粒|袋|包|喷|滴|"
    r"tablets?|capsules?|puffs?|once|gum)"
)
_PER_ML = re.compile(r"(\d{1,4}(?:\.\d{1,3})?)\s?(?:mg|毫克)\s?/\s?(?:ml|毫升)|每毫升\s?(\d{1,4}(?:\.\d{1,3})?)\s?毫克")
_TO_MG = {"mg": 1.0, "毫克": 1.0, "g": 1000.0, "克": 1000.0, "ug": 0.001, "微克": 0.001}
_PIECES = ("piece", "bag", "puff", "drop", "vial", "spoon")
_ROUNDING = 0.05


@dataclass(frozen=True, slots=True)
class Person:
    """For whom a dose is asked, as far as it was told."""

    age: float | None
    kilos: float | None


@dataclass(frozen=True, slots=True)
class _Group:
    """What an entry gives for one group of people."""

    ages: tuple[float, float]
    kilos: tuple[float, float]
    parts: frozenset[Part]
    daily: frozenset[Part]


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a passage says of one drug."""

    names: frozenset[str]
    text: str
    groups: tuple[_Group, ...]
    strengths: frozenset[float]
    """Milligrams in a piece."""
    per_ml: frozenset[float]


@lru_cache(maxsize=256)
def entries(passage: Evidence) -> tuple[_Entry, ...]:
    """The passage, cut at the drugs that its sentences begin with."""
    title = fold(passage.title).text
    names, texts, made = frozenset(n.name for n in named(title)), [title] if title else [], []
    for match in _SENTENCE.finditer(fold(passage.text).text):
        sentence = match[0].strip()
        head = _HEAD.match(sentence)
        found = frozenset(n.name for n in named(head[1] if head else sentence) if head or n.start <= 6)
        if found and not found <= names:
            if texts:
                made.append((names, "；".join(texts)))
            names, texts = found, []
        texts.append(sentence)
    made.append((names, "；".join(texts)))
    return tuple(_entry(names, text) for names, text in made)


_TOLD_STRENGTH = re.compile(
    r"(\d{1,4}(?:\.\d{1,3})?)\s?(mg|g|ug|毫克|克|微克)(?: tablets?| capsules?|的?(?:药片|片子|胶囊)|"
    r"的(?=[，,。一两半]))"
)


def answer_strength(sentence: str) -> float | None:
    """Milligrams in a piece, as an answer tells them."""
    match = _TOLD_STRENGTH.search(sentence)
    return float(match[1]) * _TO_MG[match[2]] if match else None


def _entry(names: frozenset[str], text: str) -> _Entry:
    strengths = {float(m[1] or m[3]) * _TO_MG[m[2] or m[4]] for m in _STRENGTH.finditer(text)}
    per_ml = {float(m[1] or m[2]) for m in _PER_ML.finditer(text)}
    return _Entry(names, text, tuple(_groups(text)), frozenset(strengths), frozenset(per_ml))


_SHARED = re.compile(r"均?分(?:为|成)?\s?\d\s?次|24小时")
"""What the last group of a list shares with those before it."""


def _groups(text: str) -> Iterator[_Group]:
    """The text's clauses, put together by the group of people for whom they are."""
    told, clauses = "", list[str]()
    everything = re.split(r"[，,；]", text)
    common = [clause for clause in everything if _SHARED.match(clause)]
    for clause in everything:
        if (match := _GROUP.search(clause)) and match.start() <= 14:
            if clauses:
                yield _group(told, "，".join([*clauses, *common]))
            told, clauses = clause, []
        clauses.append(clause)
    yield _group(told, "，".join(clauses))


def _group(told: str, text: str) -> _Group:
    found = said(text)
    return _Group(
        _ages(told),
        _kilos(told),
        frozenset(p for d in found for p in d.parts),
        frozenset(p for d in found for p in d.daily),
    )


_ANY = (0.0, 200.0)


def _ages(told: str) -> tuple[float, float]:
    found = [m for m in _YEARS.finditer(told) if m[3] or m[4]]
    spans = []
    for match in found:
        unit = match[3] or "岁"
        times = 1 / 12 if "月" in unit or unit == "months" else 1.0
        first, last = float(match[1]) * times, float(match[2] or match[1]) * times
        if match[4] == "以上":
            spans.append((first, 200.0))
        elif match[4]:
            spans.append((0.0, last))
        else:
            spans.append((first, last + 0.999 * times))
    if "成人" in told or "adult" in told:
        over = re.search(r"over (\d{1,2})", told)
        spans.append((float(over[1]) if over else 16.0, 200.0))
    elif not spans and re.search(r"儿童|小儿|child", told):
        spans.append((0.0, 17.999))
    if english := re.search(r"(?:child\w*|aged?) (?:aged )?(\d{1,2})\s?[–-]\s?(\d{1,2})", told):
        spans = [(float(english[1]), float(english[2]) + 0.999)]
    return (min(s[0] for s in spans), max(s[1] for s in spans)) if spans else _ANY


def _kilos(told: str) -> tuple[float, float]:
    low, high = _ANY
    for match in _KILOS.finditer(told):
        kilos = float(match[2])
        if match[1] in (">", "≥") or match[3] == "以上":
            low = kilos
        elif match[1] in ("<", "≤") or match[3] == "以下":
            high = kilos
    return (0.0, 200.0) if "成人" in told else (low, high)


def sourced(dose: Dose, drug: str | None, person: Person, evidence: Sequence[Evidence]) -> bool:
    """True where one entry gives everything that the dose says, for a group to which the person belongs."""
    return any(
        _given(dose, entry, person)
        for passage in evidence
        for entry in entries(passage)
        if drug is None or not entry.names or covers(drug) & entry.names or drug in entry.text
    )


def _given(dose: Dose, entry: _Entry, person: Person) -> bool:
    fitting = [g for g in entry.groups if _within(person.age, g.ages) and _within(person.kilos, g.kilos)]
    once, daily = _allowed(fitting or entry.groups, entry, person)
    return all(
        any(_inside(end, other) for other in (daily if part in dose.daily else once) if other.unit == part.unit)
        for part in dose.parts
        for end in ((part,) if part.low == 0.0 else (part._replace(high=part.low), part._replace(low=part.high)))
    )


def _within(value: float | None, span: tuple[float, float]) -> bool:
    return value is None or span[0] <= value <= span[1]


def _inside(part: Part, other: Part) -> bool:
    return (other.low * (1 - _ROUNDING) <= part.low and part.high <= other.high * (1 + _ROUNDING)) or (
        part.low == 0.0 and abs(part.high - other.high) <= other.high * _ROUNDING
    )


def _allowed(groups: Sequence[_Group], entry: _Entry, person: Person) -> tuple[set[Part], set[Part]]:
    """What may be said of one time, and of a whole day."""
    told = {p for g in groups for p in g.daily}
    once = {p for g in groups for p in g.parts}
    single = {p.unit for p in once - told}
    once = {p for p in once if p not in told or p.unit not in single}
    if person.kilos:
        once |= {Part(p.low * person.kilos, p.high * person.kilos, "mg") for p in once if p.unit == "mg/kg"}
        once |= {Part(p.low * person.kilos, p.high * person.kilos, "iu") for p in once if p.unit == "iu/kg"}
    once |= _converted(once, entry)
    times = [p for p in once if p.unit == "/d"]
    courses = [p for p in once if p.unit == "days" and p.low]
    amounts = [p for p in once if p.unit not in ("/d", "days")]
    daily = {Part(a.low * t.low, a.high * t.high, a.unit) for a in amounts for t in times}
    daily |= {Part(d.low * c.low, d.high * c.high, d.unit) for d in daily for c in courses}
    if told and not times:
        once.add(Part(1.0, 1.0, "/d"))
    once |= {Part(d.low / t.high, d.high / max(t.low, 1.0), d.unit) for d in told for t in times if d.low and t.high}
    told |= _converted(told, entry)
    return once, daily | told | (once if not daily else {p for p in once if p.unit in ("/d", "days", "mg")})


def _converted(parts: set[Part], entry: _Entry) -> set[Part]:
    """The same amounts in pieces, milligrams and millilitres."""
    made = set()
    for part in parts:
        for strength in entry.strengths:
            if part.unit in _PIECES:
                made.add(Part(part.low * strength, part.high * strength, "mg"))
            elif part.unit == "mg":
                made |= {Part(part.low / strength, part.high / strength, piece) for piece in _PIECES}
        for strength in entry.per_ml:
            if part.unit == "ml":
                made.add(Part(part.low * strength, part.high * strength, "mg"))
            elif part.unit == "mg":
                made.add(Part(part.low / strength, part.high / strength, "ml"))
    return made
