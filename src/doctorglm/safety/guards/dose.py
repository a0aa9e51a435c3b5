"""Strikes a dose, a frequency or a course that no passage handed in gives for the drug, and formulas of herbs."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from doctorglm.clinical.evidence import Evidence
from doctorglm.safety.guards.amounts import Dose, doses, parts
from doctorglm.safety.guards.drugs import Drug, drugs, herbs
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.rules import own_rules
from doctorglm.safety.guards.scene import Scene

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
        named = drugs(sentence)
        if _is_formula(sentence):
            yield Finding(start, end, rules["formula"])
            continue
        given = doses(sentence)
        told = named or (drugs(scene.text[max(0, start - 60) : start]) if given else ())
        for dose in given:
            if start + dose.end <= scene.begin or not _is_a_drug_s(dose, sentence, told, named, evidence):
                continue
            if not _sourced(dose, _nearest(dose, named) or (told[-1] if told else None), evidence):
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
    amount = any(unit not in ("/d", "h", "d", "w", "m", "c") for _, unit in dose.parts)
    if evidence and _TAKES.search(sentence) and any(_read(passage)[1] for passage in evidence):
        return amount or any(unit in ("/d", "h") for _, unit in dose.parts)
    return bool(named) or (amount and bool(told)) or (amount and _DRUG_MEANT.search(sentence) is not None)


def _nearest(dose: Dose, named: Sequence[Drug]) -> Drug | None:
    """The drug that stands last before the dose, or first behind it."""
    before = [d for d in named if d.end <= dose.start]
    return before[-1] if before else (named[0] if named else None)


def _sourced(dose: Dose, drug: Drug | None, evidence: Sequence[Evidence]) -> bool:
    return any(dose.parts <= said and (drug is None or drug.name in text) for text, said in map(_read, evidence))


@lru_cache(maxsize=256)
def _read(evidence: Evidence) -> tuple[str, frozenset[tuple[float, str]]]:
    text = fold(f"{evidence.title}\n{evidence.text}").text
    return text, parts(text)
