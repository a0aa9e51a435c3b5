"""What every prompt format provides, and how a history is cut: at the front, whole turns at a time."""

import bisect
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from doctorglm.conversation import Conversation, Message
from doctorglm.errors import DataError

IGNORED = -100
"""The label that no loss is computed for, as in torch's cross entropy."""

EMPTY = "empty answer"
"""Why an answer without text is rejected: there is nothing to learn but to say nothing."""

Tokenizer = Any
"""A transformers tokenizer; its classes are not typed."""

Turns = list[list[Message]]
"""What is asked and, last, the answer to it; only the last turn of a prompt has none."""

_NOT_TEXT = re.compile(r"[\ud800-\udfff\ufdd0-\ufdef]")


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


def split_turns(messages: Sequence[Message]) -> tuple[list[Message], Turns]:
    """The system messages at the head, which are never cut, and the turns; a document begins with an answer.

    Lone surrogates and noncharacters, which are no text and which tokenizers refuse, become U+FFFD.
    """
    cleaned = [Message(m.role, _NOT_TEXT.sub("\ufffd", m.content)) for m in messages]
    head = list(itertools.takewhile(lambda m: m.role == "system", cleaned))
    turns: Turns = []
    for message in cleaned[len(head) :]:
        if not turns or turns[-1][-1].role == "assistant":
            turns.append([])
        turns[-1].append(message)
    return head, turns


def without_answer(turns: Turns) -> Turns:
    """The turns without the last answer."""
    return [*turns[:-1], turns[-1][:-1]]


def to_answer(turns: Turns) -> Turns:
    """The turns of a prompt: after an answer, or with nothing said, there is one more in which nothing is asked."""
    return turns if turns and turns[-1][-1].role != "assistant" else [*turns, []]


def fit_front(turns: int, ids_from: Callable[[int], list[int]], room: int) -> tuple[int, list[int]] | None:
    """The first turn from which the ids fit into `room`, and they; None when not even those of the last turn do.

    Fewer turns are taken to have fewer ids, so that a history of n turns is rendered about log2(n) times.
    """
    if len(ids := ids_from(0)) <= room:
        return 0, ids
    first = bisect.bisect_left(range(turns), True, lo=1, key=lambda turn: len(ids_from(turn)) <= room)
    return (first, ids_from(first)) if first < turns else None


def too_long(record_id: str, turn: int, max_length: int) -> Rejection:
    """An answer that does not fit whole, with the question before it."""
    return Rejection(record_id, turn, f"longer than {max_length} tokens")


def no_room(tokens: int, max_length: int) -> DataError:
    """The error for a question that leaves no room."""
    return DataError(
        en=f"the question alone has {tokens} tokens, the limit is {max_length}. Shorten it.",
        zh=f"仅这个问题就有 {tokens} 个 token，上限是 {max_length}。请缩短问题。",
    )
