"""Strikes a dose, a frequency or a course that no passage handed in gives for the drug, and formulas of herbs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from doctorglm.clinical.evidence import Evidence
from doctorglm.safety.guards.amounts import Dose, Part, doses
from doctorglm.safety.guards.drugs import Drug, drugs, herbs
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.lexicon import Named, named
from doctorglm.safety.guards.regimens import Person, answer_strength, entries, sourced
from doctorglm.safety.guards.rules import own_rules
from doctorglm.safety.guards.scene import Known, Scene

_HERBS = 3
"""Herbs with weights in a sentence that make a formula; fewer may be food."""
_WEIGHT = re.compile(r".{0,4}\d{1,3}\s?(?:克|g|钱)", re.DOTALL)
_UNIT = re.compile("[克g钱]")
_DRUG_MEANT = re.compile(r"药|片剂|胶囊|口服|服用|静滴|肌注|注射|外涂|medicine|medication|tablet|capsule|pill")
_DENIED = re.compile(r"(?:不要|不能|别|切勿|不可|千万别|not|never)[^，,。；;]{0,6}$")
_TAKES = re.compile(
    r"吃|服|喂|冲|抹|涂|塞|打|注射|加|喷|滴|吸|用|(?<![a-z])(?:take|apply|use|inject|give|put|"
    r"double)(?![a-z])"
)
_EXCEEDS = re.compile(r"超|多于|大于|over|more than|exceed")


def found(scene: Scene) -> Iterator[Finding]:
    """Yields the doses without a source in the segment."""
    rules, evidence = own_rules("dose"), scene.known.evidence
    for start, end in scene.own_sentences:
        sentence = scene.text[start:end]
        in_it = drugs(sentence)
        if _is_formula(sentence):
            yield Finding(start, end, rules["formula"])
            continue
        given = doses(sentence)
        told = in_it or (drugs(scene.text[max(0, start - 60) : start]) if given else ())
        for dose in given:
            if start + dose.end <= scene.begin or not _is_a_drug_s(
                dose, sentence, told, in_it or _in_evidence(sentence, evidence), evidence
            ):
                continue
            if _repeats_a_doctor(dose, sentence, scene.known):
                continue
            drug = _nearest(dose, in_it) or (told[-1] if told else None)
            name = drug.name if drug else _first(sentence) or _asked(scene.known) if evidence else None
            person = _person(scene.known, sentence[max(0, dose.start - 14) : dose.start], sentence[dose.end :])
            if not sourced(_in_milligrams(dose, sentence), name, person, evidence):
                yield Finding(max(start + dose.start, scene.begin), start + dose.end, rules["no-source"])


def _is_formula(sentence: str) -> bool:
    return _UNIT.search(sentence) is not None and (
        sum(1 for _, end in herbs(sentence) if _WEIGHT.match(sentence, end)) >= _HERBS
    )


def _is_a_drug_s(
    dose: Dose, sentence: str, told: Sequence[Drug], named: Sequence[Drug | Named], evidence: Sequence[Evidence]
) -> bool:
    before = sentence[max(0, dose.start - 10) : dose.start]
    if _DENIED.search(before) and not _EXCEEDS.search(before):
        return False
    if dose.sure:
        return True
    amount = any(part.unit not in ("/d", "days") for part in dose.parts)
    often = any(part.unit == "/d" for part in dose.parts)
    if evidence and amount and often and any(g.parts for e in evidence for x in entries(e) for g in x.groups):
        return True
    if evidence and _TAKES.search(sentence) and any(g.parts for e in evidence for x in entries(e) for g in x.groups):
        return amount or often or bool(named)
    return bool(named) or (amount and bool(told)) or (amount and _DRUG_MEANT.search(sentence) is not None)


_DOCTOR_S = re.compile(r"医生|医师|处方|药袋|盒|(?<![a-z])(?:doctor|prescri)")


def _repeats_a_doctor(dose: Dose, sentence: str, known: Known) -> bool:
    """True where the answer says again what the patient told that a doctor ordered."""
    question = fold(known.question).text
    if not (_DOCTOR_S.search(sentence) and _DOCTOR_S.search(question)):
        return False
    return dose.parts <= {part for other in doses(question) for part in other.parts}


def _nearest(dose: Dose, named: Sequence[Drug]) -> Drug | None:
    """The drug that stands last before the dose, or first behind it."""
    before = [d for d in named if d.end <= dose.start]
    return before[-1] if before else (named[0] if named else None)


_WEIGHS = re.compile(r"(?<![\d.×x*~–-])(\d{1,3}(?:\.\d)?)\s?(公斤|千克|kg|斤)(?!以|体重|/)")


_GROUP = re.compile(
    r"(\d{1,2})(?:\s?[~–-]\s?\d{1,2})?\s?岁|(成人|大人|(?<![a-z])adults?(?![a-z]))|(?:to|-|–) (\d{1,2}) years"
)


_GROUP_BEHIND = re.compile(r"[^，,。]{0,2}是(?:(\d{1,2})\s?岁|(成人|大人))()")


def _person(known: Known, before: str, behind: str) -> Person:
    """For whom the dose is: the group that the answer itself names before it, or the patient."""
    patient = _patient(known)
    if match := _GROUP.search(before) or _GROUP_BEHIND.match(behind):
        return Person(float(match[1] or match[3]) if not match[2] else 30.0, patient.kilos)
    return patient


@lru_cache(maxsize=64)
def _patient(known: Known) -> Person:
    """The patient's age and weight, as the question tells them."""
    text = fold(known.said).text
    age = known.patient.age_years
    if age is None and re.search(r"成人|大人|我自己|(?<![a-z])(?:adult|grown|guy)", text):
        age = 30.0
    match = _WEIGHS.search(text)
    kilos = float(match[1]) / (2 if match[2] == "斤" else 1) if match else None
    return Person(age, kilos)


def _first(sentence: str) -> str | None:
    """The one thing that a sentence names, where no drug's form is told."""
    names = {n.name for n in named(sentence)}
    return names.pop() if len(names) == 1 else None


def _in_milligrams(dose: Dose, sentence: str) -> Dose:
    """The dose with its pieces as milligrams, where the sentence tells a piece's strength: one 10 mg tablet."""
    strength = answer_strength(sentence)
    if strength is None:
        return dose
    parts = frozenset(
        Part(p.low * strength, p.high * strength, "mg") if p.unit == "piece" else p
        for p in dose.parts
        if not (p.unit == "mg" and p.low == strength)
    )
    return replace(dose, parts=parts, daily=frozenset(p for p in parts if p in dose.daily))


def _in_evidence(sentence: str, evidence: Sequence[Evidence]) -> Sequence[Named]:
    """What the sentence names of what a passage is about."""
    return [n for n in named(sentence) if n.name in _given(evidence)] if evidence else ()


def _asked(known: Known) -> str | None:
    """The drug that the question names, where it names one."""
    names = {n.name for n in named(fold(known.question).text) if n.name in _given(known.evidence)}
    return names.pop() if len(names) == 1 else None


def _given(evidence: Sequence[Evidence]) -> set[str]:
    return {name for passage in evidence for entry in entries(passage) for name in entry.names}
