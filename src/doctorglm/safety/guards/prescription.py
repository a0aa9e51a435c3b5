"""Strikes advice of a prescription drug without a source and without a doctor; notes other drugs."""

import re
from collections.abc import Iterator, Sequence

from doctorglm.clinical.evidence import Evidence
from doctorglm.safety.guards.drugs import is_information
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.lexicon import lexicon, named
from doctorglm.safety.guards.rules import own_rules
from doctorglm.safety.guards.scene import Scene

_LEFT_TO_A_DOCTOR = re.compile(
    r"医生|医师|大夫|遵医嘱|医嘱|就医|就诊|医院|门诊|药师|处方|(?<![a-z])(?:doctors?|physicians?|"
    r"pharmacists?|prescri\w{0,8}|healthcare provider|health care provider)(?![a-z])"
)


def found(scene: Scene) -> Iterator[Finding]:
    """Yields the drugs that the segment advises and no passage handed in names."""
    rules = own_rules("prescription")
    for start, end, drugs in scene.advised:
        left = bool(drugs) and _LEFT_TO_A_DOCTOR.search(scene.text, start, end) is not None
        for drug in drugs:
            mild = left or not drug.prescription or is_information(scene.text, start, drug)
            if drug.end > scene.begin and not _named(drug.name, scene.known.evidence):
                rule = rules["ask-first" if mild else "no-source"]
                yield Finding(max(drug.start, scene.begin), drug.end, rule, drug.name)


def _named(drug: str, evidence: Sequence[Evidence]) -> bool:
    first = lexicon().first.get(drug, drug)
    texts = [fold(f"{passage.title}\n{passage.text}").text for passage in evidence]
    return any(drug in text or any(n.name == first for n in named(text)) for text in texts)
