"""Lengths: how many characters of Chinese an English text takes."""

from collections.abc import Iterator

from doctorglm.translate.checks.fault import Fault

_LONGEST, _SHORTEST = 0.75, 0.08
"""Characters of Chinese for one of English beyond which it is more, or less, than a translation: professional ones of
sentences (TICO-19, the documents that are not test) lie between 0.14 and 0.62, but for one in a hundred."""
_FREE = (24, 100)
"""Texts so short may be as long as they like; so many characters of English are needed to be too short."""


def faults(english: str, chinese: str) -> Iterator[Fault]:
    """A text that is far too long or too short for its English."""
    size, other = len(english.strip()), len("".join(chinese.split()))
    if other > size * _LONGEST + _FREE[0]:
        yield Fault("length", "too_long")
    elif size > _FREE[1] and other < size * _SHORTEST:
        yield Fault("length", "too_short")
