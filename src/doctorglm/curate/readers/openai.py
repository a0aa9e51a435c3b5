"""Our own shape, which is OpenAI's: `messages: [{role, content}, ...]` with optional provenance fields.

A role may also have one of the names that corpora give it (医生, patient).
"""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import text
from doctorglm.files.speakers import role_of

NAME = "dialogue"


def reads(record: Mapping[str, Any]) -> bool:
    """True for a record with a list of messages."""
    return isinstance(record.get("messages"), list)


def messages(record: Mapping[str, Any]) -> list[Message]:
    """The messages in order; raises ValueError("unknown_role") or ValueError("not_text")."""
    return [_message(value) for value in record["messages"]]


def department(record: Mapping[str, Any]) -> str:
    """The field of that name."""
    return text(record, "department").strip()


def _message(value: Any) -> Message:
    role = role_of(value["role"]) if isinstance(value, dict) and isinstance(value.get("role"), str) else None
    if role is None:
        raise ValueError("unknown_role")
    content = value.get("content")
    return Message(role, _joined(content) if isinstance(content, list) else text(value, "content"))


def _joined(parts: list[Any]) -> str:
    """The parts of a message that are all text, line by line."""
    if not all(isinstance(part, dict) and part.get("type") == "text" for part in parts):
        raise ValueError("not_text")
    return "\n".join(text(part, "text") for part in parts)
