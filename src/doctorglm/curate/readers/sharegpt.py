"""ShareGPT: `conversations: [{from, value}, ...]`, with whatever names a corpus gives to the two who speak.

Also under `dialogue`, `dialog`, `turns` or `conversation`, with `role`/`speaker` and `content`/`text`; a `system` field
comes first. Source: https://github.com/lm-sys/FastChat/blob/main/docs/commands/data_cleaning.md
"""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import as_text, text
from doctorglm.files.speakers import role_of

NAME = "sharegpt"
_TURNS = ("conversations", "conversation", "dialogue", "dialog", "turns")
_WHO = ("from", "role", "speaker", "user", "sender")
_WHAT = ("value", "content", "text", "sentence", "utterance", "message")


def reads(record: Mapping[str, Any]) -> bool:
    """True for a record with a list of turns that say who speaks and what."""
    return bool(_turns(record))


def messages(record: Mapping[str, Any]) -> list[Message]:
    """The turns in order; raises ValueError("unknown_role") or ValueError("not_text")."""
    system = text(record, "system").strip()
    said = [_message(turn) for turn in _turns(record)]
    return [Message("system", system), *said] if system and said[0].role != "system" else said


def department(record: Mapping[str, Any]) -> str:
    """The field of that name."""
    return text(record, "department").strip()


def _turns(record: Mapping[str, Any]) -> list[Any]:
    found = next((turns for key in _TURNS if isinstance(turns := record.get(key), list) and turns), [])
    first = found[0] if found else None
    named = isinstance(first, dict) and any(k in first for k in _WHO) and any(k in first for k in _WHAT)
    return found if named else []


def _message(turn: Any) -> Message:
    if not isinstance(turn, dict):
        raise ValueError("not_text")
    who = next((turn[key] for key in _WHO if key in turn), None)
    role = role_of(who) if isinstance(who, str) else None
    if role is None:
        raise ValueError("unknown_role")
    return Message(role, as_text(next((turn[key] for key in _WHAT if key in turn), None), "not_text"))
