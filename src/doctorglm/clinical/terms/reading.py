"""Terms with their status over a whole conversation.

A message is read sentence by sentence (`scope`, `manner`); then questions take the status of their answers, the person
whom most symptoms belong to is the patient, and what is contradicted later counts as past.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms.answers import SPEAKER, Part, Reading, Speaker, Status, answer, settle
from doctorglm.clinical.terms.lexicon import Entry, Item, Type, lexicon
from doctorglm.clinical.terms.manner import SUBJECTS, read_manner
from doctorglm.clinical.terms.scope import Mention, read_denials


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


_SENTENCE = re.compile(r"[。！？!?；;]+|\.(?=\s|$)")
_DOCTORS = ("医生", "大夫", "医师", "护士", "答", "d", "dr", "doctor", "physician", "nurse", "guest_clinician")


def find(text: str) -> list[Term]:
    """The terms in a text, in order; lines that begin with 医生： and 患者： are turns of a conversation."""
    return find_in([Turn(text)])[0]


def find_in(turns: Sequence[Turn]) -> list[list[Term]]:
    """The terms in each turn of a conversation, each in order."""
    parts = [part for index, turn in enumerate(turns) for part in _parts(index, turn)]
    for part in parts:
        _read(part)
    readings = [
        Reading(index, mention, entry)
        for index, part in enumerate(parts)
        for mention in part.mentions
        for entry in mention.entries
    ]
    patient = _patient(readings, set().union(*(part.persons for part in parts)))
    for one in readings:
        one.status = _status(one, parts[one.part], patient)
    answer(parts, readings)
    settle(parts, readings)
    return _terms(turns, parts, readings)


def _parts(index: int, turn: Turn) -> Iterator[Part]:
    """The lines of a turn, with who speaks where the line says so."""
    text, offset, speaker = folded(turn.text), 0, turn.speaker
    for line in text.split("\n"):
        named = SPEAKER.match(line)
        if named and turn.speaker is None:
            speaker = "doctor" if named["who"] in _DOCTORS else "patient"
        yield Part(index, offset, line, speaker)
        offset += len(line) + 1


def _read(part: Part) -> None:
    """Finds the mentions of a part and what the words around them say."""
    items = lexicon().items(part.text)
    part.is_drill = any("drill" in item.cues for item in items)
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
            part.persons |= read_manner(part.text, end, sentence, mentions, by_doctor=part.speaker == "doctor")
            part.mentions += mentions.values()


def _patient(readings: Sequence[Reading], persons: set[str]) -> str | None:
    """Whose the most symptoms are; where only diseases have an owner, it is whoever else is spoken of, or the owner."""
    owned = [one for one in readings if one.mention.subject and "family" not in one.mention.says]
    symptoms = Counter(one.mention.subject for one in owned if one.entry.type == "symptom")
    diseases = Counter(one.mention.subject for one in owned if one.entry.type == "disease")
    ranked = sorted((-symptoms[who], SUBJECTS.index(who), who) for who in {*symptoms, *diseases} if who)
    if not ranked or ranked[0][0] < 0 or ranked[0][2] in ("self", "child"):
        return ranked[0][2] if ranked else None
    owner = ranked[0][2]
    else_spoken_of = [who for who in ("self", "child") if who in persons]
    is_of_nobody = any(one.mention.subject is None for one in readings)
    if else_spoken_of or is_of_nobody or owner == "others":  # a mother's diabetes, and my own worry or a cough
        return else_spoken_of[0] if else_spoken_of else None
    return owner


def _status(one: Reading, part: Part, patient: str | None) -> Status:
    says, subject = one.mention.says, one.mention.subject
    if part.is_drill or says & {"told", "supposed"} or ("maybe" in says and one.entry.type == "disease"):
        return "other"
    if "asked" in says:
        return "asked"
    if "warned" in says:
        return "other"
    if "denied" in says:
        return "denied"
    if "family" in says or (subject not in (None, patient, "others")):
        return "family"
    if subject == "others" != patient:
        return "other"
    return "past" if "past" in says or "over" in says or one.entry.over else "present"


def _terms(turns: Sequence[Turn], parts: Sequence[Part], readings: Sequence[Reading]) -> list[list[Term]]:
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
