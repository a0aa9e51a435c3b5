"""Addresses and hospitals for addresses and hospitals, from invented stems; the units stay: a road a road, a bed a bed.

One conversation gives every stem and every number of a house another, the same wherever it stands.
"""

import re

from doctorglm.clinical.deid.addresses import STREET as _STREET
from doctorglm.clinical.deid.fold import folded, spoken
from doctorglm.clinical.deid.hospitals import KIND as _KIND
from doctorglm.clinical.deid.substitutes.draws import Draws, digits, letters_like
from doctorglm.clinical.deid.substitutes.numbers import written
from doctorglm.clinical.deid.words import any_of, words

_UNIT = rf"(?:{any_of('units_of_places')}|[州盟](?!市))"
_COUNTED = "号|栋|幢|组|队|单元|楼|层|室|弄|座|社|户|期|排"
_NUMBER = rf"[0-9A-Za-z]+(?:[\-~至][0-9A-Za-z]+)*|[一二三四五六七八九十百]+(?=(?:{_COUNTED}))"
_PIECE = re.compile(
    rf"(?P<number>{_NUMBER})(?P<counted>{_UNIT})?|(?P<stem>[\u4e00-\u9fff]{{1,9}}?)(?P<unit>{_UNIT})|(?P<bare>{_UNIT})"
)
_KEPT_WORDS = re.compile(
    rf"(?:{_STREET}|Flat|Apt|Apartment|Unit|Room|Rm|Suite|Block|Tower|Building|No|Ward|Bay|Bed|ICU|CCU|HDU|Hospital|Clinic|"
    r"Infirmary|Medical|Health|Center|Centre|Group|Practice|Surgery|Hospice|Nursing|Home|Care|Sanatorium|Polyclinic|"
    r"Maternity|General|Children|St|University|of|and|the|at|bed|ward|bay)\.?",
    re.IGNORECASE,
)
_HAN = re.compile("[\u4e00-\u9fff]")


class Places:
    """The places of one conversation and what stands for each."""

    def __init__(self, draws: Draws, texts: list[str]) -> None:
        self._draws = draws
        self._all = "\n".join(texts)
        self._new: dict[tuple[str, str], str] = {}

    def address(self, text: str) -> str:
        """The same units with other stems and other numbers; what is neither goes."""
        plain = folded(text)
        if not _HAN.search(plain):
            return self._english(plain)
        made = ""
        for piece in _PIECE.finditer(plain):
            if piece["number"]:
                made += self._number(piece["number"]) + (piece["counted"] or "")
            else:
                made += (self._stem(piece["stem"]) if piece["stem"] else "") + (piece["unit"] or piece["bare"])
        return made if len(made) >= 5 and re.search(r"[0-9一-十]", made) else f"{self._stem(plain)}路18号"

    def hospital(self, text: str) -> str:
        """A ward and bed with other numbers, or an invented name with the kind of house."""
        plain = folded(text)
        if not _HAN.search(plain):
            return self._english(plain)
        if not re.search(r"床|病区|病房", plain):
            return self._house(plain)
        house = re.match(rf".*(?:{_KIND}|院)", plain)
        return (self._house(house[0]) if house else "") + self._ward(plain[house.end() if house else 0 :])

    def _house(self, text: str) -> str:
        kind = re.search(rf"{_KIND}(?=(?:[\u4e00-\u9fff]{{1,4}}(?:分院|院区|院))?$)", text)
        return self._stem(text) + (kind[0] if kind else "医院")

    def _ward(self, text: str) -> str:
        number = re.compile(r"[0-9]+|[一二三四五六七八九十](?=病|楼|区|号|床|室|组|科)")
        return number.sub(lambda match: self._number(match[0]), text)

    def _stem(self, stem: str) -> str:
        pool = [word for word in words("invented_places") if word not in self._all]
        return self._other("stem", stem, pool)

    def _number(self, number: str) -> str:
        """Other digits and letters; of several with hyphens each its own."""
        if len(parts := re.split(r"([\-~至])", number)) > 1:
            return "".join(part if part in "-~至" else self._number(part) for part in parts)
        if ("number", number) not in self._new:
            taken = {new for (kind, _), new in self._new.items() if kind == "number"}
            tries = (self._drawn(number, i) for i in range(100))
            self._new["number", number] = next(new for new in tries if new != number and new not in taken)
        return self._new["number", number]

    def _drawn(self, number: str, attempt: int) -> str:
        chance = self._draws.random("place", "number", len(self._new), attempt)
        if _HAN.search(number):
            return (
                chance.choice("一二三四五六七八九") if len(number) == 1 else f"十{chance.choice('一二三四五六七八九')}"
            )
        if not number.isdecimal():
            return letters_like(chance, number)
        return written(number, str(chance.randrange(1, 10)) + digits(chance, len(spoken(number)) - 1))

    def _english(self, text: str) -> str:
        def other(match: re.Match[str]) -> str:
            word = match[0]
            if _KEPT_WORDS.fullmatch(word) and not word[0].isdigit():
                return word
            if any(sign.isdigit() for sign in word):
                return self._number(word)
            pool = [new for new in words("invented_english_places") if new not in self._all]
            return word if len(word) == 1 else self._other("word", word, pool)

        return re.sub(r"[A-Za-z0-9][A-Za-z0-9'’]*", other, text)

    def _other(self, role: str, old: str, pool: list[str]) -> str:
        if (role, old) not in self._new:
            taken = {new for (kind, _), new in self._new.items() if kind == role}
            self._new[role, old] = self._draws.new(pool, taken, "place", role, len(self._new))
        return self._new[role, old]
