"""Med-ChatGLM: `context, target`, the context with the scaffolding of a prompt around the question.

Source: https://github.com/SCIR-HI/Med-ChatGLM.
"""

import re
from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import exchange, text

NAME = "med-chatglm"
_ASKED = re.compile(r"^\s*(?:问题|问|Instruction|Question)\s*[:：]\s*", re.IGNORECASE)
_ANSWERED = re.compile(r"\s*(?:回答|答|Answer)\s*[:：]\s*$", re.IGNORECASE)


def reads(record: Mapping[str, Any]) -> bool:
    """True for its two fields."""
    return {"context", "target"} <= record.keys()


def messages(record: Mapping[str, Any]) -> list[Message]:
    """The question without 问题： and 回答：, and the answer."""
    question = _ANSWERED.sub("", _ASKED.sub("", text(record, "context")))
    return exchange(question, text(record, "target"))


def department(record: Mapping[str, Any]) -> str:
    """There is none."""
    return ""
