"""Rejects what was seen before: question and answer equal but for spaces, widths, letter case and punctuation.

No threshold: equal is equal after curate/normal.py, which keeps numbers, signs, units and negations. What is only alike
is for curate/repeats.py.
"""

import hashlib

from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, head
from doctorglm.curate.normal import normalised


class Duplicates:
    """Remembers a 128-bit hash of every conversation that it let pass."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def rejects(self, conversation: Conversation) -> Rejection | None:
        """`duplicate` from the second time on."""
        text = "\0".join(normalised(m.content) for m in conversation.messages if m.role != "system")
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
        if digest in self._seen:
            return Rejection("duplicate", head(conversation.questions))
        self._seen.add(digest)
        return None
