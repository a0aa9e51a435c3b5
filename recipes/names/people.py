"""Made-up names for the lessons: of every kind that the guide marks, each consistent within a record."""

import random
import re
from collections.abc import Iterable
from pathlib import Path

from doctorglm.clinical.deid.words import words

_LISTS = Path(__file__).parent / "lists"
_COMMON = [bytes([a, b]).decode("gb2312") for a in range(0xB0, 0xD7) for b in range(0xA1, 0xFF)]
_RARE = [bytes([a, b]).decode("gb2312") for a in range(0xD8, 0xF7) for b in range(0xA1, 0xFF)]
_SYLLABLES = (
    "an ar ba bel bri ca cha da del du el en fa fen ga gor ha hol i ja ka kel la "
    "lin lo ma mar mi na nor o pa pen ra ri ro sa sha ta ton u va ver wa win ya zo"
)
_HAN = re.compile(r"[\u4e00-\u9fff]+")


def listed(name: str) -> list[str]:
    """The words of one of the lists beside this file."""
    lines = (_LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


def by_type(name: str) -> dict[str, list[str]]:
    """A list whose lines are a type and its entries, with bars between."""
    entries: dict[str, list[str]] = {}
    for line in (_LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            kind, _, rest = line.partition(": ")
            entries.setdefault(kind, []).extend(rest.replace("\\n", "\n").split(" | "))
    return entries


class People:
    """Makes up names; `met` are words of running text, a few of which become names."""

    def __init__(self, rng: random.Random, met: Iterable[str]) -> None:
        self.rng = rng
        self._met = list(met)
        self._surnames, self._compound = words("surnames"), words("compound_surnames")
        self._sure = set(self._surnames)
        self._given, self._pets, self._minority = listed("given"), listed("nicknames"), listed("minority")
        self._first, self._last = listed("english_first"), listed("english_last")
        self._called, self._children = listed("called"), listed("children")
        pinyin = listed("pinyin")
        self._pinyin = pinyin[: pinyin.index("|")], pinyin[pinyin.index("|") + 1 :]

    def surname(self) -> str:
        """Mostly a frequent one, at times any character."""
        r = self.rng.random()
        if r < 0.4:
            return self.rng.choice(self._surnames[:120])
        if r < 0.84:
            return self.rng.choice(self._surnames)
        return self.rng.choice(self._compound) if r < 0.93 else self.rng.choice(_COMMON)

    def given(self) -> str:
        """One or two characters; one in ten is a word or a pet name."""
        r = self.rng.random()
        if r < 0.10:
            return self.rng.choice(self._met if r < 0.03 else self._pets)
        length = 1 if r < 0.42 else 2
        return "".join(self._character() for _ in range(length))

    def given_alone(self) -> str:
        """Two characters as people are called by: frequent ones of given names, seldom any."""
        return "".join(self.rng.choice(self._given) if self.rng.random() < 0.9 else self._character() for _ in range(2))

    def _character(self) -> str:
        r = self.rng.random()
        if r < 0.75:
            return self.rng.choice(self._given)
        return self.rng.choice(_COMMON) if r < 0.95 else self.rng.choice(_RARE)

    def full(self) -> str:
        """Surname and given name."""
        if self.rng.random() < 0.04:
            return self.rng.choice(self._surnames) + self.rng.choice(self._surnames) + self.given()[:2]
        return self.surname() + self.given()

    def pet(self) -> str:
        """What a child or a neighbour is called."""
        r = self.rng.random()
        if r < 0.35:
            return self.rng.choice(self._pets)
        if r < 0.55:
            return self._character() * 2
        if r < 0.60:
            return self.rng.choice(self._met)
        if r < 0.66:
            return self.rng.choice((self.surname(), "")) + self.rng.choice(self._called)
        if r < 0.74:
            return (
                self.rng.choice("大二三四五小老幺") + self.rng.choice(self._children) + self.rng.choice(("", "", "儿"))
            )
        return self._character() + self._character()

    def minority(self) -> str:
        """One part or two with a dot."""
        first, second = self.rng.choice(self._minority), self.rng.choice(self._minority)
        if self.rng.random() < 0.25:
            first = "".join(self.rng.choice(self._minority)[:2] for _ in range(2))
        r = self.rng.random()
        return first if r < 0.45 else first + "·" + second if r < 0.75 else (first + second)[:6]

    def english(self, form: str = "full") -> str:
        """`first`, `last` or `full`, one in four in pinyin, one in eight of syllables."""
        r = self.rng.random()
        if r < 0.25:
            last, first = self.rng.choice(self._pinyin[0]), self._pinyin_given()
            parts = [last, first] if self.rng.random() < 0.7 else [first, last]
        elif r < 0.37:
            first, last = self._syllables(), self._syllables()
            parts = [first, last]
        else:
            first, last = self.rng.choice(self._first), self.rng.choice(self._last)
            if self.rng.random() < 0.06:
                last += "-" + self.rng.choice(self._last)
            initial = self.rng.random()
            shown = first[0] + "." if initial < 0.08 else first
            middle = [self.rng.choice("ABCDEFGHJKLMPRST") + "."] if initial > 0.95 else []
            parts = [shown, *middle, last] if initial < 0.92 else [last + ",", first]
        return {"first": first, "last": last}.get(form) or " ".join(parts)

    def _pinyin_given(self) -> str:
        syllables = [self.rng.choice(self._pinyin[1]) for _ in range(1 if self.rng.random() < 0.4 else 2)]
        r = self.rng.random()
        if r < 0.75:
            return "".join(syllables).capitalize()
        return ("-" if r < 0.85 else " ").join(syllables)

    def _syllables(self) -> str:
        return "".join(self.rng.choice(_SYLLABLES.split()) for _ in range(self.rng.choice((2, 2, 3)))).capitalize()

    def instead_of(self, names: Iterable[str]) -> dict[str, str]:
        """A new name for each of a record's, so that 王, 小王 and 王建国 stay one person."""
        surnames: dict[str, str] = {}
        new: dict[str, str] = {}
        for name in sorted(set(names), key=lambda name: (-len(name), name)):
            new[name] = self._kin(name, new) or self._like(name, surnames)
        return new

    def _kin(self, name: str, new: dict[str, str]) -> str | None:
        """The part of a longer name's successor that this is of the longer name."""
        if name[0].isascii():
            for old, successor in new.items():
                parts, others = old.split(" "), successor.split(" ")
                if name in parts and len(parts) > 1 and len(others) > 1:
                    return others[0] if parts.index(name) == 0 else others[-1]
            return None
        for old, successor in new.items():
            if len(name) >= 2 and len(old) == len(name) + 1 and old.endswith(name) and len(successor) >= 3:
                return successor[-2:] if "·" not in successor else successor.split("·")[0]
            if "·" in old and name in old.split("·"):
                return successor.split("·")[0 if old.startswith(name) else -1]
        return None

    def _like(self, name: str, surnames: dict[str, str]) -> str:
        if not _HAN.search(name):
            parts = name.split(" ")
            made = self.english("full" if len(parts) > 1 else self.rng.choice(("first", "last")))
            if name.islower() or self.rng.random() < 0.1:
                return made.lower()
            return made.upper() if name.isupper() and len(name) > 2 else made
        if " " in name or "\u3000" in name:
            gap = re.search(r"\s+", name)
            return (gap[0] if gap else " ").join(self.full())
        if "·" in name or (len(name) > 3 and name[:2] not in self._compound):
            return self.minority()
        if re.search(r"[A-Za-z]", name):
            return name
        if len(name) == 1 or name in self._compound:
            return surnames.setdefault(name, self.surname())
        if name[0] in "小老阿" and len(name) == 2:
            tail = surnames.setdefault(name[1], self.surname() if self.rng.random() < 0.7 else self._character())
            return self.rng.choice("小老阿") + tail[-1:] if self.rng.random() < 0.3 else name[0] + tail[-1:]
        compound = next((c for c in self._compound if name.startswith(c) and len(name) > len(c)), None)
        if compound or (name[0] in self._sure and self.rng.random() < 0.85) or len(name) == 3:
            surname = surnames.setdefault(compound or name[0], self.surname())
            return self.minority() if self.rng.random() < 0.03 else surname + self.given()
        return self.pet() if self.rng.random() < 0.8 else self.full()
