"""Which terms are told alone, and which only where one stands in another's place.

A right translation may leave an everyday word out or say more than the English does. Only closed vocabulary has nearly
one Chinese: `lists/alone.tsv`, written by `benchmarks/checks_alone.py` from right translations, names the lists in
which the share of terms that are there is high, and the words that are excepted: those which manuals of
software have as well, and those that right translations leave out.
"""

from collections import defaultdict
from collections.abc import Collection
from functools import cache

from doctorglm.translate.checks.lexicon import read_list
from doctorglm.translate.checks.words import stem, words

LONG = 3
"""Characters of a wording that has hardly another meaning; lists of which only such ones are told have it behind."""
_GROUPS = {
    **dict.fromkeys(("illness", "symptoms", "glossary", "body", "examinations", "drugs"), "medicine"),
    **{name: name for name in ("things", "persons", "calendar", "times")},
}
"""By list, what its terms may stand for: a drug in the place of an illness is one fault, a person in its place none."""


@cache
def _read() -> defaultdict[tuple[str, str], frozenset[str]]:
    """By language and `list`, `word` or `not`, the lists and the words."""
    found: dict[tuple[str, str], set[str]] = {}
    for line in read_list("alone.tsv"):
        language, what, value = line.split("\t")
        found.setdefault((language, what), set()).add(value)
    return defaultdict(frozenset, {key: frozenset(values) for key, values in found.items()})


def key(english: str) -> str:
    """An English term as the list of exceptions has it, in any of its forms."""
    return " ".join(stem(word.said) for word in words(english))


def asks_alone(english: str, lists: Collection[str]) -> bool:
    """Whether a term of these lists must have its Chinese, whatever else is said."""
    known, word = _read(), key(english)
    if word in known["en", "word"]:
        return True
    return not known["en", "list"].isdisjoint(lists) and word not in known["en", "not"]


def told_alone(chinese: str, name: str) -> bool:
    """Whether a wording of this list must have its English."""
    known = _read()
    if chinese in known["zh", "word"]:
        return True
    is_long = len(chinese) >= LONG and f"{name} {LONG}" in known["zh", "list"]
    return (is_long or name in known["zh", "list"]) and chinese not in known["zh", "not"]


def may_stand_for(lists: Collection[str], name: str) -> bool:
    """Whether a Chinese wording of a list may have taken the place of an English term of these."""
    return _GROUPS.get(name) in {_GROUPS[one] for one in lists if one in _GROUPS}
