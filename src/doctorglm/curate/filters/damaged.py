"""Rejects text that was decoded wrongly before it came here: U+FFFD, NUL, and UTF-8 that was read as GBK or Latin-1."""

import re

from doctorglm.conversation import Conversation
from doctorglm.curate.encoding import COMMON

_SUSPECT = re.compile("[\ufffd\0\ud800-\udfff]|锟斤拷|烫烫烫|屯屯屯")
_REASONS = {"\ufffd": "replacement_character", "\0": "nul_character"}

_LATIN = re.compile("[\u00c2-\u00ef][\u0080-\u00bf\u0152-\u0178\u2013-\u2122\u20ac]")
"""The first two of the three bytes of a Chinese character in UTF-8, read as Latin-1 or Windows-1252."""

_GBK = re.compile("[" + "".join({c.encode()[:2].decode("gb18030") for c in sorted(COMMON)}) + "]")
"""The same, read as GBK (锛 for ，, 鐨 for 的): 80 characters, of which CMD's 1.8 million hold four."""

_MIN_SIGNS, _MIN_SHARE = 3, 0.1


def rejects(conversation: Conversation) -> str | None:
    """`nul_character`, `replacement_character` or `mojibake`."""
    about = (conversation.department, conversation.source, conversation.licence)
    for text in (*(m.content for m in conversation.messages), *about):
        found = _SUSPECT.search(text)
        if found:
            return _REASONS.get(found.group(), "mojibake")
        if any(_is_frequent(pattern, text) for pattern in (_LATIN, _GBK)):
            return "mojibake"
    return None


def _is_frequent(pattern: re.Pattern[str], text: str) -> bool:
    signs = len(pattern.findall(text))
    return signs >= _MIN_SIGNS and signs >= _MIN_SHARE * len(text)
