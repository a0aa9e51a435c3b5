"""Rejects an answer that gives the question back: a model that learns from it learns to repeat what it is asked."""

from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, head
from doctorglm.curate.normal import normalised

_MIN_SHARE = 0.9
"""Of the longer of the two that the shorter one is: a doctor may quote a question, but says more than that. In nine
public corpora four answers are above it, echoes all (one a farewell, too short to count); the next is at 0.7."""
_MIN_CHARS = 6
"""Below, two greetings (Bye!) agree by chance."""


def rejects(conversation: Conversation) -> Rejection | None:
    """`echo` when an answer is its question, or nothing but most of it."""
    echo = next((turn for turn in conversation.turns if _is_echo(*map(normalised, turn))), None)
    return Rejection("echo", head(echo[1])) if echo else None


def _is_echo(question: str, answer: str) -> bool:
    shorter, longer = sorted((question, answer), key=len)
    return len(shorter) >= _MIN_CHARS and shorter in longer and len(shorter) >= _MIN_SHARE * len(longer)
