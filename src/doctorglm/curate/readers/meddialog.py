"""MedDialog, and every text that names its speakers line by line: `["病人：...", "医生：..."]`.

The processed Chinese files are lists of such lines, the English ones records with `utterances` (patient: / doctor:);
what formats/spoken.py makes of raw text has the same shape. Source: https://github.com/UCSD-AI4H/Medical-Dialogue-System
"""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message, Role
from doctorglm.curate.readers.fields import text
from doctorglm.files.speakers import PREFIX, role_of

NAME = "meddialog"


def reads(record: Mapping[str, Any]) -> bool:
    """True for a list of lines, the first with its speaker."""
    lines = record.get("utterances")
    return isinstance(lines, list) and bool(lines) and isinstance(lines[0], str) and bool(PREFIX.match(lines[0]))


def messages(record: Mapping[str, Any]) -> list[Message]:
    """The lines without their speakers; a line without one goes on with the last; raises ValueError("not_text")."""
    said: list[tuple[Role, str]] = []
    for line in record["utterances"]:
        if not isinstance(line, str):
            raise ValueError("not_text")
        match = PREFIX.match(line)
        role = role_of(match["who"]) if match else None
        if match and role:
            said.append((role, line[match.end() :]))
        else:
            said[-1] = (said[-1][0], f"{said[-1][1]}\n{line}")
    return [Message(role, content) for role, content in said]


def department(record: Mapping[str, Any]) -> str:
    """The field of that name."""
    return text(record, "department").strip()
