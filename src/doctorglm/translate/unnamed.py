"""Conversations without what identifies somebody: nothing else is sent, kept or written, by whomever it was read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from doctorglm.clinical.deid import find, masked
from doctorglm.clinical.masking import masked_together
from doctorglm.conversation import Conversation, is_own_id
from doctorglm.files.told import label

_LABELS = ("source", "licence", "language", "department")


def unnamed(one: Conversation) -> Conversation:
    """The conversation with `[type]` for what identifies somebody; an id that does is a hash of itself."""
    texts = masked_together([message.content for message in one.messages])
    messages = tuple(replace(m, content=text) for m, text in zip(one.messages, texts, strict=True))
    return replace(
        one,
        id=one.id if _is_harmless(one.id) else sha256(one.id.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        messages=messages,
        meta=_unnamed(one.meta),
        **{name: label(getattr(one, name)) for name in _LABELS},
    )


def _is_harmless(identifier: str) -> bool:
    """Whether it is curation's, whose digits are no card's or phone's, or holds nothing that identifies somebody."""
    return is_own_id(identifier) or label(identifier) == identifier


def _unnamed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {label(str(key)): _unnamed(held) for key, held in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_unnamed(held) for held in value]
    if value is None or isinstance(value, bool):
        return value
    text = str(value)
    if is_own_id(text):
        return value
    told = masked(text, find(text))
    return value if told == text else told
