"""Lengths: how many characters of Chinese an English text takes."""

from collections.abc import Iterator

from doctorglm.translate.checks.fault import Fault

_LONGEST, _SHORTEST = 0.75, 0.08
"""Characters of Chinese for one of English beyond which it is more, or less, than a translation: of 1,031 professional
ones of more than 100 characters (TICO-19, documents that no student is tested on), 98 in 100 lie between 0.21 and 0.52,
all between 0.18 and 0.81."""
_FREE = (24, 100)
"""Texts so short may be as long as they like; so many characters of English are needed to be too short."""


def faults(english: str, chinese: str) -> Iterator[Fault]:
    """A text that is far too long or too short for its English."""
    size, other = len(english.strip()), len("".join(chinese.split()))
    if other > size * _LONGEST + _FREE[0]:
        yield Fault("length", "too_long")
    elif size > _FREE[1] and other < size * _SHORTEST:
        yield Fault("length", "too_short")
