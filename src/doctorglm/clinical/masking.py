"""Texts as they may be written: with `[type]` for what identifies somebody."""

from collections.abc import Sequence

from doctorglm.clinical.deid import find_in, masked


def masked_together(texts: Sequence[str]) -> list[str]:
    """The texts of one conversation, masked; a name that is told in one is masked in all."""
    return [masked(text, spans) for text, spans in zip(texts, find_in(texts), strict=True)]
