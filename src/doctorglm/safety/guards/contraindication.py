"""Strikes advice of what a passage handed in forbids this patient; "with care" becomes a note.

Nothing is known here but what the passages say and what is known of the patient: pregnancy, breast-feeding, age,
values, illnesses, allergies and what he takes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from doctorglm.safety.guards.bans import Ban, bans, concerns, days
from doctorglm.safety.guards.facts import Told, told
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.lexicon import Named, covers, named
from doctorglm.safety.guards.patient import Patient, read
from doctorglm.safety.guards.rules import own_rules
from doctorglm.safety.guards.scene import Known, Scene

_REASSURES = re.compile(
    r"没事|没问题|没关系|问题不大|关系不大|没什么(?:影响|关系|事)|没有(?:大碍|影响|问题)|不要紧|不碍事|不影响|不冲突|互?不干扰|不相干|不伤\w|不必停|不用停|不用担心|不会再|没副作用"
    r"|别浪费|不用问|毫无关系|(?<![a-z])(?:won't (?:hurt|affect|matter)|no problem|harmless|don't worry|doesn't matter|nothing gets across)"
)
_PERMITS = re.compile(
    r"(?:^|[，,。])(?:可以|能|行|要|要补)(?:的|吃|用|喝|抹|涂|补的)?[，,]|放心|正合适|正好对症|正?对路|正对症|最好了|照样|照常(?:吃|用|喝|打)|照(?:吃|打|用|喝|点)|一样(?:吃|用)"
    r"|接着(?:吃|用|打)|(?:吃|用|打|喝)吧|就吃它|随便(?:吃|用|喝)|都可以|也可以|可以(?:同时|一起|搭配|直接|给(?:他|她|孩子|宝宝|娃)?(?:吃|喝|用|打|喂|滴))|(?<![a-z])(?:is fine|it's fine|perfectly safe|"
    r"totally safe|go ahead|is okay|is ok|can begin|may begin|go for)(?![a-z])"
)
_WARNS = re.compile(
    r"不能|不要|不可|不宜|不是|不在|别|禁|避免|(?<!得)不行|不建议|不推荐|不合适|不适合|不用(?!停|担心)|勿|忌|慎|换一换|先停|停用|暂停|停一|跳过|换掉|收起来|收好|更困难|避开|容易超|停一样"
    r"|会.{0,4}(?:影响|加重|升高|引起|增加|增强|压|让|干扰|阻断|降低)|可能(?:引起|出现|导致|加重)|中毒|毒性"
    r"|(?<![a-z])(?:not|don't|doesn't|isn't|avoid\w{0,3}|never|unsafe|stop(?:ped|ping)? (?:taking|using|it)|skip|leave|instead of|but|contraindicated|no longer|rule|steer clear|toxicity|interacts?|can (?:raise|push|cause|burn)|may (?:raise|cause|increase))(?![a-z])"
)
_WARNS_BEHIND = re.compile(
    r"^[^，,。]{0,8}(?:不能|不要|别|不可|不宜|禁用?|避免|先停)(?:再|自己|自行|先)?(?:给他|给她)?(?:打|吃|用|抹|喝|碰|喂|滴|点|涂|服|加|做)?(?:它|了|这)?$"
)
_NOT_BEFORE = re.compile(r"(?:没|不|未|无|非|(?<![a-z])(?:no|without|not))[^，,。；;]{0,14}$")
_REFUSES = re.compile(r"^\s*(?:no|better not|不|不行|不能|不可以|别|不建议|不要)[^，,。\w]{0,1}[，,。]")
_INFORMS = re.compile(
    r"资料|说明书(?:写|上|里|明)|提到|写明|针对|指的|禁的|这一条|是否|有没有|要不要|能不能|(?:又|正)?在(?:吃|用|服)|告诉|也?属|(?<![a-z])(?:passage|leaflet|whether|listed|warning|warns|restriction|tell|before you start)(?![a-z])"
)
_LEFT = re.compile(
    r"(?:由|请|问|找|让|听|跟|告诉|联系|经)[^，,。]{0,10}(?:医生|医师|中医师|科|大夫|产科|门诊|药师)(?!.{0,2}拿)|遵?医嘱|照医|按医|医(?:生|师)(?:安排|处方|开|决定|评估|建议|又?这么)"
    r"|(?<![a-z])(?:as (?:your|the) (?:doctor|gp)|your (?:doctor|gp|midwife|cardiologist) (?:can|may|decides)|ask (?:your|a) (?:doctor|pharmacist|gp|midwife))(?![a-z])"
)
_URGES = re.compile(
    r"可以|能|吃|喝|服|打|点|用|加|换|选|试|来(?:点|一|片|颗)|含(?:服|化|一|两|半|漱|着)|涂|抹|滴|喷|喂|给|冲|炖|泡|练|跳|走|跑|补|灌|种"
    r"|合适|没问题|没关系|没事|就行|最(?:好|合适|省事|快|有效|方便|安全|稳|对|温和)"
    r"|(?<![a-z])(?:can|take|try|start|restart|add|adding|get|will|would|is (?:a|an|the|still|good|best|fine|ok|okay|safe|gentle|harmless|also)|go|carry on|continue|keep (?:taking|using)|suits?|use|give|ask|choose|helps?|treats?|works?|for|soothes|begin)(?![a-z])"
)
_TOPICAL = re.compile(r"凝胶|软膏|乳膏|外用|贴剂|滴眼|滴耳|栓|gel|cream")
_HISTORY = re.compile(r"病史|用户|患者|病历|月龄|病人|(?<![a-z])(?:history|patient|user)(?![a-z])")
_BANNING = re.compile(r"禁|忌|不宜|不可|不能|避免|慎|avoid|contraindicat|not ")
_FORBIDDEN_THINGS = re.compile(r"(?:食用|禁食|忌食|禁饮|服食|吃|喝|饮用?|避免|禁止)([\u4e00-\u9fff、,，]{2,40})")
_ALLERGIC = re.compile(r"过敏|休克|风团|全身(?:肿|起疹|红疹)|allerg|throat closed|anaphyla|hives")
_NOT_TAKEN = re.compile(r"(?:没有?|未|不|从没|(?<![a-z])(?:not|never|no))[^，,。]{0,6}$")
_SINCE = re.compile(
    r"(?:停|吃完|打完|挂完|用完|喝完)[^，,。\d]{0,6}?(\d{1,2}|[一二两三四五六七八九十]{1,3})\s?(天|日|周|个?月|年)|"
    r"(\d{1,2}|[一二两三四五六七八九十]{1,3})\s?(天|周|个?月|年)前|(\d{1,2}|two|three|four|five|six|seven|eight|ten) (days?|weeks?|months?) ago"
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
    advised = [n for n in named(sentence) if _is_advised(sentence, n.start)]
    permits = _permits(sentence)
    asked = {n.name for n in named(fold(known.question).text)} if permits or advised else set()
    for ban in barred:
        hit = next((n for n in advised if _hits(n, ban, sentence)), None)
        thing = next((at for t in ban.things if (at := sentence.find(t)) >= 0 and _is_advised(sentence, at)), -1)
        if hit:
            yield hit.start, ban.forbidden, f"{sentence[hit.start : hit.end]}: {ban.detail}"
        elif thing >= 0:
            yield thing, ban.forbidden, ban.detail
        elif not ban.names and any(n.name in asked for n in advised):
            yield 0, ban.forbidden, ban.detail
        elif permits and not advised and (not ban.names or not asked or any(covers(a) & ban.names for a in asked)):
            yield 0, ban.forbidden, ban.detail


def _permits(sentence: str) -> bool:
    """True where the sentence allows what was asked, whatever it is called."""
    if re.search(r"降压药|其他药|家里其他人", sentence) or _LEFT.search(sentence):
        return False
    plain = _REASSURES.sub("", sentence)
    return (plain != sentence or _PERMITS.search(sentence) is not None) and not _WARNS.search(plain)


def _hits(place: Named, ban: _Barred, sentence: str) -> bool:
    if not covers(place.name) & ban.names:
        return False
    topical = _TOPICAL.search(sentence[place.end : place.end + 4])
    return not (topical and re.search(r"口服|内服|oral", ban.sentence))


def _is_advised(sentence: str, start: int) -> bool:
    """True where the thing's clause, or one behind it, asks for something to be done before any clause warns."""
    clauses = [m.span() for m in _CLAUSE.finditer(sentence)]
    at = next((i for i, (first, last) in enumerate(clauses) if first <= start < last), None)
    if (
        at is None
        or _INFORMS.search(sentence, 0, clauses[at][1])
        or _NOT_BEFORE.search(sentence[clauses[at][0] : start])
    ):
        return False
    for first, last in clauses[at : at + 3]:
        clause = _REASSURES.sub("可以", sentence[first:last])
        if _WARNS.search(clause) or _LEFT.search(clause):
            return False
        if _URGES.search(clause):
            behind = next((sentence[f:e] for f, e in clauses if f >= last), "")
            return not _WARNS_BEHIND.match(behind)
    return False


@lru_cache(maxsize=64)
def _barred(known: Known) -> tuple[_Barred, ...]:
    """What the passages forbid this patient."""
    texts = [fold(known.said).text]
    texts += [s for e in known.evidence for s in _history(fold(e.text).text)]
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
    """What must not be added to what the patient takes; not the drug that he takes since long, where he asks for another."""
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


_STEADY = re.compile(
    r"(?:在|一直|长期|平时|正|每天|天天|我|着)(?:吃|服|用|打)(?:着|了)?$|(?:爷爷|奶奶|爸|妈|他|她)(?:吃|服)了?$|(?<![a-z])(?:on|i take|taking) $"
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
    return tuple(t for t in (thing.removesuffix("等") for thing in said) if 2 <= len(t) <= 6)
