"""Keyed chance: what stands for the n-th identifier of a kind depends on the key and on n, and not on what it was."""

import hashlib
import hmac
import random
from collections.abc import Iterable

VOWELS, CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxyz"
_NEW_CONSONANTS = "bcdfghjklmnprstyz"
"""Without q, v, w and x, which stand for QQ and WeChat before a number."""


class Draws:
    """Draws for one conversation; the same key gives the same ones, and nothing leads from them back to the key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def random(self, *what: object) -> random.Random:
        """A generator of its own for whatever is named."""
        name = "\0".join(map(str, what)).encode()
        return random.Random(hmac.digest(self._key, name, hashlib.sha256))

    def new(self, pool: Iterable[str], taken: Iterable[str], *what: object) -> str:
        """One of the pool that is not taken; where all are, one of them."""
        words, gone = list(pool), set(taken)
        free = [word for word in words if word not in gone]
        return self.random(*what).choice(free or words)


def digits(chance: random.Random, count: int) -> str:
    """So many digits."""
    return "".join(chance.choice("0123456789") for _ in range(count))


def letters_like(chance: random.Random, text: str) -> str:
    """Other letters and digits in the places of the old ones, vowels for vowels, the case kept; all else as it is."""
    made = []
    for sign in text:
        lower = sign.lower()
        if sign.isascii() and sign.isdigit():
            new = chance.choice("0123456789")
        elif lower in VOWELS or lower in CONSONANTS:
            new = chance.choice(VOWELS if lower in VOWELS else _NEW_CONSONANTS)
        else:
            new = sign
        made.append(new.upper() if sign.isupper() else new)
    return "".join(made)
