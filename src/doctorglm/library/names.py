"""Which documents a question names: by title or alias, by what a patient calls them, by a name that sounds the same.

Words are those of the library itself; colloquial, short, Traditional and English ones are `clinical.terms`', which also
says what is denied. A name typed with a character that sounds the same (通风 for 痛风) is found by its pinyin, where
one character at least is right.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from ahocorasick_rs import AhoCorasick, MatchKind

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms import Term, find

_LEAST_CHARS = 2
_TYPO_CHARS = (2, 12)
_ILLNESS = re.compile("(?<=..)(?:疾?病|症)$")


@dataclass(frozen=True, slots=True)
class Named:
    """A document's names, and what `clinical.terms` calls it."""

    doc_id: str
    names: tuple[str, ...]
    norms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    """`question[start:end]` names these documents; `how` is name, term or sound."""

    start: int
    end: int
    doc_ids: tuple[str, ...]
    how: str


def norms_of(names: Iterable[str]) -> tuple[str, ...]:
    """What `clinical.terms` calls an entry: of each name that is a term as a whole."""
    found = [term.norm for name in names for term in find(name) if len(term.text) == len(name.strip())]
    return tuple(dict.fromkeys(found))


class Names:
    """The names of a library, found in one pass over a question."""

    def __init__(self, entries: Sequence[Named]) -> None:
        self._of_name: dict[str, list[str]] = {}
        self._of_norm: dict[str, list[str]] = {}
        self._of_family: dict[str, list[str]] = {}
        for entry in entries:
            for name in entry.names:
                self._of_name.setdefault(_plain(name), []).append(entry.doc_id)
            stems = {_stem(name) for name in entry.names}
            for norm in entry.norms:
                of = self._of_norm if _stem(norm) in stems else self._of_family
                of.setdefault(norm, []).append(entry.doc_id)
        self._words = [name for name in self._of_name if len(name) >= _LEAST_CHARS]
        self._search = AhoCorasick(self._words, matchkind=MatchKind.LeftmostLongest)
        self._of_sound: dict[tuple[str, ...], list[str]] = {}
        for name in self._words:
            if _TYPO_CHARS[0] <= len(name) <= _TYPO_CHARS[1] and _is_chinese(name):
                self._of_sound.setdefault(sounds(name), []).append(name)
        self._lengths = sorted({len(key) for key in self._of_sound}, reverse=True)

    def mentions(self, question: str, terms: Sequence[Term]) -> list[Mention]:
        """What the question names and does not deny, in order; by sound where nothing else was found."""
        plain = folded(question)
        denied = [(t.start, t.end) for t in terms if t.status == "denied"]
        found = [
            Mention(start, end, tuple(self._of_name[self._words[index]]), "name")
            for index, start, end in self._search.find_matches_as_indexes(plain)
            if _alone(plain, start, end) and not _within(start, end, denied)
        ]
        for term in terms:
            ids = self._called(term)
            if ids and term.status != "denied" and not any(_meets(m, term.start, term.end, ids) for m in found):
                found.append(Mention(term.start, term.end, ids, "term"))
        taken = [*denied, *((m.start, m.end) for m in found)]
        found += self._by_sound(plain, taken)
        return sorted(found, key=lambda m: (m.start, -m.end))

    def _called(self, term: Term) -> tuple[str, ...]:
        """The documents that a term means.

        A norm may be a whole family's: 肝炎 is that of 乙肝 and of 丙肝. An entry on one kind is none on another; the
        family's own word stands for each.
        """
        kinds = self._of_family.get(term.norm, ()) if term.type == "disease" and term.text == term.norm else ()
        return (*self._of_norm.get(term.norm, ()), *kinds)

    def _by_sound(self, plain: str, taken: Sequence[tuple[int, int]]) -> list[Mention]:
        heard = sounds(plain)
        found: list[Mention] = []
        for length in self._lengths:
            for start in range(len(plain) - length + 1):
                for name in self._of_sound.get(heard[start : start + length], ()):
                    end, said = start + length, plain[start : start + length]
                    alike = any(a == b for a, b in zip(said, name, strict=True))
                    if alike and not _within(start, end, [*taken, *((m.start, m.end) for m in found)]):
                        found.append(Mention(start, end, tuple(self._of_name[name]), "sound"))
        return found


def _plain(name: str) -> str:
    return folded(name).strip()


def _stem(name: str) -> str:
    """The name without the word for an illness that may end it: 胃食管反流病 and 胃食管反流 are one."""
    return _ILLNESS.sub("", _plain(name))


def _is_chinese(name: str) -> bool:
    return all("\u3400" <= char <= "\u9fff" for char in name)


def _alone(text: str, start: int, end: int) -> bool:
    """False where a Latin name stands inside a longer Latin word."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return not ((_is_latin(before) and _is_latin(text[start])) or (_is_latin(after) and _is_latin(text[end - 1])))


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _within(start: int, end: int, spans: Sequence[tuple[int, int]]) -> bool:
    return any(a < end and start < b for a, b in spans)


def _meets(mention: Mention, start: int, end: int, ids: Sequence[str]) -> bool:
    return mention.start < end and start < mention.end and set(ids) <= set(mention.doc_ids)


def sounds(text: str) -> tuple[str, ...]:
    """The toneless pinyin of each character, as it is most often read; what has none stands for itself."""
    return tuple(_sound(char) for char in text)


@cache
def _sound(char: str) -> str:
    from pypinyin import lazy_pinyin

    return str(lazy_pinyin(char)[0]) if "\u3400" <= char <= "\u9fff" else char
