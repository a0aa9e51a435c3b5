"""Strikes advice of a prescription drug without a source and without a doctor; notes other drugs."""

import re
from collections.abc import Iterator, Sequence

from doctorglm.clinical.evidence import Evidence
from doctorglm.safety.guards.drugs import Drug, is_information
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.fold import fold
from doctorglm.safety.guards.lexicon import lexicon, named
from doctorglm.safety.guards.rules import own_rules
from doctorglm.safety.guards.scene import Scene

_LEFT_TO_A_DOCTOR = re.compile(
    r"医生|医师|大夫|遵医嘱|医嘱|就医|就诊|医院|门诊|药师|处方|(?<![a-z])(?:doctors?|physicians?|"
    r"pharmacists?|prescri\w{0,8}|healthcare provider|health care provider)(?![a-z])"
)

_OWN = frozenset(
    {"胰岛素", "雌激素", "孕激素", "睾酮", "甲状腺激素", "生长激素", "insulin", "estrogen", "progesterone"}
)
"""Hormones of the body, which are also drugs."""
_OWN_BEHIND = re.compile(
    r"的?(?:功能|分泌|抵抗|反抗|敏感|增敏|水平|受体|缺乏|不足|释放|降低|升高)"
    r"| (?:resistance|receptors?|levels?|sensitivity|production|secretion)(?![a-z])"
)
_OWN_BEFORE = re.compile(
    r"(?:分泌|排泄|自身|体内|内源性)[^，,。]{0,4}$"
    r"|(?<![a-z])(?:makes?|making|produc\w{1,4}|needs? for|enough|own|responds? to)(?: the)?(?: enough)? $"
)


def found(scene: Scene) -> Iterator[Finding]:
    """Yields the drugs that the segment advises and no passage handed in names."""
    rules = own_rules("prescription")
    for start, end, drugs in scene.advised:
        left = bool(drugs) and _LEFT_TO_A_DOCTOR.search(scene.text, start, end) is not None
        for drug in drugs:
            mild = left or not drug.prescription or is_information(scene.text, start, drug)
            if drug.end <= scene.begin or _is_the_bodys_own(scene.text, drug):
                continue
            if not _named(drug.name, scene.known.evidence):
                rule = rules["ask-first" if mild else "no-source"]
                yield Finding(max(drug.start, scene.begin), drug.end, rule, drug.name)


def _is_the_bodys_own(text: str, drug: Drug) -> bool:
    if drug.name not in _OWN:
        return False
    before = text[max(0, drug.start - 24) : drug.start]
    return bool(_OWN_BEHIND.match(text, drug.end) or _OWN_BEFORE.search(before))


def _named(drug: str, evidence: Sequence[Evidence]) -> bool:
    first = lexicon().first.get(drug, drug)
    texts = [fold(f"{passage.title}\n{passage.text}").text for passage in evidence]
    return any(drug in text or any(n.name == first for n in named(text)) for text in texts)
