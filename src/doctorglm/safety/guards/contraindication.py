"""Strikes advice of what a passage handed in forbids this patient; "with care" becomes a note.

Nothing is known here but what the passages say and what is known of the patient: pregnancy, breast-feeding, age,
values, illnesses, allergies and what he takes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from doctorglm.safety.guards.advice import LEFT, REASSURES, WARNS, Clauses
from doctorglm.safety.guards.bans import Ban, bans, concerns, days
from doctorglm.safety.guards.facts import Told, told
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.lexicon import Named, covers, named
from doctorglm.safety.guards.patient import Patient, read
from doctorglm.safety.guards.rules import own_rules
from doctorglm.safety.guards.scene import Known, Scene

_PERMITS = re.compile(
    r"(?:^|[，,。])(?:可以|能|行|要|要补)(?:的|吃|用|喝|抹|涂|补的)?[，,]|放心|正合适|正好对症|正?对路|正对症|最好了|"
    r"照样|照常(?:吃|用|喝|打)|照(?:吃|打|用|喝|点)|"
    r"一样(?:吃|用)"
    r"|接着(?:吃|用|打)|(?:吃|用|打|喝)吧|就吃它|随便(?:吃|用|喝)|都可以|也可以|可以(?:同时|一起|搭配|直接|给(?:他|"
    r"她|孩子|宝宝|娃)?(?:吃|喝|用|打|喂|滴))|"
    r"(?<![a-z])(?:is fine|it's fine|perfectly safe|"
    r"totally safe|go ahead|is okay|is ok|can begin|may begin|go for)(?![a-z])"
)
_REFUSES = re.compile(r"^\s*(?:no|better not|不|不行|不能|不可以|别|不建议|不要)[^，,。\w]{0,1}[，,。]")
_TOPICAL = re.compile(r"凝胶|软膏|乳膏|外用|贴剂|滴眼|滴耳|栓|gel|cream")
_HISTORY = re.compile(r"病史|用户|患者|病历|月龄|病人|(?<![a-z])(?:history|patient|user)(?![a-z])")
_BANNING = re.compile(r"禁|忌|不宜|不可|不能|避免|慎|avoid|contraindicat|not ")
_FORBIDDEN_THINGS = re.compile(r"(?:食用|禁食|忌食|禁饮|服食|吃|喝|饮用?|避免|禁止)([\u4e00-\u9fff、,，]{2,40})")
_ALLERGIC = re.compile(r"过敏|休克|风团|全身(?:肿|起疹|红疹)|allerg|throat closed|anaphyla|hives")
_NOT_TAKEN = re.compile(r"(?:没有?|未|不|从没|(?<![a-z])(?:not|never|no))[^，,。]{0,6}$")
_SINCE = re.compile(
    r"(?:停|吃完|打完|挂完|用完|喝完)[^，,。\d]{0,6}?(\d{1,2}|[一二两三四五六七八九十]{1,3})\s?(天|日|周|个?月|年)|"
    r"(\d{1,2}|[一二两三四五六七八九十]{1,3})\s?(天|周|个?月|年)前|(\d{1,2}|two|three|four|five|six|seven|eight|"
    r"ten) (days?|weeks?|"
    r"months?) ago"
)
_ENGLISH = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "ten": "10"}
_CLAUSE = re.compile(r"[^，,。；;：:！!\n]+")


@dataclass(frozen=True, slots=True)
class _Barred:
    """What this patient must not be advised."""

    names: frozenset[str]
    things: tuple[str, ...]
    detail: str
    forbidden: bool
    sentence: str


def found(scene: Scene) -> Iterator[Finding]:
    """Yields the sentences that advise what a passage forbids this patient, or what he is allergic to."""
    yield from _allergies(scene)
    if not scene.known.evidence:
        return
    rules, barred = own_rules("contraindication"), _barred(scene.known)
    if not barred:
        return
    for start, end in scene.own_sentences:
        for which, forbidden, detail in _against(scene.text[start:end], barred, scene.known):
            place = max(start + which, scene.begin)
            yield Finding(place, max(end, place), rules["forbidden" if forbidden else "with-care"], detail)


def _allergies(scene: Scene) -> Iterator[Finding]:
    allergies = scene.known.patient.allergies
    if not allergies:
        return
    rule = own_rules("contraindication")["forbidden"]
    for _, _, drugs in scene.advised:
        for drug in drugs:
            if drug.end > scene.begin and any(
                a in drug.name or drug.name in a or covers(drug.name) & covers(a) & {a} for a in allergies
            ):
                yield Finding(max(drug.start, scene.begin), drug.end, rule, f"{drug.name}: allergy")


def _against(sentence: str, barred: tuple[_Barred, ...], known: Known) -> Iterator[tuple[int, bool, str]]:
    """Where the sentence advises what is barred; the place, whether it is forbidden, and why."""
    if sentence.rstrip('\n"”』」 ').endswith(("?", "？")) or _REFUSES.match(sentence):
        return
    clauses = Clauses(sentence)
    advised = [n for n in named(sentence) if clauses.advise(n.start)]
    permits = not advised and _permits(sentence)
    question = fold(known.question).text if permits or advised else ""
    asked = set() if _THIS.search(question) else {n.name for n in named(question)}
    for ban in barred:
        place = _place(sentence, clauses, advised, ban)
        if place is None and ban.names:
            meant = permits and (not asked or any(covers(a) & ban.names for a in asked))
        else:
            meant = place is not None or permits or any(n.name in asked for n in advised)
        if meant:
            yield place or 0, ban.forbidden, ban.detail


def _place(sentence: str, clauses: Clauses, advised: list[Named], ban: _Barred) -> int | None:
    """Where the sentence advises by name what is barred."""
    if hit := next((n for n in advised if _hits(n, ban, sentence)), None):
        return hit.start
    places = (sentence.find(thing) for thing in ban.things)
    return next((at for at in places if at >= 0 and clauses.advise(at)), None)


def _permits(sentence: str) -> bool:
    """True where the sentence allows what was asked, whatever it is called."""
    if re.search(r"降压药|其他药|家里其他人", sentence) or LEFT.search(sentence):
        return False
    plain = REASSURES.sub("", sentence)
    return (plain != sentence or _PERMITS.search(sentence) is not None) and not WARNS.search(plain)


def _hits(place: Named, ban: _Barred, sentence: str) -> bool:
    if not covers(place.name) & ban.names:
        return False
    topical = _TOPICAL.search(sentence[place.end : place.end + 4])
    return not (topical and re.search(r"口服|内服|oral", ban.sentence))


@lru_cache(maxsize=64)
def _barred(known: Known) -> tuple[_Barred, ...]:
    """What the passages forbid this patient."""
    texts = [fold(known.said).text]
    texts += [s for e in known.evidence if not e.key for s in _history(fold(e.text).text)]
    text = "\n".join(texts)
    patient = known.patient if known.patient != Patient() else read([text])
    said = _with(told(text), patient)
    allergies = _allergic(text) | frozenset(patient.allergies)
    takes = _takes(text) - allergies
    if any("免疫抑制剂" in covers(t) for t in takes):
        said = Told(said.facts | {"immunosuppressed"}, said.values, said.male, said.own)
    made: list[_Barred] = []
    for passage in known.evidence:
        for ban in bans(passage):
            if ban.gap_days is not None and (gone := _since(text)) is not None and gone >= ban.gap_days:
                continue
            if why := concerns(ban, said, patient.age_years, allergies):
                made.append(_Barred(ban.subjects(), _things(ban), f"{why}, {ban.source}", ban.forbidden, ban.sentence))
            made += _interactions(ban, takes, _steady(text))
    return tuple(made)


def _history(text: str) -> list[str]:
    return [s for s in re.findall(r"[^。！？!?；;\n]+", text) if _HISTORY.search(s) and not _BANNING.search(s)]


def _with(said: Told, patient: Patient) -> Told:
    """What was told, with what was handed in of the patient."""
    more = {
        name
        for name, holds in (
            ("pregnant", patient.pregnant),
            ("breastfeeding", patient.breastfeeding),
            ("kidney", patient.kidney),
            ("liver", patient.liver),
        )
        if holds and not (said.male and name in ("pregnant", "breastfeeding"))
    }
    return Told(said.facts | more, said.values, said.male, said.own)


def _interactions(ban: Ban, takes: frozenset[str], steady: frozenset[str]) -> Iterator[_Barred]:
    """What must not be added to what the patient takes, as long as he asks for another drug than that."""
    if not ban.forbidden:
        return
    for taken in takes:
        in_head, in_body = _within(taken, ban.head), _within(taken, ban.body)
        if in_head and ban.body - ban.head:
            others = ban.body - in_head
        elif in_body and ban.head - in_body:
            others = ban.head - in_body
        elif ban.together and (in_head or in_body):
            others = (ban.head | ban.body) - in_head - in_body
        else:
            continue
        if taken not in steady:
            others -= steady
        if others:
            yield _Barred(others, (), f"{taken}, {ban.source}", True, ban.sentence)


def _within(taken: str, names: frozenset[str]) -> frozenset[str]:
    """The names under which a passage speaks of what is taken; a class that was told stands for its members."""
    return frozenset(n for n in names if n in covers(taken) or taken in covers(n))


_THIS = re.compile(r"这(?:个|种|款|盒|药|东西)|(?<![a-z])(?:this|these)(?![a-z])")
_STEADY = re.compile(
    r"(?:在|一直|长期|平时|正|每天|天天|我|着)(?:吃|服|用|打)(?:着|了)?$|(?:爷爷|奶奶|爸|妈|他|她)(?:吃|服)了?$|"
    r"(?<![a-z])(?:on|i take|taking) $"
)


def _steady(text: str) -> frozenset[str]:
    """What the patient says to take already."""
    return frozenset(n.name for n in named(text) if _STEADY.search(text[max(0, n.start - 8) : n.start]))


def _takes(text: str) -> frozenset[str]:
    """What the patient named and did not deny to take."""
    return frozenset(n.name for n in named(text) if not _NOT_TAKEN.search(text[max(0, n.start - 10) : n.start]))


def _allergic(text: str) -> frozenset[str]:
    """What stands in a clause of an allergy."""
    return frozenset(
        n.name
        for clause in _CLAUSE.findall(text)
        if (match := _ALLERGIC.search(clause)) and not _NOT_TAKEN.search(clause[: match.start()])
        for n in named(clause)
    )


def _since(text: str) -> float | None:
    """Days since something was stopped."""
    match = _SINCE.search(text)
    if match:
        count = match[1] or match[3] or match[5]
        return days(_ENGLISH.get(count, count), match[2] or match[4] or match[6])
    return 1.0 if "昨天" in text else None


def _things(ban: Ban) -> tuple[str, ...]:
    """What must not be eaten or done, in the passage's words, where no list knows it."""
    match = _FORBIDDEN_THINGS.search(ban.sentence)
    said = re.split("[、和及与或,，]", match[1]) if match else []
    said.append(ban.lead)
    return tuple(t for t in (thing.removesuffix("等") for thing in said) if 2 <= len(t) <= 8)
