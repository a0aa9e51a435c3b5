"""Terms written into a sentence with the Chinese they must have, for a student that was trained with such tags.

Training and translation write them with the same functions. Source: https://aclanthology.org/P19-1294/ (inline tags).
"""

import re
from collections.abc import Sequence

from doctorglm.translate.terms import Terms

TERM, AS, END = "<term>", "<as>", "</term>"
TAGS = (TERM, AS, END)
"""`<term> angina <as> 心绞痛 </term>`; each is one token."""
_INSIDE_A_SIGN = re.compile(r"(?<=<)(?=/?(?:term|as|s|pad|unk)>)|(?<=>)(?=>)|(?<=<)(?=<)")
_LANGUAGE = re.compile(r">>[a-z]{2,3}(?:_[A-Za-z]{2,8})?<<\s*")

Tagged = tuple[int, int, str]
"""A mention from `start` to `end` in the text, and its Chinese."""


def tagged(text: str, mentions: Sequence[Tagged]) -> str:
    """The source of a sentence: each mention with its Chinese; what the text itself has of such signs is broken by a
    blank, so that it stays text.

    Raises ValueError for mentions that overlap.
    """
    said, at = list[str](), 0
    for start, end, chinese in sorted(mentions):
        if not at <= start < end <= len(text):
            raise ValueError(f"a mention from {start} to {end} overlaps another, or is not in the text")
        said += [plain(text[at:start]), f"{TERM} {plain(text[start:end])} {AS} {plain(chinese)} {END}"]
        at = end
    return "".join([*said, plain(text[at:])])


def plain(text: str) -> str:
    """A text without any sign of the vocabulary: `<term>` and `</s>` stay as what is written, `>>cmn_Hans<<` goes.

    Half a character, which json.loads makes, becomes `?`.
    """
    return _INSIDE_A_SIGN.sub(" ", without_language(text.encode("utf-8", "replace").decode("utf-8")))


def without_language(text: str) -> str:
    """A text without signs as models of several languages have them: `>>cmn_Hans<<`.

    Source: https://github.com/OpenNMT/CTranslate2/issues/832
    """
    return _LANGUAGE.sub("", text)


def mentions(text: str, terms: Terms) -> list[Tagged]:
    """The terms of a text with the first of their renderings."""
    return [(one.start, one.end, one.term.chinese[0]) for one in terms.find(text)]
