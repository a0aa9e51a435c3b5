"""Addresses of the net for addresses of the net: under example.com and its like, which nobody can own (RFC 2606)."""

import random
import re

from doctorglm.clinical.deid.contacts import _AT, _DOT
from doctorglm.clinical.deid.fold import folded
from doctorglm.clinical.deid.substitutes.draws import letters_like
from doctorglm.clinical.deid.words import words

_ENDINGS = ("com", "org", "net")


def email(chance: random.Random, text: str) -> str:
    """Another name at example.com; (at), 艾特 and 点 stay as they were written."""
    plain = folded(text)
    at = re.search(_AT, plain, re.IGNORECASE)
    if at is None:
        return f"{letters_like(chance, 'patient')}@example.com"
    dot = re.search(_DOT, plain[at.end() :], re.IGNORECASE)
    point = text[at.end() :][slice(*dot.span())] if dot else "."
    return (
        letters_like(chance, plain[: at.start()])
        + text[slice(*at.span())]
        + "example"
        + point
        + chance.choice(_ENDINGS)
    )


def url(chance: random.Random, text: str) -> str:
    """The scheme and www. stay, the host is example.com or its like, the rest has the same shape."""
    scheme, host, rest = re.fullmatch(r"((?:[a-z]+://)?(?:www\.)?)([^/?#]*)(.*)", folded(text), re.I | re.S).groups()  # type: ignore[union-attr]
    port = re.search(r":[0-9]+$", host)
    return f"{scheme}example.{chance.choice(_ENDINGS)}{port[0] if port else ''}{letters_like(chance, rest)}"


def wechat(chance: random.Random, text: str) -> str:
    """A name of the same shape; wxid_ stays, Chinese characters become others."""
    plain = folded(text)
    head = "wxid_" if plain.lower().startswith("wxid_") else ""
    new = letters_like(chance, plain[len(head) :])
    return plain[: len(head)] + re.sub("[\u4e00-\u9fff]", lambda sign: _other(chance, sign[0]), new)


def _other(chance: random.Random, sign: str) -> str:
    return chance.choice([word for word in words("invented_given") if word != sign])
