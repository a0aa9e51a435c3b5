"""Expressions of many alternatives, kept as data: `lists/patterns.txt`."""

import re
from functools import cache

from doctorglm.translate.checks.lexicon import read_list

_NAME = re.compile(r"## (\w+): ")


@cache
def _sections() -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for line in read_list("patterns.txt"):
        named = _NAME.match(line)
        if named:
            section = sections.setdefault(named[1], [])
        elif line.strip() and not line.startswith("# "):
            section.append(line)
    return sections


def pattern(name: str) -> re.Pattern[str]:
    """The expression of this name: any of its lines."""
    return re.compile("|".join(_sections()[name]))


def words_of(name: str) -> frozenset[str]:
    """The words of this name."""
    return frozenset(" ".join(_sections()[name]).split())
