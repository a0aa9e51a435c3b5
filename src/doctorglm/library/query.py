"""What is searched for: the last question, with what it leans on from the turns before it.

A question leans where it names no disease, drug or symptom of its own (孩子能吃吗) or points at one (这个药).
"""

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms import Term, Turn, find_in
from doctorglm.conversation import Message
from doctorglm.library.drug_names import CLASSES
from doctorglm.library.headings import asked_for

Wanted: TypeAlias = tuple[str, ...]

_TURNS = 12
"""Earlier messages that are read: six exchanges. What a pronoun points at was said shortly before."""
_TURN_CHARS = 500
"""Of an earlier message its last characters: an answer of 256 tokens whole. So no conversation takes long to read."""
_QUESTION_CHARS = 1_000
"""Of a longer question its first and last characters: it is asked at its beginning or at its end."""
_OF_A_TYPE, _IN_ALL = 2, 4
"""Terms that are added of each type and in all; more would outweigh the question in the search."""

_DRUG_FIRST: Wanted = ("drug", "disease", "symptom")
_ILLNESS: Wanted = ("disease", "symptom")
_ILLNESS_FIRST: Wanted = ("disease", "symptom", "drug")
_NAMING = frozenset(("disease", "drug", "symptom"))
_DRUG = re.compile(
    r"[这那该此](?:个|种|款|些|类)?(?:药|片|胶囊|颗粒|口服液|药膏|软膏|针)"
    r"|(?<![a-z])(?:this|that|the|these|those|same) (?:drugs?|medicine|medication|pills?|tablets?)(?![a-z])"
)
_DISEASE = re.compile(
    r"[这那该此](?:个|种|类)?(?:病|毛病|情况|症状|问题)"
    r"|(?<![a-z])(?:this|that|the) (?:disease|illness|condition|problem)(?![a-z])"
)
_IT = re.compile(r"[它牠]|(?<![a-z])(?:it|its|they|them)(?![a-z])")
_THEN = re.compile(r"\s*(?:那|(?:and|what about|how about)(?![a-z]))")
_OF_DRUGS = frozenset(("uses", "dosage", "precautions", "side_effects", "contraindications", "interactions", "storage"))
"""Sections that a leaflet has, so that a question for one leans on a drug."""
_TAKEN = re.compile(r"[能可要该][^，。]{0,3}[吃服用]|[吃服用](?:多少|几|多久|吗)|(?<![a-z])(?:take|dose)(?![a-z])")


def query_of(messages: Sequence[Message]) -> str:
    """The query of a conversation; "" where nothing was asked. What the question denies stays: the search reads it."""
    at = max((i for i, message in enumerate(messages) if message.role == "user"), default=-1)
    if at < 0:
        return ""
    question = _shortened(messages[at].content)
    earlier = [message for message in messages[:at] if message.role != "system"][-_TURNS:]
    if not earlier:
        return question
    *before, own = find_in([*map(_turn, earlier), Turn(question, "patient")])
    said = [(message.role, terms) for message, terms in zip(earlier, before, strict=True)]
    added = [term.text for term in _added(said, _wanted(question, own)) if term.text not in question]
    return " ".join([question, *added])


def _shortened(question: str) -> str:
    half = _QUESTION_CHARS // 2
    return question if len(question) <= _QUESTION_CHARS else f"{question[:half]}\n{question[-half:]}"


def _turn(message: Message) -> Turn:
    return Turn(message.content[-_TURN_CHARS:], "patient" if message.role == "user" else "doctor")


def _wanted(question: str, own: Sequence[Term]) -> Wanted:
    """The types of terms that the question leans on, the most likely first; none where it stands for itself."""
    plain = folded(question)
    named = [term for term in own if term.type in _NAMING and term.status != "denied"]
    for pattern, kinds in ((_DRUG, _DRUG_FIRST), (_DISEASE, _ILLNESS)):
        match = pattern.search(plain)
        if match and not any(term.end == match.start() for term in named):  # 布洛芬这个药 points at nothing else
            return kinds
    it = _IT.search(plain)
    if named and it and it.start() < named[0].start:
        return _DRUG_FIRST if _is_of_a_drug(question, plain) else _ILLNESS_FIRST
    if named:
        own_types = {term.type for term in named}
        return tuple(kind for kind in _ILLNESS_FIRST if kind not in own_types) if _THEN.match(plain) else ()
    return _DRUG_FIRST if _is_of_a_drug(question, plain) else _ILLNESS_FIRST


def _is_of_a_drug(question: str, plain: str) -> bool:
    """True where the question asks what a leaflet says."""
    return not _OF_DRUGS.isdisjoint(asked_for(question)) or _TAKEN.search(plain) is not None


def _added(said: Sequence[tuple[str, Sequence[Term]]], wanted: Wanted) -> list[Term]:
    """The latest terms of each type, at most a few: the patient's, then the doctor's.

    Symptoms are the patient's alone: a doctor names those that may come, or asks for them.
    """
    patient, doctor = ([terms for role, terms in said if role == who] for who in ("user", "assistant"))
    found = [
        term
        for kind in wanted
        for term in [*_latest(patient, kind), *(_latest(doctor, kind) if kind != "symptom" else ())]
    ]
    single = [term for term in found if term.norm not in CLASSES]
    return _once(single or found)[:_IN_ALL]


def _latest(turns: Sequence[Sequence[Term]], kind: str) -> list[Term]:
    """The terms of a type in the last of the turns that has one which is not denied."""
    for turn in reversed(turns):
        if found := [term for term in turn if term.type == kind and term.status != "denied"]:
            return _once(found)[:_OF_A_TYPE]
    return []


def _once(terms: Iterable[Term]) -> list[Term]:
    """The first of each name."""
    first: dict[str, Term] = {}
    for term in terms:
        first.setdefault(term.norm, term)
    return list(first.values())
