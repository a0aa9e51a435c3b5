"""Rejects an answer that goes round in a loop: what it teaches is not to end."""

import re

from doctorglm.clinical.repetition import MAX_PERIOD, MIN_REPETITIONS, longest_loop
from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, head

_RUN = re.compile(rf"(.{{1,{MAX_PERIOD}}}?)\1{{{MIN_REPETITIONS - 1},}}", re.DOTALL)

_MIN_LOOP_CHARS = 20
"""As in evaluate/dialogue.py's measure of a looping answer; of the 7,644 answers of CMD one has such a run."""


def rejects(conversation: Conversation) -> Rejection | None:
    """`loop` when one block, three times and more without a gap, covers so many characters of an answer."""
    for _, answer in conversation.turns:
        if longest_loop(answer) >= _MIN_LOOP_CHARS:
            return Rejection("loop", head(_block(answer)))
    return None


def _block(answer: str) -> str:
    """The block that goes round in the longest run with a letter or a digit, if any has one."""
    runs = max(_RUN.finditer(answer), key=lambda run: (any(map(str.isalnum, run[1])), len(run[0])))
    return runs[1]
