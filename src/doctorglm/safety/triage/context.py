"""Whether what is said holds: words that deny, that put it in the past, that ask in general, that frame a whole text.

The words are data (`rules/context.yaml`); only dates and durations are read here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

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
            if match["idiom"] is None:
                latin = match[0][0].isascii()
                reach = (30 if latin else 9) if match["far"] is not None else (12 if latin else 2)
                found.append((match.start(), match.end(), reach))
        return found

    def inert_spans(self, text: str) -> list[tuple[int, int]]:
        """Where words stand that hold another word without meaning it, as 哮喘 holds 喘."""
        return [match.span() for match in self._inert.finditer(text)]

    def tense(self, clause: str, before: str) -> str:
        """`now`, `past` or `long` (for years, hence not new) of a clause that follows one of the tense `before`."""
        if self._now.search(clause):
            return "now"
        if self._past.search(clause) or _LONG_AGO.search(clause):
            return "past"
        if self._lately.search(clause):
            return "now"
        return "long" if before != "past" and (_FOR_LONG.search(clause) or self._long.search(clause)) else before

    def present(self, clause: str) -> bool:
        """Whether the clause says that it speaks of now."""
        return bool(self._now.search(clause) or self._lately.search(clause))

    def general(self, clause: str) -> bool:
        """Whether the clause asks whether, fears that or supposes that."""
        return bool(self._asking.search(clause))

    def frame(self, text: str, before: str) -> str:
        """`strong` where a text speaks of an exam, a story or a drill, `weak` of the news or prevention, else empty.

        A frame lasts: a weak one until something acute is told, a strong one until it is taken back.
        """
        if self._real.search(text):
            return ""
        if self._frames.search(text) or before == "strong":
            return "strong"
        return "weak" if (self._weak.search(text) or before) and not self._acute.search(text) else ""

    def answer(self, text: str) -> str:
        """`yes` or `no` where the text begins with such an answer, else an empty string."""
        match = self._answer.match(text)
        return "" if match is None else "yes" if match["yes"] is not None else "no"

    @cached_property
    def _negation(self) -> re.Pattern[str]:
        firsts = "".join(sorted({word[0] for word in (*self.not_denying, *self.denying, *self.denying_next)}))
        kinds = {"idiom": self.not_denying, "far": self.denying, "next": self.denying_next}
        one = "|".join(f"(?P<{name}>{_any(words)})" for name, words in kinds.items())
        return re.compile(f"(?=[{re.escape(firsts)}])(?:{one})")

    @cached_property
    def _answer(self) -> re.Pattern[str]:
        end = r"(?=$|[\s，,。.！!？?了的呀啊哦、])"
        return re.compile(
            rf"[\s，,]*(?:(?:嗯+|呃|额|啊|哦)[，, ]*)?(?:(?P<no>{_any(self.no)})|(?P<yes>{_any(self.yes)}){end})"
        )

    _inert = cached_property(lambda self: re.compile(_any(self.inert)))
    _now = cached_property(lambda self: re.compile(_any(self.now)))
    _lately = cached_property(lambda self: re.compile(_any(self.lately)))
    _past = cached_property(lambda self: re.compile(_any(self.past)))
    _long = cached_property(lambda self: re.compile(_any(self.long)))
    _asking = cached_property(lambda self: re.compile(_any(self.asking)))
    _frames = cached_property(lambda self: re.compile(_any(self.frames)))
    _weak = cached_property(lambda self: re.compile(_any(self.weak_frames)))
    _real = cached_property(lambda self: re.compile(_any(self.real)))
    _acute = cached_property(lambda self: re.compile(_any(self.acute)))


def _any(words: Sequence[str]) -> str:
    """One of the words, longest first; the set of first characters is looked at before any of them is tried."""
    longest_first = sorted(words, key=len, reverse=True)
    firsts = "".join(re.escape(character) for character in sorted({word[0] for word in words}))
    one = "|".join(rf"(?<![a-z]){re.escape(w)}(?![a-z])" if w.isascii() else re.escape(w) for w in longest_first)
    return f"(?=[{firsts}])(?:{one})"
