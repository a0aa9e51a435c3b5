"""Rejects an answer that gives the question back: a model that learns from it learns to repeat what it is asked."""

from doctorglm.conversation import Conversation
from doctorglm.curate.normal import normalised

_MIN_SHARE = 0.9
"""Of the longer of the two that the shorter one is: a doctor may quote a question, but says more than that."""
_MIN_CHARS = 6


def rejects(conversation: Conversation) -> str | None:
    """`echo` when an answer is its question, or nothing but most of it."""
    return "echo" if any(_is_echo(*map(normalised, turn)) for turn in conversation.turns) else None


def _is_echo(question: str, answer: str) -> bool:
    shorter, longer = sorted((question, answer), key=len)
    return len(shorter) >= _MIN_CHARS and shorter in longer and len(shorter) >= _MIN_SHARE * len(longer)
