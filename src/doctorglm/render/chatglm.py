"""ChatGLM-6B's format: 0-based `[Round 0]`, text [gMASK] <sop> answer <eop>.

Source: https://huggingface.co/THUDM/chatglm-6b (`chat` and the tokenizer of commit 8b7d335). Attention over the text is
bidirectional, so that a sequence holds one answer: a conversation of n turns gives n samples.
"""

from doctorglm.conversation import Message
from doctorglm.render.answers import AnswerByAnswer, question
from doctorglm.render.renderer import Tokenizer, Turns


class ChatGLMRenderer(AnswerByAnswer):
    """Renders for ChatGLM-6B's tokenizer (or one of its layout)."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(tokenizer, (int(tokenizer.eos_token_id),))
        self._start = [int(tokenizer.gmask_token_id), int(tokenizer.bos_token_id)]

    def _prompt(self, head: list[Message], turns: Turns) -> list[int]:
        text = "\n".join(part for part in (*(m.content for m in head), _dialogue(turns)) if part)
        return [*self._ids(text), *self._start]


def _dialogue(turns: Turns) -> str:
    """The question alone, or all rounds; the last turn has no answer yet."""
    if len(turns) == 1:
        return question(turns[0])
    rounds = [f"[Round {i}]\n问：{question(turn)}\n答：{turn[-1].content}\n" for i, turn in enumerate(turns[:-1])]
    return "".join(rounds) + f"[Round {len(turns) - 1}]\n问：{question(turns[-1])}\n答："
