"""What ChatGLM's three formats share: a sample for each answer, its prompt cut at the front where it is too long."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from doctorglm.conversation import Conversation, Message
from doctorglm.render.renderer import (
    EMPTY,
    IGNORED,
    Prompt,
    Rejection,
    Sample,
    Tokenizer,
    Turns,
    fit_front,
    no_room,
    split_turns,
    to_answer,
    too_long,
    without_answer,
)


class AnswerByAnswer(ABC):
    """A format that is made of ids: `_prompt` says what precedes an answer."""

    def __init__(
        self, tokenizer: Tokenizer, end_token_ids: tuple[int, ...], before_answer: tuple[int, ...] = ()
    ) -> None:
        self._tokenizer = tokenizer
        self.end_token_ids = end_token_ids
        # what the model says first, whatever the answer
        self._before_answer = before_answer

    def training(self, conversation: Conversation, max_length: int) -> list[Sample | Rejection]:
        """One sample for each assistant turn; only the answer and its end token are supervised."""
        head, turns = split_turns(conversation.messages)
        return [self._sample(conversation.id, head, turns, i, max_length) for i in answered(turns)]

    def prompt(self, messages: Sequence[Message], max_length: int) -> Prompt:
        """What stands before the answer to the last message; after an answer, before one to no question."""
        head, turns = split_turns(messages)
        turns = to_answer(turns)
        fitting = fit_front(len(turns), lambda first: self._prompt(head, turns[first:]), max_length)
        if fitting is None:
            raise no_room(len(self._prompt(head, turns[-1:])), max_length)
        dropped, ids = fitting
        return Prompt(ids, dropped)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer's ids, without its end token."""
        kept = [i for i in ids if i not in self.end_token_ids]
        return str(self._tokenizer.decode(kept, skip_special_tokens=True)).strip()

    def _sample(
        self, record_id: str, head: list[Message], turns: Turns, number: int, max_length: int
    ) -> Sample | Rejection:
        """The answer of turn `number` supervised, after as much of the history as fits."""
        supervised = self._supervised(turns, number)
        if not supervised:
            return Rejection(record_id, number, EMPTY)
        before = without_answer(turns[: number + 1])
        room = max_length - len(supervised)
        fitting = fit_front(len(before), lambda first: self._prompt(head, before[first:]), room)
        if fitting is None:
            return too_long(record_id, number, max_length)
        _, prompt = fitting
        return Sample(record_id, number, prompt + supervised, [IGNORED] * len(prompt) + supervised)

    def _supervised(self, turns: Turns, number: int) -> list[int]:
        """The ids of a turn's answer through its end token; none when it says nothing."""
        text = turns[number][-1].content
        ids = self._ids(text) if text.strip() else []
        return [*self._before_answer, *ids, self._end(turns, number)] if ids else []

    def _end(self, turns: Turns, number: int) -> int:
        return self.end_token_ids[0]

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False)) if text else []

    @abstractmethod
    def _prompt(self, head: list[Message], turns: Turns) -> list[int]:
        """The ids before the last turn's answer, which that turn does not have yet."""


def answered(turns: Turns) -> list[int]:
    """The turns that end with an answer."""
    return [i for i, turn in enumerate(turns) if turn[-1].role == "assistant"]


def question(turn: list[Message]) -> str:
    """What is asked in a turn, several messages on lines of their own."""
    return "\n".join(m.content for m in turn if m.role != "assistant")
