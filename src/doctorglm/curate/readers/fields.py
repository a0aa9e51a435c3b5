"""Values of a record, taken only with the type they may have."""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.files.speakers import role_of


def text(record: Mapping[str, Any], key: str) -> str:
    """The text at `key`; "" for null or nothing; raises ValueError("not_text") for what is no text and no number."""
    return as_text(record.get(key), "not_text")


def as_text(value: Any, reason: str) -> str:
    """A string as it is, a number as it is written, "" for null; else raises ValueError with the reason."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if value != value:
        return ""  # NaN, which data frames write where nothing is
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError(reason)


def first_text(record: Mapping[str, Any], *keys: str) -> str:
    """The first of these fields that says something."""
    return next((said for key in keys if (said := text(record, key)).strip()), "")


def one_of(value: Any) -> str:
    """A text, or the first text of a list, however deep: corpora list paraphrases of a question, the plainest first."""
    while isinstance(value, list):
        if not value:
            return ""
        value = value[0]
    return as_text(value, "not_text")


def exchange(question: str, answer: str) -> list[Message]:
    """One turn of the patient and one of the doctor."""
    return [Message("user", question), Message("assistant", answer)]


def history(record: Mapping[str, Any]) -> list[Message]:
    """The earlier turns in `history`, pairs of question and answer or messages; raises ValueError("bad_history")."""
    turns = record.get("history") or []
    if not isinstance(turns, list):
        raise ValueError("bad_history")
    messages: list[Message] = []
    for turn in turns:
        if isinstance(turn, dict) and (role := role_of(str(turn.get("role")))):
            messages.append(Message(role, as_text(turn.get("content"), "bad_history")))
            continue
        if not isinstance(turn, list) or len(turn) != 2:
            raise ValueError("bad_history")
        messages += exchange(*(as_text(part, "bad_history") for part in turn))
    return messages
