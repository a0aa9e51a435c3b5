"""The paragraphs of ssbuild's trainers: `paragraph: [{q, a}, ...]`, an answer as text or as a list of texts.

Source: https://github.com/ssbuild/chatglm_finetuning (data/finetune_train_conversations.json and its paragraph form).
"""

from collections.abc import Mapping
from typing import Any

from doctorglm.conversation import Message
from doctorglm.curate.readers.fields import as_text, exchange, text

NAME = "paragraph"


def reads(record: Mapping[str, Any]) -> bool:
    """True for a list of exchanges with `q` and `a`."""
    exchanges = record.get("paragraph")
    return isinstance(exchanges, list) and bool(exchanges) and isinstance(exchanges[0], dict) and "q" in exchanges[0]


def messages(record: Mapping[str, Any]) -> list[Message]:
    """The exchanges in order, the parts of a list joined; raises ValueError("not_text")."""
    said: list[Message] = []
    for one in record["paragraph"]:
        if not isinstance(one, dict):
            raise ValueError("not_text")
        said += exchange(*("\n".join(_parts(one.get(key))) for key in ("q", "a")))
    return said


def department(record: Mapping[str, Any]) -> str:
    """The field of that name."""
    return text(record, "department").strip()


def _parts(value: Any) -> list[str]:
    return [as_text(part, "not_text") for part in (value if isinstance(value, list) else [value])]
