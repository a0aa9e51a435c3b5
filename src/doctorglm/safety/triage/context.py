"""Whether what is said holds: words that deny, that put it in the past, that ask in general, that frame a whole text.

The words are data (`rules/context.yaml`); only dates and durations are read here.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from doctorglm.safety.search import Words

Said: TypeAlias = tuple[int, int, frozenset[str]]
"""(start, end, kinds of the word)"""
_KINDS = ("now", "lately", "past", "long", "asking", "frames", "weak_frames", "real", "acute")

_NUMBER = r"(?:\d{1,4}|[一二两三四五六七八九十几多半数好]{1,3})"
_LONG_AGO = re.compile(
    rf"{_NUMBER}个?(?:多)?(?:年|月|星期|礼拜)(?:多|半)?(?:之?前|以前)|(?:19|20)\d\d年?|0\d年|"
    rf"{_NUMBER}岁(?:的)?(?:时|那年|得过)"
    r"|\b(?:\d+|two|three|four|five|six|ten|a few|several|many|some) (?:years?|months?|weeks?) (?:ago|"
    r"back)\b|\b(?:in|since) (?:19|20)\d\d\b"
)
_FOR_LONG = re.compile(
    rf"(?:{_NUMBER}个?(?:多)?(?:年|月|星期|礼拜)(?:多|半|来)?(?:了|啦|哩|嘞|咯|都|的)|好多年|多年了|很多年|"
    rf"(?<!\d){_NUMBER}周了|大半年|小半年|{_NUMBER}来年)"
    r"|\bfor (?:\d+|two|three|four|five|six|ten|years|months|many)\b(?: (?:years|months|weeks))?(?! hours|"
    r" minutes| days)"
)

_DATED = re.compile("[年月期拜岁周a-z0-9]")
"""Stands in whatever either of them matches."""
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, kw_only=True)
class Cues:
    """The words of `rules/context.yaml`, each list under its own name."""

    denying: tuple[str, ...]
    denying_next: tuple[str, ...]
    not_denying: tuple[str, ...]
    now: tuple[str, ...]
    lately: tuple[str, ...]
    past: tuple[str, ...]
    long: tuple[str, ...]
    asking: tuple[str, ...]
    inert: tuple[str, ...]
    frames: tuple[str, ...]
    weak_frames: tuple[str, ...]
    real: tuple[str, ...]
    acute: tuple[str, ...]
    yes: tuple[str, ...]
    no: tuple[str, ...]

    def negations(self, text: str) -> list[tuple[int, int, int]]:
        """(start, end, reach) of each word that denies what follows within `reach` characters of its clause."""
        found = []
        for match in self._negation.finditer(text):
            if reach := self._reach[match[0]]:
                found.append((*match.span(), reach))
        return found

    def inert_spans(self, text: str) -> list[tuple[int, int]]:
        """Where words stand that hold another word without meaning it, as 哮喘 holds 喘."""
        return [match.span() for match in self._inert.finditer(text)]

    def said(self, text: str) -> list[Said]:
        """Where words of each kind of `_KINDS` stand, in the order of their ends."""
        seen, words = self._words
        found = []
        for index, start, end in seen.places(text):
            latin, kinds = words[index]
            if not latin or alone(text, start, end):
                found.append((start, end, kinds))
        return found

    def tense(self, clause: str, kinds: Set[str], before: str) -> str:
        """`now`, `past` or `long` (for years, hence not new) of a clause that follows one of the tense `before`.

        `kinds` are those of the words in it.
        """
        if "now" in kinds:
            return "now"
        dated = _DATED.search(clause) is not None
        if "past" in kinds or (dated and _LONG_AGO.search(clause)):
            return "past"
        if "lately" in kinds:
            return "now"
        return "long" if before != "past" and ("long" in kinds or (dated and _FOR_LONG.search(clause))) else before

    def frame(self, kinds: Set[str], before: str) -> str:
        """`strong` where a text speaks of an exam, a story or a drill, `weak` of the news or prevention, else empty.

        A frame lasts: a weak one until something acute is told, a strong one until it is taken back.
        """
        if "real" in kinds:
            return ""
        if "frames" in kinds or before == "strong":
            return "strong"
        return "weak" if ("weak_frames" in kinds or before) and "acute" not in kinds else ""

    def answer(self, text: str) -> str:
        """`yes` or `no` where the text begins with such an answer, else an empty string."""
        match = self._answer.match(text)
        return "" if match is None else "yes" if match["yes"] is not None else "no"

    @cached_property
    def _words(self) -> tuple[Words, list[tuple[bool, frozenset[str]]]]:
        """The words of `_KINDS`; for each, whether it is of Latin letters, and its kinds."""
        kinds = {
            word: frozenset(k for k in _KINDS if word in getattr(self, k)) for k in _KINDS for word in getattr(self, k)
        }
        return Words(kinds), [(word.isascii(), some) for word, some in kinds.items()]

    @cached_property
    def _reach(self) -> dict[str, int]:
        """How far each negation reaches; 0 where it denies nothing that follows."""
        return {
            **{word: 12 if word.isascii() else 2 for word in self.denying_next},
            **{word: 30 if word.isascii() else 9 for word in self.denying},
            **dict.fromkeys(self.not_denying, 0),
        }

    @cached_property
    def _negation(self) -> re.Pattern[str]:
        return re.compile("|".join(map(_any, (self.not_denying, self.denying, self.denying_next))))

    @cached_property
    def _answer(self) -> re.Pattern[str]:
        end = r"(?=$|[\s，,。.！!？?了的呀啊哦、])"
        return re.compile(
            rf"[\s，,]*(?:(?:嗯+|呃|额|啊|哦)[，, ]*)?(?:(?P<no>{_any(self.no)})|(?P<yes>{_any(self.yes)}){end})"
        )

    @cached_property
    def _inert(self) -> re.Pattern[str]:
        return re.compile(_any(self.inert))


def alone(text: str, start: int, end: int) -> bool:
    """Whether no Latin letter stands beside `text[start:end]`."""
    return not (text[start - 1 : start] in _LETTERS or text[end : end + 1] in _LETTERS)


def _any(words: Sequence[str]) -> str:
    """One of the words, longest first; each begins with a plain character, by which a search finds its places."""
    return "|".join(map(_plain_first, sorted(words, key=len, reverse=True)))


def _plain_first(word: str) -> str:
    first, rest = re.escape(word[0]), re.escape(word[1:])
    return rf"{first}(?<![a-z]{first}){rest}(?![a-z])" if word.isascii() else first + rest
