"""Rejects a conversation in which a question or an answer says nothing.

No threshold: a text without a letter, a character or a digit says nothing.
"""

from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, head


def rejects(conversation: Conversation) -> Rejection | None:
    """`no_question` or `no_answer` when one is missing, blank, or punctuation alone."""
    spoken = {role: [m.content for m in conversation.messages if m.role == role] for role in ("user", "assistant")}
    for role, reason in (("user", "no_question"), ("assistant", "no_answer")):
        blank = next((content for content in spoken[role] or [""] if not any(c.isalnum() for c in content)), None)
        if blank is not None:
            return Rejection(reason, head(blank))
    return None
