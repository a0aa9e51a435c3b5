"""What is said where the library does not know: that it does not, what would help, or whom to ask."""

import re
from collections.abc import Sequence

from doctorglm.clinical.terms import Term, Turn, find_in
from doctorglm.conversation import Message
from doctorglm.language import Text
from doctorglm.library.headings import asked_for

COMPLAINT = Text(
    en="I do not know: my sources do not answer this. Which complaint do you have, since when, and has a doctor named "
    "an illness? If you feel worse or are worried, please see a doctor.",
    zh="这个问题我不知道，手头的资料没有答案。请补充：哪里不舒服、从什么时候开始、医生是否说过是什么病？"
    "如果症状加重或您不放心，请去医院就诊。",
)
"""Where no illness, drug or complaint was named."""
DRUG = Text(
    en="I do not know: my sources say nothing of this about the drug. Which drug is it exactly, as the box has it, and "
    "who is to take it? Please ask a pharmacist or a doctor before taking it.",
    zh="关于这种药的这个问题我不知道，手头的资料没有答案。请补充：药盒上的药名是什么、给谁用？用药前请咨询药师或医生。",
)
"""Where a drug is asked about."""
REFER = Text(
    en="I do not know: my sources do not answer this. Please ask a doctor who can examine you; tell them since when, "
    "how severe it is, and what was done so far.",
    zh="这个问题我不知道，手头的资料没有答案。请当面咨询医生，并说明从什么时候开始、有多严重、做过哪些检查和治疗。",
)
"""Where it is known what it is about: a doctor has to be asked."""

_OF_DRUGS = frozenset(("dosage", "side_effects", "contraindications", "interactions", "storage"))
_TALK = re.compile(
    r"[\s，,。.!！~～]*(?:(?:您好|你好|早上好|晚上好|大夫好|医生好|谢谢(?:您|你|医生|大夫)?|多谢|感谢|好的|嗯|知道了|明白了|再见|在吗|ok"
    r"|hello|hi|hey|thanks?|thank you|good (?:morning|evening)|bye|okay|i see)[\s，,。.!！~～?？]*)+"
)
_SHORT = 40
_LAST, _CHARS = 12, 500
"""Messages that are read, and characters of each: as for the query."""


def abstained(messages: Sequence[Message]) -> Text:
    """The text for a conversation whose last question the library cannot answer."""
    spoken = [message for message in messages if message.role != "system"][-_LAST:]
    turns = [Turn(m.content[-_CHARS:], "patient" if m.role == "user" else "doctor") for m in spoken]
    question = next((m.content for m in reversed(spoken) if m.role == "user"), "")
    return _fitting([term for turn in find_in(turns) for term in turn if term.status != "denied"], question)


def _fitting(terms: Sequence[Term], question: str) -> Text:
    kinds = {term.type for term in terms}
    if not _OF_DRUGS.isdisjoint(asked_for(question)) or kinds == {"drug"}:
        return DRUG
    return REFER if kinds & {"disease", "symptom"} else COMPLAINT


def is_small_talk(question: str) -> bool:
    """True for a greeting, thanks and the like, which no library has to answer."""
    return len(question) <= _SHORT and _TALK.fullmatch(question.lower()) is not None
