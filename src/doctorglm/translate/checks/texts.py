"""Texts as the checks compare them, each worked out once: small letters, plain Chinese; every check asks for them."""

from functools import lru_cache

from doctorglm.clinical import folding
from doctorglm.translate import renderings

KEPT = 64
"""Texts and sentences that are kept as they were read; those of one text and of the next."""


@lru_cache(KEPT)
def folded(text: str) -> str:
    """The text in small letters, with the same places (`doctorglm.clinical.folding`)."""
    return folding.folded(text)


@lru_cache(KEPT)
def plain(text: str) -> str:
    """The Chinese folded, without spaces beside Chinese characters (`doctorglm.translate.renderings`)."""
    return renderings.plain(text)
