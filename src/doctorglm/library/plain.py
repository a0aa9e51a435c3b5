"""Text of a library as it may stand in a prompt: it ends no frame, is no citation and no control token.

What looks like one keeps its words and loses its brackets for round ones, which stay readable.
"""

import re
import unicodedata

from doctorglm.clinical.folding import folded

OPENS, CLOSES = "<<<", ">>>"
"""Begin and end the passages; no two such brackets stand side by side in what `plain` gives."""

_HIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_TOKEN = re.compile(r"[<﹤]\s?(?P<name>[|¦!/]?\s?[a-z][^<>﹤﹥\n]{0,40}?)\s?[>﹥]")
"""<|im_end|>, <sop>, </s>, <｜end▁of▁sentence｜>, of the folded text."""
_SQUARE = re.compile(r"\[\s?(?P<name>/?(?:[a-z]{0,4}mask|inst|unk|cls|sep|pad|sys|round\s?\d{1,4}))\s?\]")
"""[gMASK], [INST], [Round 1]."""
_CITATION = re.compile(
    r"[\[【〔]\s?(?P<name>\^?(?:[^\W\d_]{1,10}\s?)?\d{1,3}(?:\s?[,，、;；~至–-]\s?\d{1,3})*)\s?[\]】〕]"
)
_RUN = re.compile(r"[<＜﹤]{2,}|[>＞﹥]{2,}")
_BARS = "|｜¦"


def plain(text: str) -> str:
    """The text without characters that are not seen, and with round brackets about what a model would take for more."""
    seen = _HIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    seen = "".join(char for char in seen if char in "\n\t" or unicodedata.category(char) != "Cf")
    before = None
    while seen != before:  # one inside another is found once the inner has lost its brackets; some twenty times at most
        before = seen
        for pattern in (_TOKEN, _SQUARE, _CITATION):
            seen = _rounded(pattern, seen)
        seen = fenced(seen)
    return seen


def _rounded(pattern: re.Pattern[str], text: str) -> str:
    """The text with round brackets about what the pattern finds in it folded, which is as long."""
    parts, at = [], 0
    for match in pattern.finditer(folded(text)):
        name = text[match.start("name") : match.end("name")].strip()
        parts += [text[at : match.start()], "(", *(char for char in name if char not in _BARS), ")"]
        at = match.end()
    return "".join([*parts, text[at:]])


def fenced(text: str) -> str:
    """The text with its runs of angle brackets parted, so that it holds no end of a frame."""
    return _RUN.sub(lambda run: " ".join(run[0]), text)


def line(text: str) -> str:
    """A title or a heading on one line."""
    return " ".join(plain(text).split())
