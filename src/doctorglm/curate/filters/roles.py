"""Rejects a conversation whose turns do not alternate, patient first, after same-role turns were merged."""

from doctorglm.conversation import Conversation


def rejects(conversation: Conversation) -> str | None:
    """`roles` unless it is an optional system message, then user and assistant in turn, ending with an answer."""
    roles = [m.role for m in conversation.messages]
    spoken = roles[1:] if roles[:1] == ["system"] else roles
    expected = ["user", "assistant"] * (len(spoken) // 2)
    return None if spoken and spoken == expected else "roles"
