"""A text as the guards read it, and where each of its characters stood.

Widths, case and Traditional characters are folded; what only hides a word (zero-width and direction marks, emoji,
spaces and marks between Chinese characters) is left out, and so are citations: 停药[1]就行.
"""

import re
from dataclasses import dataclass

from doctorglm.clinical.folding import folded

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_UNSEEN = "\u00ad\u034f\u061c\u115f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufffe\uffff"
_PICTURES = "\u2190-\u21ff\u2300-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\U000e0000-\U000e01ef"
_HIDING = re.compile(
    f"[{_UNSEEN}{_PICTURES}]+"
    f"|(?<=[{_HAN}])[ \\t*_~|^·•.\\-{_UNSEEN}{_PICTURES}]+(?=[{_HAN}])"
    f"|(?<=[0-9])[ \\t{_UNSEEN}{_PICTURES}]+(?=[{_HAN}])"
    f"|(?<=[{_HAN}])[ \\t*_~|^·•{_UNSEEN}{_PICTURES}]+(?=[0-9a-z])"
    r"|[ \t]?[\[【]\d{1,3}(?:\s?[,、;~-]\s?\d{1,3}){0,7}[\]】]"
    r"|(?<=[ \t])[ \t]+"
)

_MAY_HIDE = re.compile(f"[ \\[【\\t*_~|^·•.\\-{_UNSEEN}{_PICTURES}]")
"""Stands in whatever is left out."""


@dataclass(frozen=True, slots=True)
class Folded:
    """`text`, and for each of its characters its place in the original, with the original's length at the end."""

    text: str
    places: range | list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` stands in the original, hidden characters within it included."""
        return (self.places[start], self.places[end - 1] + 1) if end > start else (self.places[start],) * 2


def fold(text: str) -> Folded:
    """The text without what hides words."""
    plain = folded(text)
    if not _MAY_HIDE.search(plain) or not (found := [m.span() for m in _HIDING.finditer(plain)]):
        return Folded(plain, range(len(plain) + 1))
    kept: list[str] = []
    places: list[int] = []
    at = 0
    for start, end in [*found, (len(plain), len(plain))]:
        kept.append(plain[at:start])
        places += range(at, start)
        at = end
    return Folded("".join(kept), [*places, len(plain)])
