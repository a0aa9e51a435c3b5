"""Any Hugging Face chat template: rendered as text, cut at the answers, encoded piece by piece.

Training is built from the very prompts that inference uses, so the model is trained on exactly the ids that it is asked
with. A special token that a user typed is broken with a marker before rendering and encoded in two halves, so text
never becomes a special token. Source: https://huggingface.co/docs/transformers/chat_templating
"""

import itertools
import re
from collections.abc import Sequence

from doctorglm.conversation import Conversation, Message
from doctorglm.errors import DataError, ModelError
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

_BREAK, _ANSWER, _END = "\ufdd0", "\ufdd1", "\ufdd2"
"""Unicode noncharacters, never text: a broken special token; where a template's generation block begins and ends."""
_GENERATION = re.compile(r"\{%(-?)\s*(end)?generation\s*(-?)%\}")

Turns = list[list[Message]]


class TemplateRenderer:
    """Renders with the tokenizer's own chat template."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        if not getattr(tokenizer, "chat_template", None):
            raise ModelError(
                en="the tokenizer has no chat template. Use a chat model, or add chat_template.jinja to its folder.",
                zh="分词器没有对话模板。请换用对话模型，或在其文件夹中加入 chat_template.jinja。",
            )
        self._tokenizer = tokenizer
        self._template = _GENERATION.sub(_mark, tokenizer.chat_template)
        special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
        self._typed = re.compile("|".join(re.escape(t) for t in sorted(special, key=len, reverse=True) if len(t) > 1))
        self.end_token_ids = _end_token_ids(tokenizer)
        ends = [tokenizer.convert_ids_to_tokens(i) for i in self.end_token_ids]
        self._end = re.compile("|".join(re.escape(end) for end in ends))

    def training(self, conversation: Conversation, max_length: int) -> list[Sample | Rejection]:
        """One sample for the whole conversation where it fits, else one for each assistant turn."""
        system, turns = split_turns(conversation.messages)
        answered = [i for i, turn in enumerate(turns) if turn[-1].role == "assistant"]
        empty = [i for i in answered if not turns[i][-1].content.strip()]
        if empty:
            return [Rejection(conversation.id, i, "empty answer") for i in empty]
        whole = self._whole(conversation.id, system, turns, answered)
        if whole and len(whole.input_ids) <= max_length:
            return [whole]
        return [self._single(conversation.id, system, turns[: i + 1], max_length) for i in answered]

    def prompt(self, messages: Sequence[Message], max_length: int) -> Prompt:
        """The conversation through the template, ending where the assistant speaks."""
        system, turns = split_turns(messages)
        prompts = [self._prompt(_flat(system, turns[first:])) for first in range(len(turns))]
        first = fit_front(len(turns), lambda i: len(prompts[i]), max_length)
        if first is None:
            raise too_long(len(prompts[-1]) if prompts else 0, max_length)
        return Prompt(prompts[first], first)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer's ids, without its end token."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def _whole(self, record_id: str, system: str, turns: Turns, answered: list[int]) -> Sample | None:
        """Every answer supervised in one sequence; None where a later prompt does not continue the earlier ids."""
        ids: list[int] = []
        labels: list[int] = []
        for i in answered:
            prompt, answer = self._exchange(_flat(system, turns[: i + 1]))
            if prompt[: len(ids)] != ids:
                return None
            labels += [IGNORED] * (len(prompt) - len(ids)) + answer
            ids = prompt + answer
        return Sample(record_id, answered[-1], ids, labels) if answered else None

    def _single(self, record_id: str, system: str, turns: Turns, max_length: int) -> Sample | Rejection:
        """The last answer supervised, after as much of the history as fits."""
        for first in range(len(turns)):
            prompt, answer = self._exchange(_flat(system, turns[first:]))
            if len(prompt) + len(answer) <= max_length:
                return Sample(record_id, len(turns) - 1, prompt + answer, [IGNORED] * len(prompt) + answer)
        return Rejection(record_id, len(turns) - 1, f"longer than {max_length} tokens")

    def _exchange(self, messages: list[Message]) -> tuple[list[int], list[int]]:
        """The ids before the last answer, and the answer's own with exactly one end token."""
        before, answer = self._split_answer(messages)
        ids = self._encode(answer)
        if ids[-1:] and ids[-1] not in self.end_token_ids:
            ids.append(self.end_token_ids[0])
        same = before == _unmarked(self._render(messages[:-1], generate=True))
        return self._prompt(messages[:-1]) if same else self._encode(before), ids

    def _prompt(self, messages: list[Message]) -> list[int]:
        """The prompt's ids, encoded in pieces that meet where earlier answers begin and end."""
        text = _unmarked(self._render(messages, generate=True))
        cuts = {0, len(text)}
        for i, message in enumerate(messages):
            if message.role == "assistant":
                before, answer = self._split_answer(messages[: i + 1])
                if text.startswith(before + answer):
                    cuts |= {len(before), len(before + answer)}
        places = sorted(cuts)
        return [i for start, stop in itertools.pairwise(places) for i in self._encode(text[start:stop])]

    def _split_answer(self, messages: list[Message]) -> tuple[str, str]:
        """The rendered text before the last answer, and the answer through its end token where the template has one.

        Raises ModelError with the rendered text when the answer cannot be told from the prompt.
        """
        marked = self._render(messages, generate=False)
        done, before = _unmarked(marked), _unmarked(self._render(messages[:-1], generate=True))
        if not done.startswith(before) or len(done) == len(before):
            if _ANSWER not in marked:
                raise self._no_answer(messages)
            before = _unmarked(marked[: marked.rindex(_ANSWER)])
        end = self._end.search(done, len(before))
        return before, done[len(before) : end.end() if end else len(done)]

    def _no_answer(self, messages: list[Message]) -> ModelError:
        """The error for a template without a visible answer; it shows the template's own text, not the patient's."""
        shape = self._render([Message(m.role, f"({m.role})") for m in messages], generate=False)
        return ModelError(
            en=f"the chat template does not show where an answer begins; it renders {shape[:200]!r}. "
            "Use a template with {% generation %} markers.",
            zh=f"对话模板没有标明回答从哪里开始；它渲染为 {shape[:200]!r}。请使用带 {{% generation %}} 标记的模板。",
        )

    def _render(self, messages: list[Message], *, generate: bool) -> str:
        turns = [{"role": m.role, "content": self._typed.sub(_broken, m.content)} for m in messages]
        try:
            rendered = self._tokenizer.apply_chat_template(
                turns, chat_template=self._template, tokenize=False, add_generation_prompt=generate
            )
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "jinja2":
                raise
            raise DataError(
                en=f"the chat template refuses this conversation ({error}). Its roles: {[m.role for m in messages]}.",
                zh=f"对话模板拒绝了这段对话（{error}）。角色顺序：{[m.role for m in messages]}。",
            ) from error
        return str(rendered)

    def _encode(self, text: str) -> list[int]:
        halves = text.split(_BREAK)
        return [i for half in halves if half for i in self._tokenizer.encode(half, add_special_tokens=False)]


def _flat(system: str, turns: Turns) -> list[Message]:
    head = [Message("system", system)] if system else []
    return [*head, *(message for turn in turns for message in turn)]


def _broken(special: re.Match[str]) -> str:
    return special.group()[0] + _BREAK + special.group()[1:]


def _mark(tag: re.Match[str]) -> str:
    left, closing, right = tag.groups()
    return f'{{{{{left} "{_END if closing else _ANSWER}" {right}}}}}'


def _unmarked(text: str) -> str:
    return text.replace(_ANSWER, "").replace(_END, "")


def _end_token_ids(tokenizer: Tokenizer) -> tuple[int, ...]:
    """The tokenizer's end token first, then the turn-ending tokens that chat models use."""
    known = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|user|>", "<|observation|>", "<|endoftext|>")
    vocabulary = tokenizer.get_added_vocab()
    ids = [tokenizer.eos_token_id, *(vocabulary[name] for name in known if name in vocabulary)]
    return tuple(dict.fromkeys(int(i) for i in ids if i is not None))
