"""Rejects what was seen before: question and answer equal but for spaces, widths, letter case and punctuation."""

import hashlib

from doctorglm.conversation import Conversation
from doctorglm.curate.normal import normalised


class Duplicates:
    """Remembers a 128-bit hash of every conversation that it let pass."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def rejects(self, conversation: Conversation) -> str | None:
        """`duplicate` from the second time on."""
        text = "\0".join(normalised(m.content) for m in conversation.messages if m.role != "system")
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
        if digest in self._seen:
            return "duplicate"
        self._seen.add(digest)
        return None
