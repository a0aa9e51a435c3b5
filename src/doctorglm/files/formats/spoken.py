"""Plain text in which each line names its speaker, as rows of `utterances`: 患者：… 医生：…, 问：… 答：…, Q: … A: …

A conversation ends where MedDialog's next `id=` stands; in a file without these, before a question that comes after an
answer and after an empty line, and before any 问 or Q that comes after an answer. What stands before the first speaker
of a conversation (a title, an address, a description) is not spoken, and is left out.
"""

import re
from collections.abc import Iterator
from typing import TextIO

from doctorglm.files.formats.row import MAX_RECORD_CHARS, Row, lines, too_long
from doctorglm.files.speakers import PREFIX, role_of

_ID = re.compile(r"\s*id\s*=\s*\S+\s*$")
_SINGLE_QUESTIONS = {"问", "问题", "q", "question", "提问"}
_END_OF_TALK = re.compile(r"\s*(?:Diagnosis and suggestions|诊断及建议|诊断与建议)\s*[:：]?\s*$", re.IGNORECASE)
_MIN_SPEAKERS = 2


def is_spoken(beginning: str) -> bool:
    """True when lines of both a patient and a doctor are among these."""
    roles = [role_of(match["who"]) for line in beginning.split("\n") if (match := PREFIX.match(line))]
    return "user" in roles and "assistant" in roles and len(roles) >= _MIN_SPEAKERS


def rows(stream: TextIO, name: str) -> Iterator[Row]:
    """The conversations of the file, in order; raises DataError for one that does not end."""
    talk = _Talk()
    blank, marked, listening = False, False, True
    for number, line in enumerate(lines(stream, name), 1):
        text = line.rstrip("\r\n")
        if _ID.match(text):
            marked, listening = True, True
            yield from talk.ended()
            talk = _Talk(number)
        elif _END_OF_TALK.match(text):
            listening = False
        elif (match := PREFIX.match(text)) and listening:
            if _begins(match["who"], talk.last, blank) and not marked:
                yield from talk.ended()
                talk = _Talk(number)
            if not talk.said and not marked:
                talk.line = number
            talk.hears(text.strip())
        elif talk.said and text.strip() and listening:
            talk.goes_on(text.strip())
        if talk.chars > MAX_RECORD_CHARS:
            raise too_long(f"{name}:{talk.line}")
        blank = not text.strip()
    yield from talk.ended()


class _Talk:
    """A conversation as it is heard: what was said, each in its lines, and the line where it began."""

    def __init__(self, line: int = 1) -> None:
        self.line, self.chars = line, 0
        self.said: list[list[str]] = []

    @property
    def last(self) -> str:
        """The beginning of what was said last, or ""."""
        return self.said[-1][0] if self.said else ""

    def hears(self, text: str) -> None:
        """Somebody begins to speak."""
        self.said.append([])
        self.goes_on(text)

    def goes_on(self, text: str) -> None:
        """The same one says more."""
        self.said[-1].append(text)
        self.chars += len(text) + 1

    def ended(self) -> Iterator[Row]:
        """Its row, if anything was said."""
        if self.said:
            yield Row(self.line, {"utterances": ["\n".join(parts) for parts in self.said]})


def _begins(who: str, last_said: str, after_blank: bool) -> bool:
    """True when this speaker begins another conversation."""
    if not last_said or role_of(who) != "user":
        return False
    last = PREFIX.match(last_said)
    answered = last is not None and role_of(last["who"]) == "assistant"
    return answered and (after_blank or who.strip().lower() in _SINGLE_QUESTIONS)
