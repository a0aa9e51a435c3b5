"""What every prompt format provides, and how a history is cut: at the front, whole turns at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from doctorglm.conversation import Conversation, Message
from doctorglm.errors import DataError

IGNORED = -100
"""The label that no loss is computed for, as in torch's cross entropy."""

Tokenizer = Any
"""A transformers tokenizer; its classes are not typed."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One training sequence; `labels` is aligned with `input_ids` (not shifted), IGNORED where nothing is learned."""

    record_id: str
    turn: int
    """The 0-based assistant turn that is supervised; the last one where several are."""
    input_ids: list[int]
    labels: list[int]

    @property
    def supervised(self) -> int:
        """How many tokens are learned."""
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True, slots=True)
class Rejection:
    """An assistant turn that cannot be trained on, and why."""

    record_id: str
    turn: int
    reason: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model reads before it answers, and how many of the oldest turns did not fit."""

    input_ids: list[int]
    dropped_turns: int


class Renderer(Protocol):
    """One prompt format, for training and for inference."""

    @property
    def end_token_ids(self) -> tuple[int, ...]:
        """The ids that end an answer; training uses the first."""

    def training(self, conversation: Conversation, max_length: int) -> list[Sample | Rejection]:
        """Samples that supervise every assistant turn once, each ending in exactly one supervised end token."""

    def prompt(self, messages: Sequence[Message], max_length: int) -> Prompt:
        """The ids for answering the last message, at most `max_length`; DataError when even it alone is longer."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer's ids, without its end token."""


def split_turns(messages: Sequence[Message]) -> tuple[str, list[list[Message]]]:
    """The system text, and the other messages in turns that begin with a user message (a document begins without)."""
    system = "\n".join(m.content for m in messages if m.role == "system")
    turns: list[list[Message]] = []
    for message in messages:
        if message.role == "user" or (message.role == "assistant" and not turns):
            turns.append([message])
        elif message.role == "assistant":
            turns[-1].append(message)
    return system, turns


def fit_front(turns: int, length_from: Callable[[int], int], max_length: int) -> int | None:
    """The first turn from which all fits into `max_length`; None when not even the last one does."""
    return next((first for first in range(turns) if length_from(first) <= max_length), None)


def too_long(tokens: int, max_length: int) -> DataError:
    """The error for a question that leaves no room."""
    return DataError(
        en=f"the question alone has {tokens} tokens, the limit is {max_length}. Shorten it.",
        zh=f"仅这个问题就有 {tokens} 个 token，上限是 {max_length}。请缩短问题。",
    )
