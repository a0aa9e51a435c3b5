"""Values of a record, taken only with the type they must have."""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message


def text(record: Mapping[str, Any], key: str) -> str:
    """The string at `key`; "" for null or nothing; raises ValueError("not_text") for another type."""
    value = record.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError("not_text")
    return value


def exchange(question: str, answer: str) -> list[Message]:
    """One turn of the patient and one of the doctor."""
    return [Message("user", question), Message("assistant", answer)]


def history(record: Mapping[str, Any]) -> list[Message]:
    """The earlier turns in `history: [[question, answer], ...]`; raises ValueError("bad_history")."""
    turns = record.get("history") or []
    if not isinstance(turns, list):
        raise ValueError("bad_history")
    messages: list[Message] = []
    for turn in turns:
        if not isinstance(turn, list) or len(turn) != 2 or not all(isinstance(part, str) for part in turn):
            raise ValueError("bad_history")
        messages += exchange(*turn)
    return messages
