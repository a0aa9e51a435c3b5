"""Turns inside one text: HuaTuo's ` <user>: ... <bot>: ... <user>: ...` in `instruction`, the last answer in `output`.

Source: https://github.com/SCIR-HI/Huatuo-Llama-Med-Chinese (liver_cancer.json).
"""

import re
from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import text
from doctorglm.files.speakers import role_of

NAME = "inline"
_MARK = re.compile(r"<\s*(user|bot|human|assistant|用户|病人|患者|医生|助手)\s*>\s*[:：]?\s*", re.IGNORECASE)


def reads(record: Mapping[str, Any]) -> bool:
    """True for an instruction that begins with such a mark."""
    instruction = record.get("instruction")
    return "output" in record and isinstance(instruction, str) and bool(_MARK.match(instruction.lstrip()))


def messages(record: Mapping[str, Any]) -> list[Message]:
    """The turns in order, then the output; `input` belongs to the last question."""
    _, *parts = _MARK.split(text(record, "instruction").strip())
    said = [
        Message(role, content.strip())
        for who, content in zip(parts[::2], parts[1::2], strict=True)
        if (role := role_of(who))
    ]
    more = text(record, "input").strip()
    if more:
        said[-1] = Message(said[-1].role, f"{said[-1].content}\n{more}")
    return [*said, Message("assistant", text(record, "output"))]


def department(record: Mapping[str, Any]) -> str:
    """There is none."""
    return ""
