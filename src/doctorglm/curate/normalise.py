"""Text made even without damage: composed characters, widths of letters and digits, HTML, Traditional on request, and
text that was decoded wrongly mended where that is certain. Chinese punctuation, units, ranges and doses stay.

Each step is by rule and counted. Sources: Unicode's NFC (UAX 15, which keeps μ, ℃ and ½), OpenCC (tw2s, character by
character, so that no word of the mainland's becomes another).
"""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import TypeAlias

from doctorglm.files.encoding import COMMON

Step: TypeAlias = Callable[[str], str]

_WIDTHS = {code: code - 0xFEE0 for code in [*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)]}
_POINT = re.compile(r"(?<=[0-9])．(?=[0-9])")
_BREAKS = re.compile(r"<br\s*/?>|</(?:p|div|li|tr|h[1-6]|ul|ol|table)\s*>", re.IGNORECASE)
_POWER = re.compile(r"<sup>\s*([+\-−]?\d{1,3})\s*</sup>", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:p|div|span|b|strong|i|em|u|ul|ol|li|a|img|font|table|tbody|thead|tr|td|th|h[1-6]|sub|sup|center|hr|section|script|style)"
    r"(?:\s[^<>]{0,500})?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:nbsp|lt|gt|amp|quot|apos|middot|ldquo|rdquo|mdash|hellip|deg|micro|plusmn|times|#\d{2,5});")

_PROTECTED = ("肝著", "赤魟")
"""Medical words that OpenCC would change although they are written so in simplified text (of THUOCL's 18,749 these)."""
_ALSO = {"榖": "谷", "衞": "卫", "腭口线虫": "颚口线虫", "想像": "想象"}
"""What OpenCC leaves or takes for another character."""

_WRONG_WAYS = (
    ("latin-1", "gb18030"),
    ("cp1252", "gb18030"),
    ("gb18030", "utf-8"),
    ("latin-1", "utf-8"),
    ("cp1252", "utf-8"),
)
_LATIN_SIGNS = re.compile("[\u00a1-\u00ff\u0152-\u0178\u2013-\u2122\u20ac]")
_LATIN_RUN = re.compile("[\u00a1-\u00ff]{4,}")
_MIN_COMMON, _MIN_COMMON_OF_A_RUN = 0.3, 0.5
_MIN_SIGNS = 3


def normalised_by(steps: Collection[str]) -> Callable[[str, Counter[str]], str]:
    """What does these steps, in the order of `STEPS`, and counts the texts that a step changed under its name."""
    wanted = [(name, step) for name, step in STEPS.items() if name in steps]

    def normalise(text: str, changes: Counter[str]) -> str:
        for name, step in wanted:
            now = step(text)
            changes[name] += now != text
            text = now
        return text

    return normalise


def mend(text: str) -> str:
    """The text as it was before it was decoded wrongly, if one way back is exact and gives Chinese; else the text."""
    if len(_LATIN_SIGNS.findall(text)) < _MIN_SIGNS and _common_share(text) >= _MIN_COMMON:
        return text
    for wrong, right in _WRONG_WAYS:
        try:
            before = text.encode(wrong).decode(right)  # strict, and one to one: the way back is exact
        except UnicodeError:
            continue
        if before != text and _common_share(before) >= max(_MIN_COMMON, 2 * _common_share(text)):
            return before
    return _LATIN_RUN.sub(_mended_run, text)


def _mended_run(match: re.Match[str]) -> str:
    """A part that was decoded wrongly among others that were not: Í·Í´ beside 怎么办."""
    try:
        before = match[0].encode("latin-1").decode("gb18030")
    except UnicodeError:
        return match[0]
    return before if _common_share(before) >= _MIN_COMMON_OF_A_RUN else match[0]


def _common_share(text: str) -> float:
    wide = [c for c in text if not c.isascii()]
    return sum(c in COMMON for c in wide) / len(wide) if wide else 1.0


def compose(text: str) -> str:
    """NFC: one character where a letter and its mark were two."""
    return unicodedata.normalize("NFC", text)


def narrow(text: str) -> str:
    """Full-width letters and digits as ASCII, and the point between digits; punctuation stays as wide as it is."""
    return _POINT.sub(".", text.translate(_WIDTHS))


def without_html(text: str) -> str:
    """Without tags and entities: breaks become lines, a power keeps its sign; 血压<140 stays, and program code."""
    if "```" in text:
        return text
    if "<" in text:
        text = _TAG.sub("", _POWER.sub(r"^\1", _BREAKS.sub("\n", text)))
    return _ENTITY.sub(lambda m: html.unescape(m[0]).replace("\xa0", " "), text) if "&" in text else text


def simplify(text: str) -> str:
    """Simplified characters, medical words protected."""
    converted = _converter()(text)
    for one, other in _ALSO.items():
        converted = converted.replace(one, other)
    now = list(converted)
    for word in _PROTECTED:
        for match in re.finditer(word, text):
            now[match.start() : match.end()] = word
    return "".join(now)


@cache
def _converter() -> Callable[[str], str]:
    import opencc

    convert: Callable[[str], str] = opencc.OpenCC("tw2s").convert
    return convert


STEPS: Mapping[str, Step] = {
    "mend": mend,
    "nfc": compose,
    "html": without_html,
    "widths": narrow,
    "simplify": simplify,
}
"""All steps, in the order in which they are done."""
