"""What the turns of a conversation say of one another: questions and their answers, and what is taken back later."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from doctorglm.clinical.terms.lexicon import Entry
from doctorglm.clinical.terms.scope import Mention

Status: TypeAlias = Literal["present", "denied", "asked", "past", "family", "other"]
Speaker: TypeAlias = Literal["patient", "doctor"]
Reply: TypeAlias = Literal["yes", "no"]


@dataclass(slots=True)
class Part:
    """A line of a turn: all that is said before the next speaker may answer."""

    turn: int
    offset: int
    text: str
    speaker: Speaker | None
    mentions: list[Mention] = field(default_factory=list)
    sentence_ends: list[int] = field(default_factory=list)
    persons: set[str] = field(default_factory=set)
    is_drill: bool = False


@dataclass(slots=True)
class Reading:
    """A term whose status is being made out."""

    part: int
    mention: Mention
    entry: Entry
    status: Status = "present"
    answered: bool = False


SPEAKER = re.compile(
    r"\s*(?P<who>患者|病人|家长|家属|问|p|patient|pt|mother|parent|guest_family"
    r"|医生|大夫|医师|护士|答|d|dr|doctor|physician|nurse|guest_clinician)\s*[:：]\s*"
)
_ASSERTS = re.compile(
    r"诊断为|诊断是|确诊|您有|你有|您这是|你这是|属于"
    r"|you have|you had|diagnosed with|experiencing|reporting|complains of|presents with"
)
_ASKS = re.compile(r"[?？吗]")
_SHORT = 24
"""Characters of a sentence that only answers the one before, at most."""

_NEITHER = re.compile(
    r"\s*(?:不知道|不清楚|不确定|不太清楚|不太确定|不好意思|不止|不过|不仅|不但|没注意|没留意|没测|没量|没有注意"
    r"|没太注意|没查|有没有|是不是|是吗|对了|not sure|i don'?t know|no idea|not only)"
)
_NO = re.compile(
    r"\s*(?:(?:嗯|恩|呃|额|啊|哦|医生|目前|现在|暂时|好像|应该|倒|都|还|也|从来|一直|并|是|他|她|它|我|宝宝|孩子|小孩|宝贝|您好|你好)"
    r"[，, ]?){0,3}(?:没有|没|无|不|否|未|木有|冇|(?:no|nope|not|never|none|neither)(?![a-z]))"
)
_YES = re.compile(
    r"\s*(?:(?:呃|额|啊|哦|医生|目前|现在|好像|应该|都|也|他|她|它|我|宝宝|孩子|小孩|宝贝|您好|你好)[，, ]?){0,3}"
    r"(?:有|是|对|嗯|恩|会|发现了|确实|的确|存在|偶尔|偶有|经常|一直|天天|每天|时有|可能有|稍微|轻微|挺|蛮|很"
    r"|(?:yes|yeah|yep|sometimes|occasionally|often|a little|a bit|i do|i have|he does|she does|correct)(?![a-z]))"
)


def reply(text: str) -> Reply | None:
    """How a folded answer begins."""
    if _NEITHER.match(text):
        return None
    if _NO.match(text):
        return "no"
    return "yes" if _YES.match(text) else None


def answer(parts: Sequence[Part], readings: Sequence[Reading]) -> None:
    """Gives the questions of a doctor, or of nobody knows whom, the status that their answers give them."""
    by_part: dict[int, list[Reading]] = {}
    for one in readings:
        by_part.setdefault(one.part, []).append(one)
    spoken = [index for index, part in enumerate(parts) if part.text.strip()]
    for place, index in enumerate(spoken):
        part, said = parts[index], by_part.get(index, [])
        asked = [one for one in said if one.status == "asked"]
        if not asked or part.speaker == "patient":
            continue
        following = spoken[place + 1] if place + 1 < len(spoken) else None
        may_answer = following is not None and (part.speaker is None or parts[following].speaker != part.speaker)
        given = _Answer.of(parts[following], by_part.get(following, [])) if following is not None else None
        starts = [one.mention.start for one in said]
        for one in asked:
            within = _within(part, one, starts)
            if within is not None:
                one.status, one.answered = within, True
            elif given is not None and may_answer:
                given.settle(one)


@dataclass(slots=True)
class _Answer:
    """What the next turn says: its symptoms by norm, and yes or no."""

    by_norm: dict[str, list[Reading]]
    short: Reply | None
    denies_some: bool

    @classmethod
    def of(cls, part: Part, said: Sequence[Reading]) -> "_Answer":
        """The answer that a part gives."""
        by_norm: dict[str, list[Reading]] = {}
        for one in said:
            if one.status != "asked":
                by_norm.setdefault(one.entry.norm, []).append(one)
        named = SPEAKER.match(part.text)
        short = reply(part.text[named.end() if named else 0 :][:40])
        return cls(by_norm, short, any(one.status == "denied" for one in said))

    def settle(self, one: Reading) -> None:
        """Gives a question its status: 没有，就是有点咳嗽 denies all but the cough, 没有咳嗽 only itself."""
        same = self.by_norm.get(one.entry.norm)
        if same:
            one.status, one.answered = same[-1].status, True
            for other in same:
                other.answered = True
        elif self.short == "no" and not self.denies_some:
            one.status, one.answered = "denied", True
        elif self.short == "yes" and not self.by_norm:
            one.status, one.answered = "past" if "past" in one.mention.says else "present", True


def _within(part: Part, one: Reading, starts: Sequence[int]) -> Status | None:
    """The answer in the next sentence of the same part: 发烧吗？没有。"""
    place = bisect_right(part.sentence_ends, one.mention.start)
    if place + 1 >= len(part.sentence_ends):
        return None
    end, later = part.sentence_ends[place], part.sentence_ends[place + 1]
    sentence = part.text[end:later]
    holds_terms = bisect_left(starts, end) < bisect_left(starts, later)
    if part.text[end - 1] not in "?？" or len(sentence) > _SHORT or holds_terms or _ASKS.search(sentence):
        return None
    short = reply(sentence)
    return None if short is None else "present" if short == "yes" else "denied"


def settle(parts: Sequence[Part], readings: Sequence[Reading]) -> None:
    """Takes back what is contradicted: within a line what was there holds, between lines what is said last."""
    firm: dict[str, list[Reading]] = {}
    for one in readings:
        by_doctor = parts[one.part].speaker == "doctor"
        if by_doctor and one.status == "present" and not one.answered:
            one.status = _of_the_doctor(one, parts[one.part], firm.get(one.entry.norm, ()))
        elif one.status in ("present", "denied") and "family" not in one.mention.says:
            firm.setdefault(one.entry.norm, []).append(one)
    for said in firm.values():
        if len({one.status for one in said}) > 1:
            turns = [one.part + (parts[one.part].speaker == "doctor") for one in said]
            last = max(turns)
            final = {one.status for one, turn in zip(said, turns, strict=True) if turn == last}
            holds = "present" if "present" in final else "denied"
            for one in said:
                one.status = one.status if one.status == holds else "past"


def _of_the_doctor(one: Reading, part: Part, said: Sequence[Reading]) -> Status:
    """What a doctor names is the patient's where the patient said so or the doctor finds it; else it is advice."""
    if said:
        return said[-1].status
    before = part.text[max(0, one.mention.start - 12) : one.mention.start]
    return "present" if _ASSERTS.search(before) and "maybe" not in one.mention.says else "other"
