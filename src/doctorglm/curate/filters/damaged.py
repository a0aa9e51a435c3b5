"""Rejects text decoded wrongly before it came: U+FFFD, NUL, UTF-8 or GBK that was read as Latin-1, UTF-8 as GBK."""

import re

from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, around
from doctorglm.files.encoding import COMMON

_SUSPECT = re.compile("[\ufffd\0\ud800-\udfff]|锟斤拷|烫烫烫|屯屯屯")
_REASONS = {"\ufffd": "replacement_character", "\0": "nul_character"}

_LATIN = re.compile("[\u00c2-\u00ef][\u0080-\u00bf\u0152-\u0178\u2013-\u2122\u20ac]")
"""The first two of the three bytes of a Chinese character in UTF-8, read as Latin-1 or Windows-1252."""

_GBK = re.compile("[" + "".join({c.encode()[:2].decode("gb18030") for c in sorted(COMMON)}) + "]")
"""The same, read as GBK (锛 for ，, 鐨 for 的): 80 characters, of which CMD's 1.8 million hold four."""

_GBK_AS_LATIN = re.compile("(?:[\u00a1-\u00f7][\u00a1-\u00fe]){4,}")
"""Four Chinese characters in GBK, read as Latin-1; eight such signs in a row are no word of any language."""
_MIN_KINDS = 4
"""So many different ones: a row of dots or degrees is none."""

_MIN_SIGNS, _MIN_SHARE = 3, 0.1
"""Signs, and their share of the characters. Of 36,143 records of nine public corpora one has three signs, as 1 % of a
text in Traditional Chinese; text that was decoded wrongly has one every two or three characters."""


def rejects(conversation: Conversation) -> Rejection | None:
    """`nul_character`, `replacement_character` or `mojibake`."""
    about = (conversation.department, conversation.source, conversation.licence)
    for text in (*(m.content for m in conversation.messages), *about):
        found = _SUSPECT.search(text)
        if found:
            return Rejection(_REASONS.get(found.group(), "mojibake"), around(text, *found.span()))
        for run in _GBK_AS_LATIN.finditer(text):
            if len(set(run.group())) >= _MIN_KINDS:
                return Rejection("mojibake", around(text, *run.span()))
        for pattern in (_LATIN, _GBK):
            signs = [sign.span() for sign in pattern.finditer(text)]
            if len(signs) >= _MIN_SIGNS and len(signs) >= _MIN_SHARE * len(text):
                return Rejection("mojibake", around(text, *signs[0]))
    return None
