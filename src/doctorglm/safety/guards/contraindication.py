"""Strikes advice of a drug against which a passage handed in speaks for this patient; "with care" becomes a note.

Nothing is known here but what the passages say and what is known of the patient: pregnancy, breast-feeding, age,
kidney, liver, allergies and the drugs he takes.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from doctorglm.clinical.evidence import Evidence
from doctorglm.safety.guards.drugs import Drug, drugs
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.patient import Patient, read
from doctorglm.safety.guards.rules import own_rules
from doctorglm.safety.guards.scene import Known, Scene

_FORBIDS = re.compile(
    r"禁用|禁忌|禁服|忌用|忌服|禁止|不宜|不得|不可|不能|不应|不推荐|不建议|避免|勿用|勿服|"
    r"(?<![a-z])(?:contraindicated|contraindications?|avoid(?:ed)?|should not|must not|do not|"
    r"not recommended|not be used)(?![a-z])"
)
_PERMITS = re.compile(
    r"没事|没问题|没关系|(?:^|[，,。])(?:可以|能|行)(?:的|吃|用|喝|抹|涂)?[，,]|放心(?:吃|用|喝|抹)?|正合适|正好对症|正对症|最好了|照样|照常(?:吃|喝|用)|一样吃"
    r"|不影响|没有影响|随便(?:吃|喝|用)|(?<![a-z])(?:is fine|it's fine|perfectly safe|"
    r"totally safe|no problem|go ahead|won't hurt|is okay|is ok)(?![a-z])"
)
_WARNS = re.compile(
    r"不能|不要|不可|不宜|别|禁|避免|不行|不建议|换一换|(?<![a-z])(?:not|don't|avoid|never|unsafe|"
    r"but)(?![a-z])"
)
_HISTORY = re.compile(r"病史|用户|患者|病历|月龄|病人|(?<![a-z])(?:history|patient|user)(?![a-z])")
_FORBIDDEN_THINGS = re.compile(r"(?:食用|禁食|忌食|禁饮|服食|吃|喝|饮用?)([\u4e00-\u9fff、,，]{2,40})")
_CONDITIONS: Mapping[str, re.Pattern[str]] = {
    "asthma": re.compile(r"哮喘|asthma"),
    "glaucoma": re.compile(r"青光眼|glaucoma"),
    "prostate": re.compile(r"前列腺|排尿困难|prostat"),
    "G6PD": re.compile(r"g6pd|蚕豆病"),
    "alcohol": re.compile(r"饮酒|喝酒|喝了?(?:点)?酒|白酒|啤酒|alcohol"),
    "Parkinson": re.compile(r"帕金森|parkinson"),
    "ulcer": re.compile(r"胃溃疡|消化性溃疡|十二指肠溃疡|ulcer"),
    "epilepsy": re.compile(r"癫痫|epilep"),
    "heart failure": re.compile(r"心衰|心力衰竭|heart failure"),
    "myasthenia": re.compile(r"重症肌无力|myasthenia"),
    "gout": re.compile(r"痛风|(?<![a-z])gout"),
    "bleeding": re.compile(r"华法林|抗凝|血友病|warfarin|anticoagula|haemophilia|hemophilia"),
}
_CAREFUL = re.compile(
    r"慎用|谨慎|慎服|减量|调整剂量|减少剂量|(?<![a-z])(?:caution|cautiously|reduce the dose|dose adjustment)(?![a-z])"
)
_SENTENCE = re.compile(r"[^。！？!?；;\n]+")
_UNDER = re.compile(
    r"(\d{1,2})\s?(岁|个月)(?:及)?(?:以下|以内|之下)|(?:小于|未满|低于|不足|under|"
    r"younger than|below)\s?(\d{1,2})\s?(岁|个月|years|months)"
)
_OVER = re.compile(r"(\d{2})\s?岁(?:及)?(?:以上|之上)|(?:大于|超过|over|older than)\s?(\d{2})\s?(?:岁|years)")

_GROUPS: Mapping[str, tuple[re.Pattern[str], Callable[[Patient], bool]]] = {
    "pregnancy": (re.compile(r"孕妇|妊娠|怀孕|孕期|孕早期|孕晚期|pregnan"), lambda p: p.pregnant),
    "breast-feeding": (re.compile(r"哺乳|乳母|breast-?feeding|lactat|nursing mother"), lambda p: p.breastfeeding),
    "child": (
        re.compile(r"儿童|小儿|婴儿|婴幼儿|新生儿|未成年|children|infants?|newborn|paediatric|pediatric"),
        lambda p: p.child,
    ),
    "elderly": (re.compile(r"老年|老人|高龄|elderly|older (?:adults|people|patients)"), lambda p: p.old),
    "kidney": (re.compile(r"肾功能|肾衰|肾病|肾脏疾病|肾损|透析|renal|kidney"), lambda p: p.kidney),
    "liver": (re.compile(r"肝功能|肝硬化|肝衰|肝病|肝损|hepatic|liver"), lambda p: p.liver),
}


def found(scene: Scene) -> Iterator[Finding]:
    """Yields the advised drugs of the segment against which a passage speaks, or to which the patient is allergic."""
    rules = own_rules("contraindication")
    patient = scene.known.patient
    barred = _barred(scene.known)
    for start, end, told in scene.advised:
        sentence = scene.text[start:end]
        for items, detail in barred:
            named = any(item in sentence for item in items)
            if (named or _PERMITS.search(sentence)) and not _WARNS.search(sentence):
                yield Finding(max(start, scene.begin), end, rules["forbidden"], detail)
                break
        for drug in told:
            if drug.end <= scene.begin:
                continue
            place = max(drug.start, scene.begin)
            if any(allergy in drug.name or drug.name in allergy for allergy in patient.allergies):
                yield Finding(place, drug.end, rules["forbidden"], f"{drug.name}: allergy")
                continue
            for rule, detail in against(drug, patient, scene.known.evidence):
                yield Finding(place, drug.end, rules[rule], detail)


@lru_cache(maxsize=64)
def _barred(known: Known) -> tuple[tuple[tuple[str, ...], str], ...]:
    """What the passages forbid this patient: the things that are named, and the group with the source.

    Passages handed in are about what was asked, so that an answer that simply permits it goes against them too.
    """
    history = [s for e in known.evidence for s, _ in _sentences(e) if not _FORBIDS.search(s) and _HISTORY.search(s)]
    told = "\n".join([fold(known.said).text, *history])
    patient = known.patient if known.patient != Patient() else read([told])
    younger = read([told]).age_years
    made = []
    for passage in known.evidence:
        for sentence, _ in _sentences(passage):
            if not _FORBIDS.search(sentence):
                continue
            group = _condition(sentence, told) or _concerns(sentence, None, patient)
            if not group and younger is not None and _by_age(sentence, younger):
                group = "age"
            if group:
                made.append((_things(sentence), f"{group}, {passage.source}"))
    return tuple(made)


def _condition(sentence: str, told: str) -> str:
    return next((n for n, words in _CONDITIONS.items() if words.search(sentence) and words.search(told)), "")


def _things(sentence: str) -> tuple[str, ...]:
    """What must not be eaten or taken, in a passage's words."""
    match = _FORBIDDEN_THINGS.search(sentence)
    said = re.split("[、和及与或,，]", match[1]) if match else []
    return tuple(thing for thing in (t.removesuffix("等") for t in said) if 2 <= len(thing) <= 6)


def against(drug: Drug, patient: Patient, evidence: Sequence[Evidence]) -> Iterator[tuple[str, str]]:
    """Yields the rule, and the group with the source, for each sentence of the evidence that speaks against it."""
    for passage in evidence:
        for sentence, about in _sentences(passage):
            if drug.name not in about and drug.name not in sentence:
                continue
            rule = "forbidden" if _FORBIDS.search(sentence) else "with-care" if _CAREFUL.search(sentence) else ""
            if rule and (group := _concerns(sentence, drug, patient)):
                yield rule, f"{drug.name}: {group}, {passage.source}"


@lru_cache(maxsize=256)
def _sentences(passage: Evidence) -> tuple[tuple[str, str], ...]:
    """Each sentence, with the names that the title and the sentences before it have brought up."""
    told = fold(passage.title).text
    made = []
    for match in _SENTENCE.finditer(fold(passage.text).text):
        made.append((match[0], told))
        if named := drugs(match[0]):
            told = f"{fold(passage.title).text} {' '.join(d.name for d in named)}"
    return tuple(made)


def _concerns(sentence: str, drug: Drug | None, patient: Patient) -> str:
    """The group of the sentence to which the patient belongs, or ""."""
    for name, (words, applies) in _GROUPS.items():
        if words.search(sentence) and applies(patient) and not (name == "child" and _older(sentence, patient)):
            return name
    if patient.age_years is not None and _by_age(sentence, patient.age_years):
        return "age"
    for allergy in patient.allergies:
        if allergy in sentence and re.search(r"过敏|allerg", sentence):
            return f"allergy ({allergy})"
    for other in patient.takes:
        if (
            other in sentence
            and (drug is None or other != drug.name)
            and re.search(r"合用|联用|同用|同服|同时|并用|相互作用|together|with|combin|interact", sentence)
        ):
            return f"interaction ({other})"
    return ""


def _older(sentence: str, patient: Patient) -> bool:
    """True where the sentence speaks of children below an age that the patient has passed."""
    limits = [_limit(m) for m in _UNDER.finditer(sentence)]
    return bool(limits) and patient.age_years is not None and patient.age_years >= max(limits)


def _limit(match: re.Match[str]) -> float:
    number, unit = float(match[1] or match[3]), match[2] or match[4]
    return number / 12 if "月" in unit or unit == "months" else number


def _by_age(sentence: str, age: float) -> bool:
    return any(age < _limit(m) for m in _UNDER.finditer(sentence)) or any(
        age >= float(m[1] or m[2]) for m in _OVER.finditer(sentence)
    )
