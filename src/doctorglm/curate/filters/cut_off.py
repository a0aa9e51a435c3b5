"""Rejects answers that were cut off: a model that learns from them learns not to end.

Source of the default of 20 characters: in nine public corpora 53 % of the answers below 10 characters end in terminal
punctuation, 91 % of those of 10 to 19, 94 % of those of 20 to 29 and 98 % and more of those of 30 to 99; CMD's, of
which many are cut off, have 38 and more.
"""

from collections.abc import Callable

from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, around

_LAST_CHARS = 20
"""Of the answer, as evidence."""

_ENDS = frozenset("。！？!?.…~～")
_CLOSERS = "”’\"')）】》」』 \n"


def filter_for(cut_off_chars: int) -> Callable[[Conversation], Rejection | None]:
    """A filter that gives `cut_off` when an answer of that length lacks terminal punctuation."""

    def rejects(conversation: Conversation) -> Rejection | None:
        for _, answer in conversation.turns:
            if len(answer) >= cut_off_chars and not ends_well(answer):
                return Rejection("cut_off", around(answer[-_LAST_CHARS:], 0, 0))
        return None

    return rejects


def ends_well(text: str) -> bool:
    """True when the text ends in terminal punctuation, possibly inside quotes or brackets, or in a face."""
    text = text.rstrip()
    if not text:
        return False
    return text[-1] in "”’)）】》」』" or text.rstrip(_CLOSERS)[-1:] in _ENDS
