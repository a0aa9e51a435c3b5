"""Rejects what is in neither Chinese nor English, by its letters; drugs and units in Latin letters are no English."""

import re
from collections.abc import Callable, Collection

from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, head

_HAN = re.compile("[\u3400-\u9fff]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_OTHER = re.compile("[\u0400-\u058f\u0590-\u07ff\u0900-\u0fff\u3040-\u30ff\u1100-\u11ff\uac00-\ud7af\u0e00-\u0eff]")
_MAX_OTHER = 0.2
"""Of all letters. Greek ones do not count: α, β and μ stand in honest Chinese. Of 36,143 records of nine public corpora
17 hold other letters, 12 of them fewer than 5 %; two Chinese answers about Russian or Japanese words are just above."""


def language_of(text: str) -> str:
    """`zh`, `en`, `other`, or "" for a text without letters."""
    han, latin, other = (len(pattern.findall(text)) for pattern in (_HAN, _LATIN, _OTHER))
    if not han + latin + other:
        return ""
    if other > _MAX_OTHER * (han + latin + other):
        return "other"
    # a Chinese character says about as much as four Latin letters
    return "zh" if 4 * han >= latin else "en"


def filter_for(languages: Collection[str]) -> Callable[[Conversation], Rejection | None]:
    """A filter that gives `language` when the answers are in none of these."""

    def rejects(conversation: Conversation) -> Rejection | None:
        answers = conversation.answers
        return None if language_of(answers) in {*languages, ""} else Rejection("language", head(answers))

    return rejects
