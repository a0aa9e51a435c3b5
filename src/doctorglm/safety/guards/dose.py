"""Strikes a dose, a frequency or a course that no passage handed in gives for the drug, and formulas of herbs."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from doctorglm.clinical.evidence import Evidence
from doctorglm.safety.guards.amounts import Dose, doses
from doctorglm.safety.guards.drugs import Drug, drugs, herbs
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.lexicon import named
from doctorglm.safety.guards.regimens import Person, entries, sourced
from doctorglm.safety.guards.rules import own_rules
from doctorglm.safety.guards.scene import Known, Scene

_HERBS = 3
"""Herbs with weights in a sentence that make a formula; fewer may be food."""
_WEIGHT = re.compile(r".{0,4}\d{1,3}\s?(?:克|g|钱)", re.DOTALL)
_UNIT = re.compile("[克g钱]")
_DRUG_MEANT = re.compile(r"药|片剂|胶囊|口服|服用|静滴|肌注|注射|外涂|medicine|medication|tablet|capsule|pill")
_DENIED = re.compile(r"(?:不要|不能|别|切勿|不可|千万别|not|never)[^，,。；;]{0,6}$")
_TAKES = re.compile(
    r"吃|服|抹|涂|塞|打|注射|加|喷|滴|吸|用|(?<![a-z])(?:take|apply|use|inject|give|put|"
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
            if start + dose.end <= scene.begin or not _is_a_drug_s(dose, sentence, told, in_it, evidence):
                continue
            if _repeats_a_doctor(dose, sentence, scene.known):
                continue
            drug = _nearest(dose, in_it) or (told[-1] if told else None)
            name = drug.name if drug else _asked(scene.known) if evidence else None
            if not sourced(dose, name, _person(scene.known), evidence):
                yield Finding(max(start + dose.start, scene.begin), start + dose.end, rules["no-source"])


def _is_formula(sentence: str) -> bool:
    return _UNIT.search(sentence) is not None and (
        sum(1 for _, end in herbs(sentence) if _WEIGHT.match(sentence, end)) >= _HERBS
    )


def _is_a_drug_s(
    dose: Dose, sentence: str, told: Sequence[Drug], named: Sequence[Drug], evidence: Sequence[Evidence]
) -> bool:
    before = sentence[max(0, dose.start - 10) : dose.start]
    if _DENIED.search(before) and not _EXCEEDS.search(before):
        return False
    if dose.sure:
        return True
    amount = any(part.unit not in ("/d", "days") for part in dose.parts)
    if evidence and _TAKES.search(sentence) and any(g.parts for e in evidence for x in entries(e) for g in x.groups):
        return amount or any(part.unit == "/d" for part in dose.parts)
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


@lru_cache(maxsize=64)
def _person(known: Known) -> Person:
    """The patient's age and weight, as the question tells them."""
    text = fold(known.said).text
    age = known.patient.age_years
    if age is None and re.search(r"成人|(?<![a-z])(?:adult|grown)", text):
        age = 30.0
    match = _WEIGHS.search(text)
    kilos = float(match[1]) / (2 if match[2] == "斤" else 1) if match else None
    return Person(age, kilos)


def _asked(known: Known) -> str | None:
    """The drug that the question names, where it names one."""
    names = {n.name for n in named(fold(known.question).text) if n.name in _given(known.evidence)}
    return names.pop() if len(names) == 1 else None


def _given(evidence: Sequence[Evidence]) -> set[str]:
    return {name for passage in evidence for entry in entries(passage) for name in entry.names}
