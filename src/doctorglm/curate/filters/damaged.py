"""Rejects text that was decoded wrongly before it came here: U+FFFD, NUL, and UTF-8 that was read as GBK or Latin-1."""

import re

from doctorglm.conversation import Conversation

_SUSPECT = re.compile("[\ufffd\0]|锟斤拷|烫烫烫|屯屯屯")
_LATIN = re.compile("[\u00c2-\u00ef][\u0080-\u00bf\u0152-\u0178\u2013-\u2122\u20ac]{1,2}")
_GBK = re.compile("[\u4e00-\u9fff\ue000-\uf8ff€]{6,}")


def rejects(conversation: Conversation) -> str | None:
    """`nul_character`, `replacement_character` or `mojibake`."""
    for message in conversation.messages:
        found = _SUSPECT.search(message.content)
        if found:
            return {"\0": "nul_character", "\ufffd": "replacement_character"}.get(found.group(), "mojibake")
        if _misread(message.content):
            return "mojibake"
    return None


def _misread(text: str) -> bool:
    """True when reading the bytes as UTF-8 gives sound Chinese, which no sound text does by chance."""
    if _LATIN.search(text) and _is_chinese(text, "latin-1"):
        return True
    return any(_is_chinese(run.group(), "gb18030") for run in _GBK.finditer(text))


def _is_chinese(text: str, encoding: str) -> bool:
    try:
        mended = text.encode(encoding).decode("utf-8")
    except UnicodeError:
        return False
    return any("\u4e00" <= c <= "\u9fff" for c in mended)
