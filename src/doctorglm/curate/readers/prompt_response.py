"""The tables of ChatGLM-6B's own training scripts: `prompt, response, history`, and ADGEN's `content, summary`.

Source: https://github.com/THUDM/ChatGLM-6B/tree/main/ptuning
"""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import exchange, history, text

NAME = "prompt-response"


def reads(record: Mapping[str, Any]) -> bool:
    """True for either pair of names."""
    return {"prompt", "response"} <= record.keys() or {"content", "summary"} <= record.keys()


def messages(record: Mapping[str, Any]) -> list[Message]:
    """The history, then the last question and answer."""
    asked, answered = ("prompt", "response") if "prompt" in record else ("content", "summary")
    return [*history(record), *exchange(text(record, asked), text(record, answered))]


def department(record: Mapping[str, Any]) -> str:
    """The field of that name."""
    return text(record, "department").strip()
