"""Rejects answers that are too short to say anything, and conversations that are too long to be one."""

from collections.abc import Callable

from doctorglm.conversation import Conversation


def filter_for(min_answer_chars: int, max_chars: int) -> Callable[[Conversation], str | None]:
    """A filter that gives `short_answer` or `too_long`."""

    def rejects(conversation: Conversation) -> str | None:
        answers = [answer for _, answer in conversation.turns]
        if any(len(answer) < min_answer_chars for answer in answers):
            return "short_answer"
        if sum(len(m.content) for m in conversation.messages) > max_chars:
            return "too_long"
        return None

    return rejects
