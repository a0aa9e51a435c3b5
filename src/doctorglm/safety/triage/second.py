"""What the second reader thinks of a conversation, and how it and the rules together decide.

Rules say why, and name what they read; they miss what nobody listed, and see emergencies in talk about them. The reader
is the other way about. `docs/safety.md` says how both were measured; `docs/readers.md` is the reader's card.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from doctorglm.conversation import Message
from doctorglm.safety.reader import reader
from doctorglm.safety.triage.text import plain_of

SURE = 0.4
"""How probable an emergency is at least where no rule sees one; chosen on two writers who were left out."""
CONFIRMED = 0.12
"""How probable it is at least where a rule sees one."""
NAMED = 0.4
"""How probable a kind is at least that is named beside the likeliest."""
MOST = 40
"""Characters to either side of what speaks most for it within which a clause is looked for."""
_ROLE = {"user": "\x02", "assistant": "\x03"}
_MARKS = frozenset("，,。！!？?；;\n")


@dataclass(frozen=True, slots=True)
class Opinion:
    """How probable an emergency is, of which kinds, and the clause that speaks most for it."""

    probable: float
    kinds: tuple[str, ...]
    message: int
    start: int
    end: int


def prepare() -> None:
    """Reads the weights; raises ConfigError where they cannot be read."""
    reader(__package__)


def as_read(messages: Sequence[Message]) -> str:
    """The messages in one line, a mark of its role before each."""
    return _in_one_line(messages, [plain_of(m.content)[0] for m in messages])


def _in_one_line(messages: Sequence[Message], said: Sequence[str]) -> str:
    return "".join(f"{_ROLE[m.role]}{text}" for m, text in zip(messages, said, strict=True) if m.role in _ROLE)


def opinion(messages: Sequence[Message]) -> Opinion:
    """The second reader's opinion of a conversation after its last message."""
    every = [plain_of(m.content) for m in messages]
    plain = [(index, *every[index]) for index, m in enumerate(messages) if m.role in _ROLE]
    read = reader(__package__).read(_in_one_line(messages, [said for said, _ in every]))
    kinds = sorted(read.probable.keys() - {"emergency"}, key=lambda kind: -read.probable[kind])
    named = [kind for kind in kinds[1:3] if read.probable[kind] >= NAMED]
    at = read.where("emergency")[0]
    for index, said, origin in plain:
        if at <= len(said) or index == plain[-1][0]:
            start, end = _clause(said, min(max(at - 1, 0), max(len(said) - 1, 0)))
            place = (origin[start], origin[end - 1] + 1) if end > start else (0, 0)
            return Opinion(read.probable["emergency"], (kinds[0], *named), index, *place)
        at -= len(said) + 1
    return Opinion(0.0, (), 0, 0, 0)


def _clause(text: str, at: int) -> tuple[int, int]:
    """The clause about a place, without the marks and blanks at its ends."""
    start, end = at, at
    while start > max(0, at - MOST) and text[start - 1] not in _MARKS:
        start -= 1
    while end < min(len(text), at + MOST) and text[end] not in _MARKS:
        end += 1
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end
