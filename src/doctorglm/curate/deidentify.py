"""Conversations without what identifies anybody, before anything of them is written: what is kept, and evidence too."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from doctorglm.clinical.deid import Span, find, find_in, masked
from doctorglm.clinical.deid.replace import conversation_key, replaced
from doctorglm.clinical.deid.spans import resolved
from doctorglm.conversation import Conversation, Message, is_own_id
from doctorglm.curate.settings import CurateSettings
from doctorglm.files.found import SourceFile
from doctorglm.files.told import label

_LONG_CHARS, _ABOUT_CHARS = 5000, 500
_LABELS = ("source", "licence", "department", "language")
_EDGE_CHARS = 2
"""Evidence is cut to a length: so much of an identifier at its edge is taken for the identifier."""


def secret_of(files: Sequence[SourceFile], seed: int) -> bytes:
    """The secret of a run's surrogates and dates: of the sources' content, so that whoever has them gets the same.

    Not to be had from `run.json`, which holds hashes of another kind.
    """
    digest = hashlib.blake2b(key=f"surrogates {seed}".encode(), digest_size=32)
    for file in files:
        with file.path.open("rb") as data:
            digest.update(hashlib.file_digest(data, "blake2b").digest())
    return digest.digest()


class Deidentifier:
    """Does what the settings say; can be sent to another process."""

    def __init__(self, settings: CurateSettings, secret: bytes) -> None:
        self._settings, self._secret = settings, secret

    def labelled(self, conversation: Conversation) -> Conversation:
        """The conversation with what reports count it under masked, whatever the settings."""
        named = {field: label(getattr(conversation, field)) for field in _LABELS}
        changed: dict[str, Any] = {field: name for field, name in named.items() if name != getattr(conversation, field)}
        return replace(conversation, **changed) if changed else conversation

    def conversation(self, conversation: Conversation, spans: Counter[str]) -> Conversation:
        """The conversation with every identifier replaced; `spans` counts them by type, and conversations with any."""
        mode = self._settings.deidentify
        if mode == "none":
            return conversation
        texts = [message.content for message in conversation.messages]
        found = find_in(texts, self._settings.names)
        named = replace(conversation, meta=self._noted(conversation.meta))
        if not any(found):
            return named
        spans.update(span.type for ours in found for span in ours)
        spans["conversations"] += 1
        key = conversation_key(self._secret, conversation.id)
        new = replaced(texts, found, mode, key, dates=self._settings.dates)
        messages = [Message(m.role, text) for m, text in zip(conversation.messages, new, strict=True)]
        return replace(named, messages=tuple(messages))

    def _noted(self, value: Any, under: str = "") -> Any:
        """What a source notes beside a conversation, without identifiers; values are read with their keys."""
        if isinstance(value, Mapping):
            noted: dict[str, Any] = {}
            for key, part in value.items():
                name = label(str(key))
                noted[f"{name} {len(noted)}" if name in noted else name] = self._noted(part, str(key))
            return noted
        if isinstance(value, list):
            return [self._noted(part, under) for part in value]
        if value is None or isinstance(value, bool):
            return value
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        if is_own_id(text):
            return value
        names, before = self._settings.names, f"{under}：" if under else ""
        told = [Span(s.start - len(before), s.end - len(before), s.type) for s in find(before + text, names)]
        spans = resolved([*(span for span in told if span.start >= 0), *find(text, names)])
        return masked(text, spans) if spans else value

    def evidence(self, conversation: Conversation, evidence: str) -> str:
        """A stretch of the conversation, whatever the settings, with `[type]` where an identifier stands or is cut."""
        if not evidence:
            return ""
        texts = [_near(message.content, evidence) for message in conversation.messages]
        told = {
            (" ".join(text[span.start : span.end].split()), span.type)
            for text, spans in zip(texts, find_in(texts, self._settings.names), strict=True)
            for span in spans
        }
        for value, kind in sorted(told, key=lambda one: (-len(one[0]), one)):
            evidence = _masked_at_edges(evidence.replace(value, f"[{kind}]"), value, kind)
        return masked(evidence, _outside_marks(evidence, find(evidence, self._settings.names)))


def _near(text: str, evidence: str) -> str:
    """Of a text that is no consultation's for its length, what stands about the evidence."""
    if len(text) <= _LONG_CHARS:
        return text
    at = max(0, text.find(max(evidence.split(), key=len, default="")))
    return text[max(0, at - _ABOUT_CHARS) : at + _ABOUT_CHARS]


def _masked_at_edges(evidence: str, value: str, kind: str) -> str:
    for length in range(len(value) - 1, _EDGE_CHARS - 1, -1):
        if evidence.startswith(value[-length:]):
            evidence = f"[{kind}]{evidence[length:]}"
        if evidence.endswith(value[:length]):
            evidence = f"{evidence[:-length]}[{kind}]"
    return evidence


def _outside_marks(evidence: str, spans: Sequence[Span]) -> list[Span]:
    """The spans that are not within a `[type]` of before."""
    return [s for s in spans if evidence.count("[", 0, s.start) == evidence.count("]", 0, s.start)]
