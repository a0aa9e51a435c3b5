"""Words on their way to the reader: in one language, without characters that hide or steer, with their width."""

import re
import unicodedata

from doctorglm.language import Language, Text

Wording = Text | str
"""`Text` has both languages; `str` is shown as it is, in either."""

_UNBREAKABLE = re.compile(r"[\u2e80-\u9fff\uff00-\uffef]|[^\s\u2e80-\u9fff\uff00-\uffef]+\s*|\s+")
_KEPT_CONTROLS = "\n\t"
_OVERRIDES = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def worded(wording: Wording, language: Language) -> str:
    """The wording in one language; raises ValueError when that half is empty, which is a fault of ours."""
    if isinstance(wording, str):
        return clean(wording)
    text = clean(wording.zh if language == "zh" else wording.en)
    if not text.strip():
        raise ValueError(f"no {language} wording in {wording!r}")
    return text


def clean(text: str) -> str:
    """The text with line ends as `\\n` and every other control, override or half character shown as U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join("\ufffd" if _is_unsafe(c) else c for c in text)


def _is_unsafe(character: str) -> bool:
    if character in _KEPT_CONTROLS:
        return False
    # surrogates cannot be written as UTF-8; bidirectional overrides make text read other than it is
    return unicodedata.category(character) in ("Cc", "Cs") or character in _OVERRIDES


def width_em(text: str) -> float:
    """About how wide the longest line is, in units of the type's size: 1 for Chinese, 0.58 for Latin."""
    return max(sum(1.0 if _is_wide(c) else 0.58 for c in line) for line in text.split("\n"))


def wrapped(text: str, width: float) -> str:
    """The text in lines of at most `width` em, broken at blanks and between Chinese characters."""
    lines = [""]
    for word in _UNBREAKABLE.findall(text):
        if lines[-1].strip() and width_em(lines[-1] + word.rstrip()) > width:
            lines.append("")
        lines[-1] += word
    return "\n".join(line.strip() for line in lines)


def shortened(text: str, width: float) -> str:
    """The text in one line of at most `width` em, its end replaced by an ellipsis where it is longer."""
    text = " ".join(text.split())
    if width_em(text) <= width:
        return text
    while text and width_em(text) + 0.58 > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
