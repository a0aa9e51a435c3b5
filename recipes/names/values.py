"""Other identifiers in the place of written ones, and clauses with one."""

import random
import re
from collections.abc import Callable

from made import CIRCLED, LETTERS, NUMERALS, PROVINCES, Made
from people import by_type

_PLACE = re.compile(r"[\u4e00-\u9fff]{2}(省|市|区|县|镇|乡|村|路|街|小区|花园|苑|医院|诊所|卫生院|中医院|人民医院)")
_RESPELLED = ("mobile", "id_card", "bank_card", "qq", "mrn")
_SEPARATORS = (":", ":", "", "", " ", "是", "：", "为", "，", "\n", "号", " - ")


class Values(Made):
    """Makes identifiers of a type, or changes one; `pool` holds the written ones of each type."""

    def __init__(
        self, rng: random.Random, words: dict[str, list[str]], pool: dict[str, list[str]], given: Callable[[], str]
    ) -> None:
        super().__init__(rng, words, given)
        self.pool, self._cues, self._clauses = pool, by_type("cues"), by_type("clauses")
        self._cue = {
            kind: re.compile(rf"(?:{'|'.join(map(re.escape, sorted(cues, key=len, reverse=True)))})(?=[:是为 ]*$)")
            for kind, cues in self._cues.items()
        }

    def instead_of(self, kind: str, text: str) -> str:
        """Another one in the place of a written one: the same, its shape, another that was written, or one made up."""
        r = self.rng.random()
        if r < 0.22:
            return text
        if r < 0.55 and kind not in ("date", "age"):
            return self._shaped(kind, text)
        if r < 0.8:
            other = self.rng.choice(self.pool[kind])
            return other if kind in ("date", "age") else self._shaped(kind, other)
        return self.made(kind)

    def cue_instead(self, kind: str, before: str) -> str:
        """The text before an identifier with another word to introduce it, where it ends in a known one."""
        match = self._cue[kind].search(before[-14:]) if self.rng.random() < 0.3 else None
        if not match:
            return before
        at = max(0, len(before) - 14)
        return before[: at + match.start()] + self.pick(self._cues[kind]) + before[at + match.end() :]

    def clause(self, kind: str) -> tuple[str, str, str]:
        """A clause with an identifier: what stands before it, itself, what stands behind."""
        value = self.made(kind) if self.rng.random() < 0.5 else self.instead_of(kind, self.rng.choice(self.pool[kind]))
        if self.rng.random() < 0.5:
            sep = self.pick(_SEPARATORS)
            return self.pick(self._cues[kind]) + sep, value, self.pick(("", "", "，", "。", " "))
        before, after = self.pick(self._clauses[kind]).split("{v}")[:2]
        return before, value, after

    def _shaped(self, kind: str, text: str) -> str:
        """Other digits, at times other letters, other places in an address."""
        if kind in ("address", "hospital"):
            return self._elsewhere(text)
        letters = self.rng.random() < (0.75 if kind in ("wechat", "email", "url", "plate") else 0.35)
        out = []
        for i, char in enumerate(text):
            if char in "0123456789" and not (kind == "mobile" and i < 2):
                char = self.pick("0123456789")
            elif char in "０１２３４５６７８９":
                char = self.pick("０１２３４５６７８９")
            elif char in CIRCLED:
                char = self.pick(CIRCLED)
            elif char in NUMERALS and kind != "url":
                char = self.pick(NUMERALS)
            elif letters and "a" <= char <= "z" and kind not in ("url", "email"):
                char = self.pick("abcdefghijklmnopqrstuvwxyz")
            elif letters and "A" <= char <= "Z":
                char = self.pick(LETTERS)
            elif kind == "plate" and char in PROVINCES:
                char = self.pick(PROVINCES)
            out.append(char)
        made = "".join(out)
        if made.isdigit() and kind in _RESPELLED and self.rng.random() < 0.15:
            made = self._spaced(made)
        if letters and kind in ("wechat", "email", "url"):
            made = re.sub(r"[a-z]{3,}", lambda m: self._in_h() if self.rng.random() < 0.5 else m[0], made)
        return made if kind != "mobile" or text[:1] != "1" else "1" + made[1:]

    def _elsewhere(self, text: str) -> str:
        text = re.sub(r"[0-9]", lambda _: self.pick("123456789"), text)

        def other(match: re.Match[str]) -> str:
            return self._in_place() + match[1] if self.rng.random() < 0.6 else match[0]

        return _PLACE.sub(other, text)
