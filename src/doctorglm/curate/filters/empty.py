"""Rejects a conversation in which a question or an answer says nothing."""

from doctorglm.conversation import Conversation


def rejects(conversation: Conversation) -> str | None:
    """`no_question` or `no_answer` when one is missing, blank, or punctuation alone."""
    spoken = {role: [m.content for m in conversation.messages if m.role == role] for role in ("user", "assistant")}
    for role, reason in (("user", "no_question"), ("assistant", "no_answer")):
        if not spoken[role] or not all(any(c.isalnum() for c in content) for content in spoken[role]):
            return reason
    return None
