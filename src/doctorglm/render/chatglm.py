"""ChatGLM-6B's format: 0-based `[Round 0]`, text [gMASK] <sop> answer <eop>.

Source: https://huggingface.co/THUDM/chatglm-6b (`chat` and the tokenizer of commit 8b7d335). Attention over the text is
bidirectional, so that a sequence holds one answer: a conversation of n turns gives n samples.
"""

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


class ChatGLMRenderer:
    """Renders for ChatGLM-6B's tokenizer (or one of its layout)."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._start = [int(tokenizer.gmask_token_id), int(tokenizer.bos_token_id)]
        self.end_token_ids = (int(tokenizer.eos_token_id),)

    def training(self, conversation: Conversation, max_length: int) -> list[Sample | Rejection]:
        """One sample for each assistant turn; only the answer and its `<eop>` are supervised."""
        head, turns = split_turns(conversation.messages)
        answered = [i for i, turn in enumerate(turns) if turn[-1].role == "assistant"]
        return [self._sample(conversation.id, head, turns[: i + 1], max_length) for i in answered]

    def prompt(self, messages: Sequence[Message], max_length: int) -> Prompt:
        """The whole conversation as text, then [gMASK] and <sop>; after an answer, a round without a question."""
        head, turns = split_turns(messages)
        turns = to_answer(turns)
        fitting = fit_front(len(turns), lambda first: self._prompt(head, turns[first:]), max_length)
        if fitting is None:
            raise no_room(len(self._prompt(head, turns[-1:])), max_length)
        dropped, ids = fitting
        return Prompt(ids, dropped)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer's ids, without its end token."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def _sample(self, record_id: str, head: list[Message], turns: Turns, max_length: int) -> Sample | Rejection:
        number, text = len(turns) - 1, turns[-1][-1].content
        answer = self._tokenizer.encode(text, add_special_tokens=False) if text.strip() else []
        if not answer:
            return Rejection(record_id, number, EMPTY)
        supervised = [*answer, self.end_token_ids[0]]
        before = without_answer(turns)
        room = max_length - len(supervised)
        fitting = fit_front(len(before), lambda first: self._prompt(head, before[first:]), room)
        if fitting is None:
            return too_long(record_id, number, max_length)
        _, prompt = fitting
        return Sample(record_id, number, prompt + supervised, [IGNORED] * len(prompt) + supervised)

    def _prompt(self, head: list[Message], turns: Turns) -> list[int]:
        text = "\n".join(part for part in (*(m.content for m in head), _dialogue(turns)) if part)
        ids = self._tokenizer.encode(text, add_special_tokens=False) if text else []
        return [*ids, *self._start]


def _dialogue(turns: Turns) -> str:
    """The question alone, or all rounds; the last turn has no answer yet."""
    if len(turns) == 1:
        return _question(turns[0])
    rounds = [f"[Round {i}]\n问：{_question(turn)}\n答：{turn[-1].content}\n" for i, turn in enumerate(turns[:-1])]
    return "".join(rounds) + f"[Round {len(turns) - 1}]\n问：{_question(turns[-1])}\n答："


def _question(turn: list[Message]) -> str:
    """What is asked in a turn, several messages on lines of their own."""
    return "\n".join(m.content for m in turn if m.role != "assistant")
