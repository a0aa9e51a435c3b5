"""MTS-Dialog: a table `ID,section_header,section_text,dialogue`; lines of Doctor:, Patient:, Guest_family:.

Source: https://github.com/abachaa/MTS-Dialog. The note (`section_text`) is not spoken and is left out.
"""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers import meddialog
from doctorglm.curate.readers.fields import text
from doctorglm.files.speakers import PREFIX

NAME = "mts-dialog"


def reads(record: Mapping[str, Any]) -> bool:
    """True for its columns."""
    return {"section_header", "dialogue"} <= record.keys()


def messages(record: Mapping[str, Any]) -> list[Message]:
    """The dialogue's lines; raises ValueError("unknown_role") when the first has no speaker."""
    lines = [line for line in text(record, "dialogue").splitlines() if line.strip()]
    if lines and not PREFIX.match(lines[0]):
        raise ValueError("unknown_role")
    return meddialog.messages({"utterances": lines})


def department(record: Mapping[str, Any]) -> str:
    """The table has none."""
    return ""
