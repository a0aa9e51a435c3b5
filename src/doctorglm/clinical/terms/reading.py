"""Terms with their status over a whole conversation.

A message is read sentence by sentence (`scope`, `manner`); then questions take the status of their answers, the person
whom most symptoms belong to is the patient, and what is contradicted later counts as past.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms.answers import reply
from doctorglm.clinical.terms.lexicon import Entry, Item, Type, lexicon
from doctorglm.clinical.terms.manner import SUBJECTS, read_manner
from doctorglm.clinical.terms.scope import Mention, read_denials

Status: TypeAlias = Literal["present", "denied", "asked", "past", "family", "other"]
Speaker: TypeAlias = Literal["patient", "doctor"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one speaker says at a time; None where nobody knows who."""

    text: str
    speaker: Speaker | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """A term, `text[start:end]` of its message in Unicode code points, under the name of a chart, and its status."""

    start: int
    end: int
    text: str
    norm: str
    type: Type
    status: Status


@dataclass(slots=True)
class _Part:
    """A line of a turn: all that is said before the next speaker may answer."""

    turn: int
    offset: int
    text: str
    speaker: Speaker | None
    mentions: list[Mention] = field(default_factory=list)
    sentence_ends: list[int] = field(default_factory=list)
    is_drill: bool = False


@dataclass(slots=True)
class _Reading:
    """A term whose status is being made out."""

    part: int
    mention: Mention
    entry: Entry
    status: Status = "present"
    answered: bool = False


_SENTENCE = re.compile(r"[。！？!?；;]+|\.(?=\s|$)")
_SPEAKER = re.compile(
    r"\s*(?P<who>患者|病人|家长|家属|问|p|patient|pt|mother|parent|医生|大夫|医师|答|d|dr|doctor|physician)\s*[:：]\s*"
)
_DOCTORS = ("医生", "大夫", "医师", "d", "dr", "doctor", "physician")
_ASSERTS = re.compile(r"诊断为|诊断是|确诊|您有|你有|您这是|你这是|属于|you have|diagnosed with")


def find(text: str) -> list[Term]:
    """The terms in a text, in order; lines that begin with 医生： and 患者： are turns of a conversation."""
    return find_in([Turn(text)])[0]


def find_in(turns: Sequence[Turn]) -> list[list[Term]]:
    """The terms in each turn of a conversation, each in order."""
    parts = [part for index, turn in enumerate(turns) for part in _parts(index, turn)]
    for part in parts:
        _read(part)
    readings = [
        _Reading(index, mention, entry)
        for index, part in enumerate(parts)
        for mention in part.mentions
        for entry in mention.entries
    ]
    patient = _patient(readings)
    for one in readings:
        one.status = _status(one, parts[one.part], patient)
    _answer(parts, readings)
    _settle(parts, readings)
    return _terms(turns, parts, readings)


def _parts(index: int, turn: Turn) -> Iterator[_Part]:
    """The lines of a turn, with who speaks where the line says so."""
    text, offset, speaker = folded(turn.text), 0, turn.speaker
    for line in text.split("\n"):
        named = _SPEAKER.match(line)
        if named and turn.speaker is None:
            speaker = "doctor" if named["who"] in _DOCTORS else "patient"
        yield _Part(index, offset, line, speaker)
        offset += len(line) + 1


def _read(part: _Part) -> None:
    """Finds the mentions of a part and what the words around them say."""
    items = lexicon().items(part.text)
    part.is_drill = any(item.is_cue("drill") for item in items)
    ends = [match.end() for match in _SENTENCE.finditer(part.text)]
    part.sentence_ends = [*ends, len(part.text)] if not ends or ends[-1] < len(part.text) else ends
    at = 0
    for end in part.sentence_ends:
        sentence: list[Item] = []
        while at < len(items) and items[at].start < end:
            sentence.append(items[at])
            at += 1
        mentions = {i: Mention(item, item.terms) for i, item in enumerate(sentence) if item.terms}
        if mentions:
            read_denials(part.text, sentence, mentions)
            read_manner(part.text, end, sentence, mentions, by_doctor=part.speaker == "doctor")
            part.mentions += mentions.values()


def _patient(readings: Sequence[_Reading]) -> str | None:
    """Whose the most symptoms are, of those that have an owner; at equal numbers the first in the order of SUBJECTS."""
    owners = Counter(
        one.mention.subject
        for one in readings
        if one.entry.type in ("symptom", "disease") and one.mention.subject and "family" not in one.mention.says
    )
    symptoms = Counter(one.mention.subject for one in readings if one.entry.type == "symptom" and one.mention.subject)
    ranked = sorted((-symptoms[who], SUBJECTS.index(who), who) for who in owners if who)
    is_of_nobody = any(one.mention.subject is None for one in readings)
    if not ranked or (ranked[0][0] == 0 and is_of_nobody):  # a mother's diabetes beside a cough of nobody
        return None
    return ranked[0][2]


def _status(one: _Reading, part: _Part, patient: str | None) -> Status:
    says, subject = one.mention.says, one.mention.subject
    if part.is_drill or says & {"told", "supposed"} or ("maybe" in says and one.entry.type == "disease"):
        return "other"
    if "asked" in says:
        return "asked"
    if "denied" in says:
        return "denied"
    if "family" in says or (subject not in (None, patient, "others")):
        return "family"
    if subject == "others" != patient:
        return "other"
    return "past" if "past" in says or "over" in says or one.entry.over else "present"


def _answer(parts: Sequence[_Part], readings: Sequence[_Reading]) -> None:
    """Gives questions of the doctor, or of nobody knows whom, the status that the answer gives them."""
    by_part: dict[int, list[_Reading]] = {}
    for one in readings:
        by_part.setdefault(one.part, []).append(one)
    for index, part in enumerate(parts):
        asked = [one for one in by_part.get(index, ()) if one.status == "asked"]
        if not asked or part.speaker == "patient":
            continue
        following = next((i for i in range(index + 1, len(parts)) if parts[i].text.strip()), None)
        for one in asked:
            within = _within(part, one, by_part.get(index, ()))
            if within is not None:
                one.status, one.answered = within, True
            elif following is not None and _may_answer(part, parts[following]):
                _take_answer(one, parts[following], by_part.get(following, ()))


def _may_answer(asking: _Part, answering: _Part) -> bool:
    return asking.speaker is None or answering.speaker != asking.speaker


def _take_answer(one: _Reading, answering: _Part, said: Sequence[_Reading]) -> None:
    same = [other for other in said if other.entry.norm == one.entry.norm and other.status != "asked"]
    short = reply(answering.text[_begins(answering.text) :])
    if same:
        one.status, one.answered = same[-1].status, True
        for other in same:
            other.answered = True
    elif short == "no" and (not said or _names_none(one, said)):
        one.status, one.answered = "denied", True
    elif short == "yes" and not said:
        one.status, one.answered = "past" if "past" in one.mention.says else "present", True


def _names_none(one: _Reading, said: Sequence[_Reading]) -> bool:
    """没有，就是有点咳嗽 denies what was asked; 没有咳嗽 says nothing of a fever that was asked too."""
    return all(other.status != "denied" for other in said)


def _begins(text: str) -> int:
    named = _SPEAKER.match(text)
    return named.end() if named else 0


def _within(part: _Part, one: _Reading, said: Sequence[_Reading]) -> Status | None:
    """The answer in the next sentence of the same part: 发烧吗？没有。"""
    end = next(end for end in part.sentence_ends if one.mention.start < end)
    later = [e for e in part.sentence_ends if e > end]
    if not later or ("?" not in part.text[end - 1 : end] and "？" not in part.text[end - 1 : end]):
        return None
    sentence = part.text[end : later[0]]
    if any(end <= other.mention.start < later[0] for other in said) or re.search(r"[?？吗]", sentence):
        return None
    short = reply(sentence) if len(sentence) <= 8 or part.speaker is None else None
    return {"yes": "present", "no": "denied"}.get(short) if short else None  # type: ignore[return-value]


def _settle(parts: Sequence[_Part], readings: Sequence[_Reading]) -> None:
    """Takes back what is contradicted: within a line a symptom that was there, between lines what is said last."""
    firm: dict[str, list[_Reading]] = {}
    for one in readings:
        by_doctor = parts[one.part].speaker == "doctor"
        if by_doctor and one.status == "present" and not one.answered:
            one.status = _of_the_doctor(one, parts[one.part], firm.get(one.entry.norm, ()))
        elif one.status in ("present", "denied"):
            firm.setdefault(one.entry.norm, []).append(one)
    for said in firm.values():
        if len({one.status for one in said}) > 1:
            last = max(one.part + (parts[one.part].speaker == "doctor") for one in said)
            final = [one for one in said if one.part + (parts[one.part].speaker == "doctor") == last]
            holds = "present" if any(one.status == "present" for one in final) else "denied"
            for one in said:
                one.status = "past" if one.status != holds else one.status


def _of_the_doctor(one: _Reading, part: _Part, said: Sequence[_Reading]) -> Status:
    """What a doctor names is the patient's where the patient said so or the doctor finds it; else it is advice."""
    if said:
        return said[-1].status
    before = part.text[max(0, one.mention.start - 12) : one.mention.start]
    return "present" if _ASSERTS.search(before) and "maybe" not in one.mention.says else "other"


def _terms(turns: Sequence[Turn], parts: Sequence[_Part], readings: Sequence[_Reading]) -> list[list[Term]]:
    found: list[dict[tuple[int, int, str], Term]] = [{} for _ in turns]
    for one in readings:
        part = parts[one.part]
        start, end = part.offset + one.mention.start, part.offset + one.mention.end
        text = turns[part.turn].text[start:end]
        norm = one.entry.norm
        found[part.turn].setdefault((start, end, norm), Term(start, end, text, norm, _type(one.entry), one.status))
    return [_without_inner(sorted(terms.values(), key=lambda t: (t.start, -t.end))) for terms in found]


def _without_inner(terms: Sequence[Term]) -> list[Term]:
    """Without terms that lie within a longer one of the same norm: 嗓子总觉得有痰 and its 痰."""
    kept: list[Term] = []
    reach: dict[str, int] = {}
    for term in terms:
        if term.end > reach.get(term.norm, -1):
            reach[term.norm] = term.end
            kept.append(term)
    return kept


def _type(entry: Entry) -> Type:
    assert entry.type is not None
    return entry.type
