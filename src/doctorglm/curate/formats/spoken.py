"""Plain text in which each line names its speaker, as rows of `utterances`: 患者：… 医生：…, 问：… 答：…, Q: … A: …

A conversation ends where MedDialog's next `id=` stands; in a file without these, before a question that comes after an
answer and after an empty line, and before any 问 or Q that comes after an answer. What stands before the first speaker
of a conversation (a title, an address, a description) is not spoken, and is left out.
"""

import re
from collections.abc import Iterator
from typing import TextIO

from doctorglm.curate.formats.row import Row, lines
from doctorglm.curate.speakers import PREFIX, role_of

_ID = re.compile(r"\s*id\s*=\s*\S+\s*$")
_SINGLE_QUESTIONS = {"问", "问题", "q", "question", "提问"}
_END_OF_TALK = re.compile(r"\s*(?:Diagnosis and suggestions|诊断及建议|诊断与建议)\s*[:：]?\s*$", re.IGNORECASE)
_MIN_SPEAKERS = 2


def is_spoken(beginning: str) -> bool:
    """True when lines of both a patient and a doctor are among these."""
    roles = [role_of(match["who"]) for line in beginning.split("\n") if (match := PREFIX.match(line))]
    return "user" in roles and "assistant" in roles and len(roles) >= _MIN_SPEAKERS


def rows(stream: TextIO, name: str) -> Iterator[Row]:
    """The conversations of the file, in order."""
    utterances: list[str] = []
    began, blank, marked, listening = 1, False, False, True
    for number, line in enumerate(lines(stream, name), 1):
        text = line.rstrip("\r\n")
        if _ID.match(text):
            marked, listening = True, True
            if utterances:
                yield Row(began, {"utterances": utterances})
            utterances, began = [], number
        elif _END_OF_TALK.match(text):
            listening = False
        elif (match := PREFIX.match(text)) and listening:
            if _begins(match["who"], utterances, blank) and not marked:
                yield Row(began, {"utterances": utterances})
                utterances = []
            if not utterances and not marked:
                began = number
            utterances.append(text.strip())
        elif utterances and text.strip() and listening:
            utterances[-1] += "\n" + text.strip()
        blank = not text.strip()
    if utterances:
        yield Row(began, {"utterances": utterances})


def _begins(who: str, utterances: list[str], after_blank: bool) -> bool:
    """True when this speaker begins another conversation."""
    if not utterances or role_of(who) != "user":
        return False
    last = PREFIX.match(utterances[-1])
    answered = last is not None and role_of(last["who"]) == "assistant"
    return answered and (after_blank or who.strip().lower() in _SINGLE_QUESTIONS)
