"""ChatGLM2's format: [gMASK] sop, then 1-based `[Round 1]` with blank lines between; an answer ends with </s>.

Source: https://huggingface.co/THUDM/chatglm2-6b (`build_prompt` and its training script). An answer is encoded apart
from its prompt, but within the text of the next one, so that no prompt continues another: one sample for each answer.
"""

from doctorglm.conversation import Message
from doctorglm.render.answers import AnswerByAnswer, question
from doctorglm.render.renderer import Tokenizer, Turns


class ChatGLM2Renderer(AnswerByAnswer):
    """Renders for ChatGLM2's tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__(tokenizer, (int(tokenizer.eos_token_id),))
        self._start = [int(tokenizer.gmask_token_id), int(tokenizer.sop_token_id)]

    def _prompt(self, head: list[Message], turns: Turns) -> list[int]:
        text = "\n\n".join([*(m.content for m in head if m.content), _dialogue(turns)])
        return [*self._start, *self._ids(text)]


def _dialogue(turns: Turns) -> str:
    """Every turn as a round, also where there is only one; the last has no answer yet."""
    rounds = [
        f"[Round {i}]\n\n问：{question(turn)}\n\n答：{turn[-1].content}\n\n"
        for i, turn in enumerate(turns[:-1], start=1)
    ]
    return "".join(rounds) + f"[Round {len(turns)}]\n\n问：{question(turns[-1])}\n\n答："
