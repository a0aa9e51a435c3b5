"""ChatGLM3's format: [gMASK] sop, then for each message the id of its role, a line for metadata, and its text.

A prompt ends with `<|assistant|>`; the answer begins, as every message does, with an empty line for metadata. What
follows an answer is `<|user|>`, at which generation stops as it does at </s>: so prompts continue one another, and one
sequence supervises every answer.
Source: https://huggingface.co/THUDM/chatglm3-6b (`build_chat_input` and its fine-tuning script).
"""

from doctorglm.conversation import Conversation, Message
from doctorglm.render.answers import AnswerByAnswer, answered
from doctorglm.render.renderer import IGNORED, Rejection, Sample, Tokenizer, Turns, split_turns, without_answer


class ChatGLM3Renderer(AnswerByAnswer):
    """Renders for ChatGLM3's tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        roles = ("system", "user", "assistant", "observation")
        self._roles = {role: int(tokenizer.convert_tokens_to_ids(f"<|{role}|>")) for role in roles}
        ends = (int(tokenizer.eos_token_id), self._roles["user"], self._roles["observation"])
        super().__init__(tokenizer, ends, tuple(tokenizer.encode("\n", add_special_tokens=False)))
        self._start = [int(tokenizer.gmask_token_id), int(tokenizer.sop_token_id)]

    def training(self, conversation: Conversation, max_length: int) -> list[Sample | Rejection]:
        """One sample for the whole conversation where it fits, else one for each assistant turn."""
        head, turns = split_turns(conversation.messages)
        whole = self._whole(conversation.id, head, turns)
        if whole and len(whole.input_ids) <= max_length:
            return [whole]
        return super().training(conversation, max_length)

    def _whole(self, record_id: str, head: list[Message], turns: Turns) -> Sample | None:
        """Every answer supervised in one sequence; None where one is empty or a prompt does not continue another."""
        ids: list[int] = []
        labels: list[int] = []
        for number in answered(turns):
            prompt = self._prompt(head, without_answer(turns[: number + 1]))
            supervised = self._supervised(turns, number)
            if not supervised or prompt[: len(ids)] != ids:
                return None
            labels += [IGNORED] * (len(prompt) - len(ids)) + supervised
            ids = prompt + supervised
        return Sample(record_id, answered(turns)[-1], ids, labels) if ids else None

    def _prompt(self, head: list[Message], turns: Turns) -> list[int]:
        messages = [*head, *(message for turn in turns for message in turn)]
        said = [i for m in messages for i in (self._roles[m.role], *self._before_answer, *self._ids(m.content))]
        return [*self._start, *said, self._roles["assistant"]]

    def _end(self, turns: Turns, number: int) -> int:
        """`<|user|>` where the user speaks next, else </s>, as in the published training."""
        follows = turns[number + 1][0].role if number + 1 < len(turns) else None
        return self._roles["user"] if follows == "user" else self.end_token_ids[0]
