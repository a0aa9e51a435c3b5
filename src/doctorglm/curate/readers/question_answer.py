"""Any table or record with one column for the question and one for the answer, by the names that people give them."""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import exchange, first_text, one_of

NAME = "question-answer"
_ASKED = (
    "question",
    "query",
    "问题",
    "提问",
    "问",
    "患者提问",
    "咨询内容",
    "病人",
    "患者",
    "用户",
    "patient",
    "問題",
    "提問",
    "問",
    "ask",
    "q",
)
_ANSWERED = (
    "answer",
    "response",
    "回答",
    "答案",
    "答",
    "回复",
    "医生回答",
    "医生回复",
    "医生",
    "助手",
    "doctor",
    "醫生回答",
    "醫生回覆",
    "回覆",
    "醫生",
    "醫師",
    "reply",
    "a",
)
_DEPARTMENTS = ("department", "科室", "部门", "科別", "科别", "label")


def reads(record: Mapping[str, Any]) -> bool:
    """True when both are there."""
    return any(key in record for key in _ASKED) and any(key in record for key in _ANSWERED)


def messages(record: Mapping[str, Any]) -> list[Message]:
    """The first of the question's names and the first of the answer's; raises ValueError("not_text")."""
    return exchange(*(one_of(next(record[key] for key in keys if key in record)) for keys in (_ASKED, _ANSWERED)))


def department(record: Mapping[str, Any]) -> str:
    """The column with the department."""
    return first_text(record, *_DEPARTMENTS).strip()
