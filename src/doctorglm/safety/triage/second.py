"""What the second reader thinks of a conversation."""

from collections.abc import Sequence

from doctorglm.conversation import Message
from doctorglm.safety.triage.text import plain_of

_ROLE = {"user": "\x02", "assistant": "\x03"}
LAST = 1500
"""Characters of a conversation that are read together, the last ones."""


def as_read(messages: Sequence[Message]) -> str:
    """The messages in one line, a mark of its role before each."""
    return "".join(f"{_ROLE[m.role]}{plain_of(m.content)[0]}" for m in messages if m.role in _ROLE)
