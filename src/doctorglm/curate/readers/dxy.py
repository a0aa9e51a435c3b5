"""DXY: `self_repo` and `dialog`, whose lines are by patient and doctor in turn, the patient first.

Source: https://github.com/HCPLab-SYSU/Medical_DS. The symptom slots are annotations, and stay out of the conversation.
"""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import as_text

NAME = "dxy"


def reads(record: Mapping[str, Any]) -> bool:
    """True for its two fields."""
    return "self_repo" in record and isinstance(record.get("dialog"), list)


def messages(record: Mapping[str, Any]) -> list[Message]:
    """The dialogue's lines in turn; raises ValueError("not_text")."""
    lines = [as_text(line, "not_text") for line in record["dialog"]]
    return [Message("assistant" if i % 2 else "user", line) for i, line in enumerate(lines)]


def department(record: Mapping[str, Any]) -> str:
    """There is none."""
    return ""
