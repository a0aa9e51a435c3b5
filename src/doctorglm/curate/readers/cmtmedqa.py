"""CMtMedQA (Zhongjing): multi-turn consultations, whose schema changes mid-file.

Source: https://github.com/SupritYoung/Zhongjing. Most records are `instruction, output, history, cate1, cate2`; the
last ones, on superstition and false beliefs, are `instruct, output`.
"""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import exchange, history, text

NAME = "cmtmedqa"


def reads(record: Mapping[str, Any]) -> bool:
    """True for either schema."""
    return "output" in record and ("instruct" in record or {"instruction", "cate1"} <= record.keys())


def messages(record: Mapping[str, Any]) -> list[Message]:
    """The history, then the last question and answer."""
    asked = text(record, "instruction") or text(record, "instruct")
    more = text(record, "input").strip()
    return [*history(record), *exchange(f"{asked}\n{more}" if more else asked, text(record, "output"))]


def department(record: Mapping[str, Any]) -> str:
    """The upper category; the source writes `nan` for an unknown one."""
    category = text(record, "cate1").strip()
    return "" if category == "nan" else category
