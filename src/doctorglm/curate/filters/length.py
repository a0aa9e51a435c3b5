"""Rejects answers that are too short to say anything, and conversations that are too long to be one.

Source of the defaults: 可以 (2 characters) is an honest answer, one character is none; of 36,143
conversations of nine public corpora two have more than 20,000 characters (settings.py).
"""

from collections.abc import Callable

from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, head


def filter_for(min_answer_chars: int, max_chars: int) -> Callable[[Conversation], Rejection | None]:
    """A filter that gives `short_answer` or `too_long`."""

    def rejects(conversation: Conversation) -> Rejection | None:
        short = next((answer for _, answer in conversation.turns if len(answer) < min_answer_chars), None)
        if short is not None:
            return Rejection("short_answer", head(short))
        chars = sum(len(m.content) for m in conversation.messages)
        if chars > max_chars:
            return Rejection("too_long", f"{chars} > {max_chars}")
        return None

    return rejects
