"""Names for names: one conversation gives every surname and every part of a name another, the same wherever it stands.

So 王建国, 建国, 王 and 小王 stay one person, and a father and his son keep one surname.
"""

import re
from collections.abc import Iterable

from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.substitutes.draws import Draws
from doctorglm.clinical.deid.words import words

_HAN = re.compile("[\u4e00-\u9fff]")
_CHINESE = re.compile("[\u4e00-\u9fff](?:[ ·]*[\u4e00-\u9fff])*")
_LATIN_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_PARTICLES = {"de", "van", "von", "bin", "al", "der", "la"}


class Names:
    """The names of one conversation and what stands for each."""

    def __init__(self, draws: Draws, names: Iterable[str]) -> None:
        self._draws = draws
        self._new: dict[tuple[str, str], str] = {}
        ordered = list(dict.fromkeys(folded(name) for name in names))
        self._signs = {sign for name in ordered for sign in name}
        self._words = {word.lower() for name in ordered for word in _LATIN_WORD.findall(name)}
        self._surnames: set[str] = set()
        self._given: set[str] = set()
        for name in sorted(ordered, key=len, reverse=True):
            self._learn("".join(_HAN.findall(_without_prefix(name))))
        # the longest first: Maria Gomez says which of the two Gomez is
        for name in sorted(ordered, key=len, reverse=True):
            self.of(name)

    def of(self, name: str) -> str:
        """Another name of the same shape."""
        plain = folded(name)
        if not _HAN.search(plain):
            return self._latin(plain)
        if not _CHINESE.fullmatch(plain):
            runs = re.split("([\u4e00-\u9fff]+)", plain)
            return "".join(self._chinese(run) if _HAN.match(run) else self._latin(run) for run in runs)
        if "·" in plain:
            return "·".join(
                self._part(part) if len(part) > 1 else self._sign("given", part) for part in plain.split("·")
            )
        return self._chinese(plain)

    def _learn(self, name: str) -> None:
        if 2 <= len(name) <= 3 and not self._is_given(name):
            surname = _surname(name)
            self._surnames.add(surname)
            self._given.add(name[len(surname) :])

    def _is_given(self, name: str) -> bool:
        """True for what stands behind a surname elsewhere, or begins with none."""
        return any(known.endswith(name) for known in self._given) or (
            len(name) == 2 and name[0] not in words("surnames")
        )

    def _chinese(self, name: str) -> str:
        prefix = name[: len(name) - len(_without_prefix(name))]
        rest = name[len(prefix) :]
        core = "".join(_HAN.findall(rest))
        surname = _surname(core)
        if len(core) >= 4 and len(surname) == 1:
            return prefix + self._part(rest)
        if len(core) == 1:
            is_surname = core in self._surnames or (
                not any(core in given for given in self._given) and core in words("surnames")
            )
        else:
            is_surname = not self._is_given(core)
        new = ""
        if is_surname:
            new = self._sign("compound_surname" if len(surname) > 1 else "surname", surname)
            core = core[len(surname) :]
        new += "".join(self._sign("given", sign) for sign in core)
        signs = iter(new)
        return prefix + "".join(next(signs) if _HAN.match(sign) else sign for sign in rest)

    def _sign(self, role: str, sign: str) -> str:
        pools = {"surname": "surnames", "compound_surname": "compound_surnames", "given": "given"}
        pool = self._unlike(words(f"invented_{pools[role]}"))
        if not pool:
            wider = words("compound_surnames" if role == "compound_surname" else "surnames")
            pool = self._unlike(wider) or [word for word in wider if word != sign]
        return self._other(role, sign, pool)

    def _part(self, part: str) -> str:
        pool = self._unlike(word for word in words("invented_parts") if len(word) == len(part))
        return self._other("part", part, pool) if pool else "".join(self._sign("given", sign) for sign in part)

    def _unlike(self, pool: Iterable[str]) -> list[str]:
        """Those without a character of any name in the conversation, so that none of these can come out again."""
        return [word for word in pool if not set(word) & self._signs]

    def _latin(self, name: str) -> str:
        found = [word for word in _LATIN_WORD.findall(name) if word not in _PARTICLES] or _LATIN_WORD.findall(name)
        family = _family_name(found)

        def other(match: re.Match[str]) -> str:
            word = match[0]
            if word not in found:
                return word
            if len(word) == 1:
                return self._other("initial", word, [sign for sign in "ABCDEFGHJKLMNPRSTW" if sign != word])
            if family is None:
                return self._word(
                    "word", word, words("invented_english" if word == found[-1] else "invented_english_first")
                )
            if word == family:
                return self._word("pinyin", word, words("pinyin_surnames"))
            as_long = [new for new in words("invented_pinyin") if (len(new) <= 4) == (len(word) <= 4)]
            return self._word("pinyin", word, as_long)

        return re.sub(
            "[0-9]", lambda digit: self._other("digit", digit[0], list("23456789")), _LATIN_WORD.sub(other, name)
        )

    def _word(self, role: str, word: str, pool: Iterable[str]) -> str:
        new = self._other(role, word.lower(), [w for w in pool if w.lower() not in self._words])
        return new.upper() if word.isupper() else new.lower() if word.islower() else new

    def _other(self, role: str, old: str, pool: list[str]) -> str:
        if (role, old) not in self._new:
            taken = {old, *(new for (kind, _), new in self._new.items() if kind == role)}
            self._new[role, old] = self._draws.new(pool, taken, "name", role, len(self._new))
        return self._new[role, old]


def _without_prefix(name: str) -> str:
    """王 of 小王; a name that is longer only begins like that."""
    return name[1:] if name[0] in "小老阿" and 2 <= len(name) <= 3 else name


def _surname(name: str) -> str:
    compounds = (word for word in words("compound_surnames") if len(word) == 2)
    return next((word for word in compounds if name.startswith(word)), name[:1])


def _family_name(found: list[str]) -> str | None:
    """The surname of a Chinese name in Latin letters, which may stand first or last; None for other names."""
    pinyin = {word.lower() for word in words("pinyin_surnames")}
    if not found or len(found) > 3:
        return None
    return next((word for word in (found[0], found[-1]) if word.lower() in pinyin), None)
