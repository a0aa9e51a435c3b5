"""One reader per kind of record; a record is recognised by its keys, so that a schema may change mid-file."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from doctorglm.conversation import Message
from doctorglm.curate.readers import (
    alpaca,
    cmd,
    cmtmedqa,
    dxy,
    huatuo26m,
    icliniq,
    inline,
    med_chatglm,
    meddialog,
    mts_dialog,
    openai,
    paragraph,
    prompt_response,
    question_answer,
    sharegpt,
)


class Reader(Protocol):
    """A module of this package."""

    @property
    def NAME(self) -> str:  # noqa: N802 - a module's constant
        """The corpus or shape; becomes the record's `source` and the start of its id."""
        ...

    def reads(self, record: Mapping[str, Any]) -> bool:
        """True when the record has this reader's keys."""
        ...

    def messages(self, record: Mapping[str, Any]) -> list[Message]:
        """The turns as they stand there; raises ValueError with a reason when a value has another type."""
        ...

    def department(self, record: Mapping[str, Any]) -> str:
        """The hospital department, or ""."""
        ...


READERS: Sequence[Reader] = (
    openai,
    cmd,
    icliniq,
    cmtmedqa,
    inline,
    alpaca,
    sharegpt,
    meddialog,
    mts_dialog,
    huatuo26m,
    med_chatglm,
    paragraph,
    prompt_response,
    dxy,
    question_answer,
)
"""In the order in which they are asked; the more special come first."""


def reader_for(record: Mapping[str, Any], readers: Sequence[Reader] = READERS) -> Reader | None:
    """The first reader that knows the record's keys."""
    return next((reader for reader in readers if reader.reads(record)), None)
