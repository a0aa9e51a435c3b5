"""Word lists of the terms, in files that a clinician can read and mend.

A line is `name: Chinese words | English words, with commas`; the name of a term is a word of it. A file without colons
holds words between spaces. Lines that begin with # are remarks.
"""

from collections.abc import Iterator
from importlib import resources


def entries(name: str) -> Iterator[tuple[str, list[str]]]:
    """Yields (name, its words without itself) of each line of a list."""
    for line in _lines(name):
        head, _, english = line.partition("|")
        called, _, chinese = head.partition(":")
        yield called.strip(), [*chinese.split(), *(word.strip() for word in english.split(",") if word.strip())]


def words(name: str) -> list[str]:
    """The words of a list without names."""
    return [word for line in _lines(name) for word in line.split()]


def _lines(name: str) -> Iterator[str]:
    text = resources.files(__package__).joinpath(f"{name}.txt").read_text(encoding="utf-8")
    return (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
