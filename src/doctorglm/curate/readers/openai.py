"""Our own shape, which is OpenAI's: `messages: [{role, content}, ...]` with optional provenance fields."""

from collections.abc import Mapping
from typing import Any, cast, get_args

from doctorglm.conversation import Message, Role
from doctorglm.curate.readers.fields import text

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
    if not isinstance(value, dict) or value.get("role") not in get_args(Role):
        raise ValueError("unknown_role")
    return Message(cast(Role, value["role"]), text(value, "content"))
