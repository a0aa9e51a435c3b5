"""Huatuo-26M: `questions` and `answers`, each a text, a list of texts, or a list of lists of paraphrases.

Source: https://github.com/FreedomIntelligence/Huatuo-26M. The first question and the first answer are taken; the others
say the same in other words.
"""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import exchange, first_text, one_of

NAME = "huatuo-26m"


def reads(record: Mapping[str, Any]) -> bool:
    """True for its two fields."""
    return {"questions", "answers"} <= record.keys()


def messages(record: Mapping[str, Any]) -> list[Message]:
    """One question and one answer; raises ValueError("not_text")."""
    return exchange(one_of(record["questions"]), one_of(record["answers"]))


def department(record: Mapping[str, Any]) -> str:
    """The label of Huatuo26M-Lite, or the field of that name."""
    return first_text(record, "label", "department").strip()
