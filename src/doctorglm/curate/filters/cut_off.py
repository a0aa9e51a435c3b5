"""Rejects answers that were cut off: a model that learns from them learns not to end."""

from collections.abc import Callable

from doctorglm.conversation import Conversation

_ENDS = frozenset("。！？!?.…~～")
_CLOSERS = "”’\"')）】》」』 \n"


def filter_for(cut_off_chars: int) -> Callable[[Conversation], str | None]:
    """A filter that gives `cut_off` when an answer of that length lacks terminal punctuation."""

    def rejects(conversation: Conversation) -> str | None:
        cut = any(len(answer) >= cut_off_chars and not ends_well(answer) for _, answer in conversation.turns)
        return "cut_off" if cut else None

    return rejects


def ends_well(text: str) -> bool:
    """True when the text ends in terminal punctuation, possibly inside quotes or brackets, or in a face."""
    text = text.rstrip()
    if not text:
        return False
    return text[-1] in "”’)）】》」』" or text.rstrip(_CLOSERS)[-1:] in _ENDS
