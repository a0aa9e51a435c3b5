"""What a text speaks of under the names of a chart, so that 拉肚子 finds 腹泻: words of `clinical.terms`, in one pass.

Words with a gap are left out, and statuses: a passage that says what an illness is not has it as well.
"""

from dataclasses import dataclass
from functools import cache

from ahocorasick_rs import AhoCorasick, MatchKind

from doctorglm.clinical.terms.lexicon import lexicon

_LEAST_CHARS = 2


def concept(norm: str) -> str:
    """The word under which a norm stands in the index; no text holds it."""
    return "¤" + "_".join(norm.split())


def concepts_in(plain: str) -> list[str]:
    """The concepts of a folded text, as often as they stand there."""
    words = _words()
    found: list[str] = []
    for index, start, end in words.search.find_matches_as_indexes(plain):
        norms = words.norms[index]
        if norms and (not norms[0].is_latin or _stands_alone(plain, start, end)):
            found += (one.word for one in norms)
    return found


@dataclass(frozen=True, slots=True)
class _Norm:
    word: str
    is_latin: bool


@dataclass(frozen=True, slots=True)
class _Words:
    search: AhoCorasick
    norms: list[tuple[_Norm, ...]]


@cache
def _words() -> _Words:
    """Every word of the lexicon; those that are no terms only keep shorter ones from being found in them."""
    said = {word: of for word, of in lexicon().said.items() if len(word) >= _LEAST_CHARS and of}
    norms = [
        tuple(dict.fromkeys(_Norm(concept(entry.norm), word.isascii()) for entry in of.terms))
        for word, of in said.items()
    ]
    return _Words(AhoCorasick(list(said), matchkind=MatchKind.LeftmostLongest), norms)


def _stands_alone(text: str, start: int, end: int) -> bool:
    return not (text[start - 1 : start].isalnum() and text[start - 1 : start].isascii()) and not (
        text[end : end + 1].isalnum() and text[end : end + 1].isascii()
    )
