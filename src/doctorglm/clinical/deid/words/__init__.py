"""Word lists of the rules, one file each: words between spaces, and a first line that says what they are."""

import re
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
    ordered = sorted(set(words(name)) - left_out, key=lambda word: (-len(word), word))
    return "(?:" + "|".join(map(re.escape, ordered)) + ")"
