"""Identifiers made up, of the forms that the guide marks; nobody's, and numbers that need not pass their checks."""

import random
import re
from collections.abc import Callable, Sequence

from people import by_type

NUMERALS, CIRCLED = "零一二三四五六七八九", "⓪①②③④⑤⑥⑦⑧⑨"
PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_SPOKEN = "洞幺两三四五六拐八九"
_FORMAL = "零壹贰叁肆伍陆柒捌玖"
_LISTS = {
    "dept": "departments",
    "hospital": "hospitals",
    "short": "short_hospitals",
    "road": "roads",
    "estate": "estates",
    "village": "villages",
    "beside": "beside",
    "landmark": "landmarks",
    "syllable": "syllables",
    "street": "english_streets",
    "clinic": "english_clinics",
    "host": "hosts",
    "tld": "top_level",
    "moon": "moon_months",
    "moonday": "moon_days",
    "Month": "english_months",
    "area_of_ward": "areas_of_wards",
}


def in_words(number: int) -> str:
    """A number below 100 in Chinese."""
    tens, ones = divmod(number, 10)
    head = "" if not tens else "十" if tens == 1 else NUMERALS[tens] + "十"
    return head + (NUMERALS[ones] if ones or not tens else "")


class Made:
    """Makes identifiers of each type; `words` are of the dictionary by kind, `given` makes a first name."""

    def __init__(self, rng: random.Random, words: dict[str, list[str]], given: Callable[[], str]) -> None:
        self.rng, self._words, self._given = rng, words, given
        self._lists = {slot: by_type("parts_of_identifiers")[name] for slot, name in _LISTS.items()}
        self._forms, self._never = by_type("forms"), by_type("never")["never"]

    def made(self, kind: str) -> str:
        """One of a type."""
        maker: Callable[[], str] | None = getattr(self, f"_{kind}", None)
        if maker:
            return maker()
        value = self.filled(self.pick(self._forms[kind]))
        return self._spaced(value) if kind == "mrn" and value.isdigit() and self.rng.random() < 0.12 else value

    def never(self) -> str:
        """A clause with a number or a word that identifies nobody."""
        return self.filled(self.pick(self._never))

    def pick(self, of: Sequence[str]) -> str:
        """One of them."""
        return self.rng.choice(of)

    def digits(self, n: int) -> str:
        """So many digits."""
        return "".join(self.rng.choice("0123456789") for _ in range(n))

    def filled(self, form: str) -> str:
        """A form with its slots filled, such as {d4} with four digits."""
        return re.sub(r"\{([a-zA-Z_]+)(\d*)\}", lambda match: self._slot(match[1], int(match[2] or 1)), form)

    def _slot(self, slot: str, n: int) -> str:
        draw = self.rng.randint
        if slot in self._lists:
            return self.pick(self._lists[slot])
        if slot in ("p", "n", "x") and n != 90:
            return self.pick(self._words[{"p": "ns", "n": "n", "x": "nt"}[slot]])
        if slot == "n" and n == 90:
            return self._in_ha()
        if slot == "d":
            return self.digits(n)
        if slot in ("L", "C"):
            return "".join(self.pick(LETTERS) for _ in range(n))
        simple = {
            "y": (2008, 2025),
            "yr": (1920, 2025) if self.rng.random() < 0.5 else (2015, 2026),
            "m": (1, 12),
            "day": (1, 28),
            "s": (1, 9),
            "b": (1, 60),
            "no": (1, 1999),
            "a": (90, 108),
        }
        if slot in simple:
            return str(draw(*simple[slot]))
        made: str = getattr(self, f"_in_{slot}")()
        return made

    def _in_e(self) -> str:
        age = self.rng.randint(1, 89)
        return str(age) if self.rng.random() < 0.5 else in_words(age)

    def _in_yy(self) -> str:
        return f"{self.rng.randint(0, 26):02}"

    def _in_mm(self) -> str:
        return f"{self.rng.randint(1, 12):02}"

    def _in_dd(self) -> str:
        return f"{self.rng.randint(1, 28):02}"

    def _in_hm(self) -> str:
        return in_words(self.rng.randint(1, 12))

    def _in_hday(self) -> str:
        day = in_words(self.rng.randint(1, 31))
        return self.pick((day, day.replace("二十", "廿")))

    def _in_hyr(self) -> str:
        year = "".join(NUMERALS[int(digit)] for digit in str(self.rng.randint(1920, 2025)))
        return year.replace("零", self.pick("零〇"))

    def _in_hs(self) -> str:
        return self.pick(NUMERALS[1:])

    def _in_hb(self) -> str:
        return in_words(self.rng.randint(1, 40))

    def _in_ha(self) -> str:
        return self.pick((in_words(self.rng.randint(90, 99)), "一百", "一百零" + self.pick("一二三五")))

    def _in_Mon(self) -> str:  # noqa: N802 the slot is {Mon}
        return self.pick(self._lists["Month"])[:3]

    def _in_h(self) -> str:
        return "".join(self.pick(self._lists["syllable"]) for _ in range(self.rng.randint(1, 3)))

    def _in_H(self) -> str:  # noqa: N802 the slot is {H}
        return self._in_h().capitalize()

    def _in_local(self) -> str:
        local = self.pick("23456789") + self.digits(self.rng.choice((6, 7, 7)))
        return local[:4] + self.pick((" ", "-")) + local[4:] if self.rng.random() < 0.3 else local

    def _in_area(self) -> str:
        return "0" + self.digits(self.rng.choice((2, 3, 3)))

    def _in_given(self) -> str:
        return self._given()

    def _in_c(self) -> str:
        return self.pick(self._words["ns"])[0]

    def _in_place(self) -> str:
        r = self.rng.random()
        if r < 0.45:
            return self.pick(self._words["ns"])[:3]
        return self.pick(self._words["n"])[:2] if r < 0.75 else self._given()[:2] or "安"

    def _in_region(self) -> str:
        if self.rng.random() < 0.55:
            return ""
        province = self._in_place() + "省" if self.rng.random() < 0.5 else ""
        smaller = self._in_place() + self.pick(("区", "县", "镇", "街道", "乡")) if self.rng.random() < 0.5 else ""
        return province + self._in_place() + self.pick(("市", "县", "区", "")) + smaller

    def _in_unit(self) -> str:
        return self.pick(("市", "县", "省", "区", "镇", "乡", "大学"))

    def _in_ward(self) -> str:
        ward = self.pick(self._lists["dept"])
        if self.rng.random() < 0.6:
            ward += self.pick(self._lists["area_of_ward"])
        return ward + self.pick(("", "", "", " ", "，"))

    def _in_bed(self) -> str:
        return self.filled(self.pick(self._forms["bed"]))

    def _spaced(self, digits: str) -> str:
        """A number as people write it: at once, in groups, in words."""
        r = self.rng.random()
        if r < 0.55:
            return digits
        if r < 0.66:
            into = self.pick((NUMERALS, _SPOKEN, _SPOKEN, CIRCLED, CIRCLED, _FORMAL))
            return digits.translate(str.maketrans("0123456789", into))
        if r < 0.72:
            return self.pick((" ", "-", ".", ",", " - ")).join(digits)
        if r < 0.75:
            return "".join(
                {"0": self.pick("Oo"), "1": self.pick("lI")}.get(c, c) if self.rng.random() < 0.5 else c for c in digits
            )
        groups = []
        while digits:
            size = self.rng.choice((2, 3, 4, 4))
            groups.append(digits[:size])
            digits = digits[size:]
        return self.pick(("-", " ", " ", ".", "—", ",")).join(groups)

    def _mobile(self) -> str:
        number = self._spaced(self.pick(("14", "15", "16", "16", "17", "18", "13", "19")) + self.digits(9))
        return self.pick(("+86 ", "86", "+86-", "(+86)", "0086")) + number if self.rng.random() < 0.1 else number

    def _id_card(self) -> str:
        r = self.rng.random()
        region, year = self.pick("1234568") + self.digits(5), str(self.rng.randint(1920, 2023))
        day = self._in_mm() + self._in_dd()
        if r < 0.11:
            abroad = "{C}{d6}({d1})", "{C}{d7}", "{C}{d9}"
            return self.filled(self.pick(abroad))
        if r < 0.15:
            return region + year + day + self.digits(self.rng.choice((2, 3, 5)))
        digits = region + year + day + self.digits(3) + self.pick("0123456789Xx")
        if r < 0.30:
            digits = region + year[2:] + day + self.digits(3)
        if self.rng.random() < 0.2:
            return self.pick((" ", "-", "\n", " ")).join((digits[:6], digits[6:-4], digits[-4:]))
        return self._spaced(digits) if self.rng.random() < 0.4 else digits

    def _bank_card(self) -> str:
        number = self.pick(("62", "62", "62", "4", "5", "60", "95")) + self.digits(
            self.rng.choice((14, 15, 17, 17, 11))
        )
        if self.rng.random() < 0.45:
            return self.pick((" ", " ", "-")).join(number[i : i + 4] for i in range(0, len(number), 4))
        return self._spaced(number) if self.rng.random() < 0.3 else number

    def _qq(self) -> str:
        return self._spaced(self.pick("123456789") + self.digits(self.rng.choice((5, 6, 7, 8, 8, 9, 9, 9, 10))))

    def _plate(self) -> str:
        if self.rng.random() < 0.05:
            return self.pick(("XQ ", "SB ", "LK ", "ZX ", "SGX", "YK19 ")) + self.digits(4)
        tail = "".join(self.pick("0123456789" * 3 + LETTERS) for _ in range(self.rng.choice((5, 5, 5, 6))))
        r = self.rng.random()
        tail = tail[:-1] + self.pick("警学挂港澳领") if r < 0.12 else tail.lower() if r > 0.95 else tail
        return self.pick(PROVINCES) + self.pick(LETTERS) + self.pick(("", "", "·", " ", "-", ".", "—")) + tail
