"""Rejects a conversation whose turns do not alternate, patient first, after same-role turns were merged.

No threshold: chat templates know no other order, and training on answers alone needs a question before each.
"""

from doctorglm.conversation import Conversation
from doctorglm.curate.filters.rejection import Rejection, head


def rejects(conversation: Conversation) -> Rejection | None:
    """`roles` unless it is an optional system message, then user and assistant in turn, ending with an answer."""
    roles = [m.role for m in conversation.messages]
    spoken = roles[1:] if roles[:1] == ["system"] else roles
    expected = ["user", "assistant"] * (len(spoken) // 2)
    return None if spoken and spoken == expected else Rejection("roles", head(", ".join(roles)))
