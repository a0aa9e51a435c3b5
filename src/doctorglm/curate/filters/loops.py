"""Rejects an answer that goes round in a loop: what it teaches is not to end."""

from doctorglm.clinical.repetition import longest_loop
from doctorglm.conversation import Conversation

_MIN_LOOP_CHARS = 20
"""As in evaluate/dialogue.py's measure of a looping answer; of the 7,644 answers of CMD one has such a run."""


def rejects(conversation: Conversation) -> str | None:
    """`loop` when one block, three times and more without a gap, covers so many characters of an answer."""
    loops = any(longest_loop(answer) >= _MIN_LOOP_CHARS for _, answer in conversation.turns)
    return "loop" if loops else None
