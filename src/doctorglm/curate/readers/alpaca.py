"""Alpaca: `instruction, input, output`, with an optional `history` of earlier turns."""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import exchange, history, text

NAME = "alpaca"


def reads(record: Mapping[str, Any]) -> bool:
    """True for a record with `instruction` and `output`."""
    return {"instruction", "output"} <= record.keys()


def messages(record: Mapping[str, Any]) -> list[Message]:
    """A system message if there is one, the history, then instruction with input, and output."""
    asked, more, system = text(record, "instruction"), text(record, "input").strip(), text(record, "system").strip()
    opening = [Message("system", system)] if system else []
    question = f"{asked.strip()}\n{more}" if more and asked.strip() else more or asked
    return [*opening, *history(record), *exchange(question, text(record, "output"))]


def department(record: Mapping[str, Any]) -> str:
    """The field of that name, which some corpora add."""
    return text(record, "department").strip()
