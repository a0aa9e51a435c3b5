"""Lessons as people write: marks left out, slips, spaces in a name, all capitals or none."""

import random
import re

from pieces import LEFT_OUT, NONE, NOT_NAME, label_of

from doctorglm.clinical.deid.fold import folded

_FURTHER = label_of("name") + 1
_FREE = {NONE, NOT_NAME, LEFT_OUT}
"""Labels of characters that a slip may change."""


def worn(rng: random.Random, text: str, labels: list[int]) -> tuple[str, list[int]]:
    """As people write: marks left out, a slip, spaces in a name, all capitals or none."""
    if rng.random() < 0.10:
        kept = [i for i, c in enumerate(text) if c not in "，。！？；、,.!?;：:" or labels[i] not in _FREE]
        text, labels = "".join(text[i] for i in kept), [labels[i] for i in kept]
    elif rng.random() < 0.08:
        text = re.sub(r"[，。！？；、,!?;]", lambda _: rng.choice(" ，,。"), text)
    share = 0.25 if text[:40].isascii() else 0.04
    if rng.random() < share and len(text.lower()) == len(text):
        text = text.lower()
    elif rng.random() < 0.02 and len(text.upper()) == len(text):
        text = text.upper()
    if rng.random() < 0.06:
        chars = list(text)
        for _ in range(max(1, len(chars) // 60)):
            at = rng.randrange(len(chars)) if chars else 0
            if chars and labels[at] in _FREE:
                chars[at] = rng.choice(chars)
        text = "".join(chars)
    if rng.random() < 0.02:
        text, labels = _spaced(text, labels)
    return folded(text), labels


def _spaced(text: str, labels: list[int]) -> tuple[str, list[int]]:
    """A space before each further character of a name in Chinese."""
    chars, marks = [], []
    for char, label in zip(text, labels, strict=True):
        if label == _FURTHER and "\u4e00" <= char <= "\u9fff":
            chars.append(" ")
            marks.append(_FURTHER)
        chars.append(char)
        marks.append(label)
    return "".join(chars), marks
