"""Loops: what a decoder says again and again while the English does not."""

import itertools
import re
from collections.abc import Iterator

from doctorglm.translate.checks.fault import Fault
from doctorglm.translate.checks.texts import folded

_TIMES = re.compile(r"([^\n]{1,60}?)(?:\s*\1){2,}")
"""Three times or more."""
_TWICE = re.compile(r"([^\s，。！？；、][^\n]{3,80}?)[，、。！？；,.\s]{0,3}\1(?![0-9a-z])")
_SENTENCES = re.compile(r"[^。！？!?\n]*[。！？!?\n]+|[^。！？!?\n]+$")
_WORD_EN = re.compile(r"[a-z0-9']+")
_LONGEST_WORDS = 12
_SHORTEST = 2
"""Characters: 怦怦怦 and 哈哈哈 are words."""
_ONE_CHARACTER = 6
_SENTENCE = 4
_NUMBERED = re.compile(r"^\W*\d*[.、)]?\s*")


def faults(english: str, chinese: str) -> Iterator[Fault]:
    """A phrase three times in a row, or a sentence twice, where the English repeats nothing."""
    plain = folded(chinese)
    repeated = next(filter(_counts, _TIMES.finditer(plain)), None)
    if repeated is not None:
        if not _says_again(english):
            yield Fault("loop", "repeated", "", repeated[1].strip())
        return
    said = _twice(plain)
    if said and not _repeats(english) and not _says_again(english):
        yield Fault("loop", "said_twice", "", said)


def _says_again(english: str) -> bool:
    """Whether some of its words stand twice in a row, with `and` or `or` between them or not."""
    words = [word for word in _WORD_EN.findall(folded(english)) if word not in ("and", "or")]
    return any(
        words[at : at + n] == words[at + n : at + 2 * n]
        for n in range(1, _LONGEST_WORDS + 1)
        for at in range(len(words) - 2 * n + 1)
    )


def _counts(match: re.Match[str]) -> bool:
    unit = match[1].strip()
    if not re.search(r"[^\W\d_]", unit):
        return False  # ....., 1 1 1
    if len(unit) < _SHORTEST:
        return len(match[0]) >= _ONE_CHARACTER
    return True


def _twice(chinese: str) -> str:
    """A sentence that stands twice in a row, or most of a text that does."""
    parts = [_NUMBERED.sub("", part).strip(" \n") for part in _SENTENCES.findall(chinese)]
    for one, other in itertools.pairwise(parts):
        if one.rstrip("。！？!?") == other.rstrip("。！？!?") and len(one) > _SENTENCE:
            return one
    found = next((m for m in _TWICE.finditer(chinese) if len(m[1]) >= 7 and re.search(r"[，、。！？；]", m[0])), None)
    return found[1] if found else ""


def _repeats(english: str) -> bool:
    """Whether two of its sentences or lines are the same."""
    parts = [part.strip().lower() for part in re.split(r"[.!?;\n]+", english) if part.strip()]
    return len(set(parts)) < len(parts)


def collapsed(chinese: str) -> str:
    """The text with what is repeated said once."""
    once = _TIMES.sub(lambda m: m[1] if _counts(m) else m[0], chinese)
    kept: list[str] = []
    for part in _SENTENCES.findall(once):
        if not kept or kept[-1].strip(" \n。！？!?") != part.strip(" \n。！？!?") or len(part) <= _SENTENCE:
            kept.append(part)
    return "".join(kept)
