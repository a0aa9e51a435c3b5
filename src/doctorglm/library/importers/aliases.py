"""Which aliases may stand beside a title: none that is known as the name of something else.

A table that merges two drugs or a drug with a disease would answer a question on one with the entry of the other
(RTX issue 1044: losartan as a synonym of erythropoietin). Two names are apart when our word lists have them under
different names or types, or when each ends, or begins, as another class of drugs does.
Source of the classes: the stems of the WHO's international nonproprietary names.
"""

from collections.abc import Sequence
from functools import cache

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms.lexicon import LISTS
from doctorglm.clinical.terms.words import entries, words

_CONDITIONS = frozenset({"symptom", "disease"})
"""失眠 is a symptom, 失眠症 a disease: where a list has no name of its own for one of the two, they go together."""

_STEMS = (
    ("沙坦", "sartan"),
    ("普利", "pril"),
    ("洛尔", "olol"),
    ("地平", "dipine"),
    ("他汀", "vastatin"),
    ("沙星", "floxacin"),
    ("西林", "cillin"),
    ("环素", "cycline"),
    ("拉唑", "prazole"),
    ("替丁", "tidine"),
    ("格列汀", "gliptin"),
    ("格列净", "gliflozin"),
    ("格列酮", "glitazone"),
    ("替尼", "tinib"),
    ("单抗", "mab"),
    ("生成素", "poietin"),
    ("生成素", "poetin"),
    ("昔布", "coxib"),
    ("曲坦", "triptan"),
    ("膦酸", "dronic acid"),
    ("沙班", "xaban"),
)
_STARTS = (("头孢", "cef"),)


def checked_aliases(title: str, aliases: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(kept, dropped): the aliases that may mean the same as the title, and those known to be another entry."""
    dropped = tuple(alias for alias in aliases if _are_apart(title, alias))
    return tuple(alias for alias in aliases if alias not in dropped), dropped


def _are_apart(title: str, alias: str) -> bool:
    one, other = _known(title), _known(alias)
    if one and other and not any(_go_together(a, b) for a in one for b in other):
        return True
    mine, its = _classes(title), _classes(alias)
    return bool(mine and its) and mine.isdisjoint(its)


def _go_together(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """True for the same type and name; a list that holds bare words ("") does not say which of them are the same."""
    if one[0] == other[0]:
        return one[1] == other[1] or not (one[1] and other[1])
    return {one[0], other[0]} <= _CONDITIONS and not (one[1] and other[1])


def _known(name: str) -> frozenset[tuple[str, str]]:
    return _lists().get(_plain(name), frozenset())


@cache
def _lists() -> dict[str, frozenset[tuple[str, str]]]:
    """The (type, name) of each word; the name is "" for a word of a list without names."""
    known: dict[str, set[tuple[str, str]]] = {}
    for listed, kind in LISTS.items():
        for norm, called in entries(listed):
            for word in (norm, *called):
                known.setdefault(_plain(word), set()).add((kind, norm))
    own = frozenset(known)
    for listed, kind in LISTS.items():
        for word in words(f"thuocl_{listed}") if kind != "symptom" else ():
            if _plain(word) not in own:
                known.setdefault(_plain(word), set()).add((kind, ""))
    return {word: frozenset(said) for word, said in known.items()}


def _classes(name: str) -> frozenset[str]:
    """The classes that the name of a drug shows by its stems; a combination has several."""
    plain = _plain(name)
    ends = {chinese for chinese, english in _STEMS if chinese in plain or plain.endswith(english)}
    return frozenset(ends | {chinese for chinese, english in _STARTS if plain.startswith((chinese, english))})


def _plain(name: str) -> str:
    """Folded, and with one word for pain: 偏头疼 is 偏头痛."""
    return " ".join(folded(name).split()).replace("疼", "痛")
