"""Chinese-medical-dialogue-data: a table `department,title,ask,answer`.

Source: https://github.com/Toyhom/Chinese-medical-dialogue-data
"""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import exchange, text

NAME = "cmd"
_NOTHING = {"", "无", "无。", "无！", "没有"}
_MARKS = " \t\r\n?？。.!！,，"


def reads(record: Mapping[str, Any]) -> bool:
    """True for a row with CMD's four columns, in any order."""
    return {"title", "ask", "answer"} <= record.keys()


def messages(record: Mapping[str, Any]) -> list[Message]:
    """Title and ask as one question, and the answer."""
    return exchange(question(text(record, "title"), text(record, "ask")), text(record, "answer"))


def department(record: Mapping[str, Any]) -> str:
    """The column of that name."""
    return text(record, "department").strip()


def question(title: str, ask: str) -> str:
    """The title, then what the patient wrote; one of them alone where the other repeats it or says 无."""
    title, ask = title.strip(), ask.strip()
    if ask in _NOTHING:
        return title
    if title.strip(_MARKS) in ask:
        return ask
    if ask.strip(_MARKS) in title:
        return title
    return f"{title}\n{ask}"
