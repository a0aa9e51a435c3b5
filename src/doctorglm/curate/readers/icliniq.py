"""ChatDoctor's iCliniq: `input` with one answer of a doctor and others of chat models; the doctor's is taken.

Source: https://github.com/Kent0n-Li/ChatDoctor. Its HealthCareMagic and GenMedGPT files have Alpaca's keys.
"""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import exchange, text

NAME = "icliniq"


def reads(record: Mapping[str, Any]) -> bool:
    """True for its fields."""
    return {"input", "answer_icliniq"} <= record.keys()


def messages(record: Mapping[str, Any]) -> list[Message]:
    """The patient's text and the doctor's."""
    return exchange(text(record, "input"), text(record, "answer_icliniq"))


def department(record: Mapping[str, Any]) -> str:
    """There is none."""
    return ""
