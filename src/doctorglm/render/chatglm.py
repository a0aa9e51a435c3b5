"""ChatGLM-6B's format: 0-based `[Round 0]`, text [gMASK] <sop> answer <eop>.

Source: https://huggingface.co/THUDM/chatglm-6b (`chat` and the tokenizer of commit 8b7d335). Attention over the text is
bidirectional, so that a sequence holds one answer: a conversation of n turns gives n samples.
"""

from collections.abc import Sequence

from doctorglm.conversation import Conversation, Message
from doctorglm.render.renderer import (
    IGNORED,
    Prompt,
    Rejection,
    Sample,
    Tokenizer,
    fit_front,
    split_turns,
    too_long,
)


class ChatGLMRenderer:
    """Renders for ChatGLM-6B's tokenizer (or one of its layout)."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._start = [int(tokenizer.gmask_token_id), int(tokenizer.bos_token_id)]
        self.end_token_ids = (int(tokenizer.eos_token_id),)

    def training(self, conversation: Conversation, max_length: int) -> list[Sample | Rejection]:
        """One sample for each assistant turn; only the answer and its `<eop>` are supervised."""
        system, turns = split_turns(conversation.messages)
        answered = [i for i, turn in enumerate(turns) if turn[-1].role == "assistant"]
        return [self._sample(conversation.id, system, turns[: i + 1], max_length) for i in answered]

    def prompt(self, messages: Sequence[Message], max_length: int) -> Prompt:
        """The whole conversation as text, then [gMASK] and <sop>."""
        system, turns = split_turns(messages)
        prompts = [self._prompt(system, turns[first:]) for first in range(len(turns))]
        first = fit_front(len(turns), lambda i: len(prompts[i]), max_length)
        if first is None:
            raise too_long(len(prompts[-1]) if prompts else 0, max_length)
        return Prompt(prompts[first], first)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer's ids, without its end token."""
        kept = [i for i in ids if i not in self.end_token_ids]
        return str(self._tokenizer.decode(kept, skip_special_tokens=True)).strip()

    def _sample(self, record_id: str, system: str, turns: list[list[Message]], max_length: int) -> Sample | Rejection:
        number = len(turns) - 1
        answer = self._tokenizer.encode(turns[-1][-1].content, add_special_tokens=False)
        if not answer:
            return Rejection(record_id, number, "empty answer")
        supervised = [*answer, self.end_token_ids[0]]
        asked = [*turns[:-1], turns[-1][:-1]]
        first = fit_front(len(asked), lambda i: len(self._prompt(system, asked[i:])) + len(supervised), max_length)
        if first is None:
            return Rejection(record_id, number, f"longer than {max_length} tokens")
        prompt = self._prompt(system, asked[first:])
        return Sample(record_id, number, prompt + supervised, [IGNORED] * len(prompt) + supervised)

    def _prompt(self, system: str, turns: list[list[Message]]) -> list[int]:
        text = "\n".join(part for part in (system, _dialogue(turns)) if part)
        ids = self._tokenizer.encode(text, add_special_tokens=False) if text else []
        return [*ids, *self._start]


def _dialogue(turns: list[list[Message]]) -> str:
    """The question alone, or all rounds; the last turn has no answer yet."""
    question = turns[-1][0].content if turns[-1] else ""
    if len(turns) == 1:
        return question
    rounds = [f"[Round {i}]\n问：{_asked(turn)}\n答：{_answered(turn)}\n" for i, turn in enumerate(turns[:-1])]
    return "".join(rounds) + f"[Round {len(turns) - 1}]\n问：{question}\n答："


def _asked(turn: list[Message]) -> str:
    return turn[0].content if turn[0].role == "user" else ""


def _answered(turn: list[Message]) -> str:
    return turn[-1].content if turn[-1].role == "assistant" else ""
