"""Surrogates: realistic identifiers that stand for those of one conversation, and belong to nobody.

What stands for an identifier depends on the key, on how many came before, and of the identifier itself on its shape
alone (and that it is another): who has the key does not get it back. Dates and birthdays only move, so he gets these.
"""

import random
import re
from collections.abc import Callable, Iterable
from functools import partial

from doctorglm.clinical.deid.fold import folded, spoken
from doctorglm.clinical.deid.substitutes import contacts, numbers
from doctorglm.clinical.deid.substitutes.draws import Draws
from doctorglm.clinical.deid.substitutes.names import Names
from doctorglm.clinical.deid.substitutes.places import Places

_TRIES = 100
_SHAPES = {
    kind: re.compile(pattern)
    for kind, pattern in {
        "mobile": r"^[0-9]{11}$",
        "landline": r"[0-9]{5}",
        "id_card": r"^(?:[0-9]{15}|[0-9]{17}[0-9x])$",
        "bank_card": r"^[0-9]{8,}$",
        "qq": r"^[0-9]+$",
        "plate": r"[\u4e00-\u9fff].*[a-z]",
        "mrn": r"[0-9a-z一二三四五六七八九零]",
        "wechat": r"[0-9a-z\u4e00-\u9fff]",
        "email": r"[0-9a-z]",
        "url": r"[0-9a-z]",
    }.items()
}
"""What the value of an identifier must hold for its kind of surrogate to be made."""


class Surrogates:
    """What stands for the identifiers of one conversation, given as (type, text); not for its dates and ages."""

    def __init__(self, key: bytes, found: Iterable[tuple[str, str]], days: int) -> None:
        found = list(found)
        self._draws = Draws(key)
        self._originals = {(kind, value_of(kind, text)) for kind, text in found}
        self._new: dict[tuple[str, str], int] = {}
        self._taken: dict[tuple[str, str], str] = {}
        names = Names(self._draws, [text for kind, text in found if kind == "name"])
        places = Places(self._draws, [text for kind, text in found if kind in ("address", "hospital")])
        self._whole: dict[str, Callable[[str], str]] = {
            "name": names.of,
            "address": places.address,
            "hospital": places.hospital,
        }
        self._drawn: dict[str, Callable[[random.Random, str], str]] = {
            "mobile": numbers.mobile,
            "landline": numbers.landline,
            "id_card": partial(numbers.id_card, days=days),
            "bank_card": numbers.bank_card,
            "qq": numbers.qq,
            "plate": numbers.plate,
            "mrn": numbers.mrn,
            "wechat": contacts.wechat,
            "email": contacts.email,
            "url": contacts.url,
        }

    def of(self, kind: str, text: str) -> str:
        """The surrogate; the same for the same identifier in another spelling, and never one of the originals.

        `[type]` for what has not the shape of its type, as a tagger may find it.
        """
        if kind in self._whole:
            new = self._whole[kind](text)
            return new if value_of(kind, new) != value_of(kind, text) else f"[{kind}]"
        value = value_of(kind, text)
        if not _SHAPES[kind].search(value):
            return f"[{kind}]"
        ordinal = self._new.setdefault((kind, value), len(self._new))
        for attempt in range(_TRIES):
            new = self._drawn[kind](self._draws.random(kind, ordinal, attempt), text)
            other = (kind, value_of(kind, new))
            if other not in self._originals and self._taken.get(other, value) == value:
                self._taken[other] = value
                return new
        return f"[{kind}]"


def value_of(kind: str, text: str) -> str:
    """An identifier without the spelling: of a number its digits, of the rest what is neither space nor sign."""
    if kind == "mobile":
        return numbers.told(numbers.as_read(text))[-11:]
    plain = spoken(text) if kind in ("id_card", "bank_card", "qq", "landline") else folded(text)
    return re.sub(r"[\W_]", "", plain).casefold()
