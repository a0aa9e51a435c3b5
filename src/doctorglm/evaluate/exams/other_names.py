"""Other names of options: what patients, charts and English call the same disease, drug, examination or treatment."""

from collections.abc import Mapping
from functools import cache

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms.words import entries

_LISTS = ("diseases", "drugs", "tests", "procedures")


def other_names(said: Mapping[str, str]) -> dict[str, str]:
    """Names, in small letters, with the letter of the option that each means; none that could mean two of them."""
    found: dict[str, set[str]] = {}
    for letter, text in said.items():
        for name in _namesakes().get(text, ()):
            found.setdefault(name, set()).add(letter)
    own = {name: letters for name, letters in found.items() if not any(name in text for text in said.values())}
    return {name: next(iter(letters)) for name, letters in own.items() if len(letters) == 1}


@cache
def _namesakes() -> dict[str, frozenset[str]]:
    names: dict[str, frozenset[str]] = {}
    for each in _LISTS:
        for name, called in entries(each):
            group = frozenset(folded(word) for word in (name, *called) if len(word) > 1 and "…" not in word)
            names |= {word: names.get(word, frozenset()) | group for word in group}
    return names
