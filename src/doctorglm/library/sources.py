"""The sources below an answer: those that it cites, each with its title, section, source and licence."""

import re
from collections.abc import Sequence

from doctorglm.clinical.evidence import Evidence
from doctorglm.language import Language, Text
from doctorglm.library.prompt import labelled

HEAD = Text(en="Sources", zh="资料来源")
NOT_STATED = Text(en="source not stated", zh="未注明来源")
_NUMBER = re.compile(r"\[(\d{1,3})\]")


def cited(text: str, evidence: Sequence[Evidence]) -> list[int]:
    """The numbers that an answer cites and that a passage has, each once, in the order of the passages."""
    return sorted({n for n in map(int, _NUMBER.findall(text)) if 1 <= n <= len(evidence)})


def listed(text: str, evidence: Sequence[Evidence], language: Language) -> str:
    """A line for each passage that the answer cites, under a heading; "" where it cites none."""
    numbers = cited(text, evidence)
    lines = [f"[{n}] {shown(evidence[n - 1], language)}" for n in numbers]
    return "\n".join([getattr(HEAD, language), *lines]) if lines else ""


def shown(one: Evidence, language: Language) -> str:
    """痛风 · 治疗 — MedQuAD（CC BY 4.0）."""
    licence = one.licence and (f"（{one.licence}）" if language == "zh" else f" ({one.licence})")
    return f"{labelled(one, language)} — {one.source or getattr(NOT_STATED, language)}{licence}"
