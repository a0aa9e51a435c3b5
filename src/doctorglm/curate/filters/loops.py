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
        if _may_loop(answer) and longest_loop(answer) >= _MIN_LOOP_CHARS:
            return Rejection("loop", head(_block(answer)))
    return None


_N = 4


def _may_loop(answer: str) -> bool:
    """False where a loop is impossible, at a fraction of the time.

    All n-grams of a run of L characters but those of its first block and its last n - 1 occurred before: at a period of
    a third of L at most, two thirds of L less n - 1.
    """
    total = len(answer) - _N + 1
    repeated = total - len({answer[at : at + _N] for at in range(total)})
    return repeated >= _MIN_LOOP_CHARS - _MIN_LOOP_CHARS // MIN_REPETITIONS - (_N - 1)


def _block(answer: str) -> str:
    """The block that goes round in the longest run with a letter or a digit, if any has one."""
    runs = max(_RUN.finditer(answer), key=lambda run: (any(map(str.isalnum, run[1])), len(run[0])))
    return runs[1]
