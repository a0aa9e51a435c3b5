"""Word lists of the rules, one file each: words between spaces, and a first line that says what they are."""

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources


@cache
def words(name: str) -> tuple[str, ...]:
    """The words of a list, in order."""
    text = resources.files(__package__).joinpath(f"{name}.txt").read_text(encoding="utf-8")
    return tuple(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


def any_of(name: str, *, but: str = "") -> str:
    """A pattern for any of the words, the longest first, without those of another list."""
    left_out = set(words(but)) if but else set()
    return either(set(words(name)) - left_out)


def either(some: Iterable[str]) -> str:
    """A pattern for any of the words, the longest first, that looks at each of their beginnings once."""
    by_first: dict[str, set[str]] = {}
    for word in some:
        by_first.setdefault(word[:1], set()).add(word[1:])
    ends = by_first.pop("", None) is not None
    branches = [
        re.escape(first) + ("" if rests == {""} else either(rests)) for first, rests in sorted(by_first.items())
    ]
    return f"(?:{'|'.join([*branches, ''] if ends else branches)})"
