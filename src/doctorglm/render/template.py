"""Any Hugging Face chat template: rendered as text, cut at the answers, encoded piece by piece.

Training is built from the very prompts that inference uses, so the model is trained on exactly the ids that it is asked
with. A special token that a user typed is broken with a marker before rendering and encoded in two halves, so text
never becomes a special token. Source: https://huggingface.co/docs/transformers/chat_templating
"""

import itertools
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from jinja2 import TemplateError, TemplateSyntaxError

from doctorglm.conversation import Conversation, Message
from doctorglm.errors import DataError, ModelError
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
)

REFUSED = "refused by the chat template"
"""Why a turn is rejected whose conversation the template raises an error for, such as one with a system message."""

_BREAK, _ANSWER, _END = "\ufdd0", "\ufdd1", "\ufdd2"
"""Unicode noncharacters, never text: a broken special token; where a template's generation block begins and ends."""
_GENERATION = re.compile(r"\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}")
_ENDS_OF_CHAT_MODELS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<end_of_turn>",
    "<|end|>",
    "<|user|>",
    "<|observation|>",
    "<|endoftext|>",
)


class TemplateRenderer:
    """Renders with the tokenizer's own chat template."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._template = _GENERATION.sub(_mark, _template_of(tokenizer))
        self._special = _beginning_of_special(tokenizer)
        self.end_token_ids = _end_token_ids(tokenizer)
        ends = [tokenizer.convert_ids_to_tokens(i) for i in self.end_token_ids]
        self._end = re.compile("|".join(map(re.escape, ends)))
        self._line = tokenizer.encode("\n", add_special_tokens=False)
        # one conversation is rendered many times over, up to each of its answers
        self._rendered = lru_cache(maxsize=256)(self._render)

    def training(self, conversation: Conversation, max_length: int) -> list[Sample | Rejection]:
        """One sample for the whole conversation where it fits, else one for each assistant turn."""
        head, turns = split_turns(conversation.messages)
        answered = [i for i, turn in enumerate(turns) if turn[-1].role == "assistant"]
        whole = self._whole(conversation.id, head, turns, answered)
        if whole and len(whole.input_ids) <= max_length:
            return [whole]
        return [self._single(conversation.id, head, turns[: i + 1], max_length) for i in answered]

    def prompt(self, messages: Sequence[Message], max_length: int) -> Prompt:
        """The conversation through the template, ending where the assistant speaks."""
        head, turns = split_turns(messages)
        turns = to_answer(turns)
        fitting = fit_front(len(turns), lambda first: self._prompt(_flat(head, turns[first:])), max_length)
        if fitting is None:
            raise no_room(len(self._prompt(_flat(head, turns[-1:]))), max_length)
        dropped, ids = fitting
        return Prompt(ids, dropped)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer's ids, without its end token."""
        kept = [i for i in ids if i not in self.end_token_ids]
        text = self._tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text).strip()

    def _whole(self, record_id: str, head: list[Message], turns: Turns, answered: list[int]) -> Sample | None:
        """Every answer supervised in one sequence; None where one is rejected or a prompt does not continue another."""
        ids: list[int] = []
        labels: list[int] = []
        for i in answered:
            exchange = self._exchange(_flat(head, turns[: i + 1]))
            if isinstance(exchange, str):
                return None
            prompt, answer = exchange
            if prompt[: len(ids)] != ids:
                return None
            labels += [IGNORED] * (len(prompt) - len(ids)) + answer
            ids = prompt + answer
        return Sample(record_id, answered[-1], ids, labels) if answered else None

    def _single(self, record_id: str, head: list[Message], turns: Turns, max_length: int) -> Sample | Rejection:
        """The last answer supervised, after as much of the history as fits."""
        number = len(turns) - 1
        for first in range(len(turns)):
            exchange = self._exchange(_flat(head, turns[first:]))
            if isinstance(exchange, str):
                return Rejection(record_id, number, exchange)
            prompt, answer = exchange
            if len(prompt) + len(answer) <= max_length:
                return Sample(record_id, number, prompt + answer, [IGNORED] * len(prompt) + answer)
        return too_long(record_id, number, max_length)

    def _exchange(self, messages: tuple[Message, ...]) -> tuple[list[int], list[int]] | str:
        """The ids before the last answer, and the answer's own with exactly one end token; or why it is rejected."""
        if not messages[-1].content.strip():
            return EMPTY
        try:
            prompt = self._prompt(messages[:-1])
            _, text = self._split_answer(messages)
        except DataError:
            return REFUSED
        answer = self._encode(text)
        if answer and answer[-1] not in self.end_token_ids:
            answer.append(self.end_token_ids[0])
        return (prompt, answer) if len(answer) > 1 else EMPTY

    def _prompt(self, messages: tuple[Message, ...]) -> list[int]:
        """The prompt's ids, encoded in pieces that meet where earlier answers begin and end, as they do in training."""
        text = _unmarked(self._rendered(messages, generate=True))
        cuts = {0, len(text)}
        for i in (i for i, message in enumerate(messages) if message.role == "assistant"):
            # an answer that cannot be told from its prompt was not trained on either
            with suppress(DataError, ModelError):
                before, answer = self._split_answer(messages[: i + 1])
                if text.startswith(before + answer):
                    cuts |= {len(before), len(before + answer)}
        places = sorted(cuts)
        return [i for start, stop in itertools.pairwise(places) for i in self._encode(text[start:stop], start == 0)]

    def _split_answer(self, messages: tuple[Message, ...]) -> tuple[str, str]:
        """The rendered text before the last answer, and the answer through its end token where the template has one.

        Raises ModelError with the rendered text when the answer cannot be told from the prompt.
        """
        marked = self._rendered(messages, generate=False)
        done, before = _unmarked(marked), _unmarked(self._rendered(messages[:-1], generate=True))
        if not done.startswith(before) or len(done) == len(before):
            if _ANSWER not in marked:
                raise self._no_answer(messages)
            before = _unmarked(marked[: marked.rindex(_ANSWER)])
        end = self._end.search(done, len(before))
        return before, done[len(before) : end.end() if end else len(done)]

    def _no_answer(self, messages: tuple[Message, ...]) -> ModelError:
        """The error for a template without a visible answer; it shows the template's own text, not the patient's."""
        shape = _unmarked(self._rendered(tuple(Message(m.role, f"({m.role})") for m in messages), generate=False))
        return ModelError(
            en=f"the chat template does not show where an answer begins; it renders {shape[:200]!r}. "
            "Use a template with {% generation %} markers.",
            zh=f"对话模板没有标明回答从哪里开始；它渲染为 {shape[:200]!r}。请使用带 {{% generation %}} 标记的模板。",
        )

    def _render(self, messages: tuple[Message, ...], *, generate: bool) -> str:
        turns = [{"role": m.role, "content": self._special.sub(rf"\1{_BREAK}", m.content)} for m in messages]
        try:
            # a list of conversations, because a single one may not be empty
            (rendered,) = self._tokenizer.apply_chat_template(
                [turns], chat_template=self._template, tokenize=False, add_generation_prompt=generate
            )
        except TemplateSyntaxError as error:
            raise ModelError(
                en=f"the chat template is not valid: {error}. Use the one that came with the model.",
                zh=f"对话模板语法有误：{error}。请使用与模型配套的模板。",
            ) from None
        except (TemplateError, TypeError) as error:
            roles = ", ".join(m.role for m in messages) or "none"
            raise DataError(
                en=f"the chat template refuses this conversation ({error}). Its roles: {roles}. Change the messages.",
                zh=f"对话模板拒绝了这段对话（{error}）。角色顺序：{roles}。请调整消息。",
            ) from error
        return str(rendered)

    def _encode(self, text: str, starts: bool = False) -> list[int]:
        """The ids of text in (or, `starts`, at the start of) a longer one; broken special tokens in halves."""
        first, *others = text.split(_BREAK)
        ids = self._ids(first) if starts else self._continued(first)
        return [*ids, *(i for piece in others for i in self._continued(piece))]

    def _continued(self, text: str) -> list[int]:
        """The ids of text after other text: without the blank that some vocabularies put before a first word."""
        after_line = self._ids("\n" + text)
        length = len(self._line)
        return after_line[length:] if after_line[:length] == self._line else self._ids(text)

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False)) if text else []


def _flat(head: list[Message], turns: Turns) -> tuple[Message, ...]:
    return (*head, *(message for turn in turns for message in turn))


def _template_of(tokenizer: Tokenizer) -> str:
    try:
        return str(tokenizer.get_chat_template())
    except (AttributeError, ValueError):
        raise ModelError(
            en="the tokenizer has no chat template. Use a chat model, or add chat_template.jinja to its folder.",
            zh="分词器没有对话模板。请换用对话模型，或在其文件夹中加入 chat_template.jinja。",
        ) from None


def _beginning_of_special(tokenizer: Tokenizer) -> re.Pattern[str]:
    """Matches a character at which a special token begins, also where one overlaps another.

    Runs of blanks, which some vocabularies add as tokens, stay whole: they are text.
    """
    added = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    special = sorted(re.escape(token) for token in added if len(token) > 1 and not token.isspace())
    return re.compile(f"(?=(?:{'|'.join(special)}))(.)" if special else "(?!)()", re.DOTALL)


def _mark(tag: re.Match[str]) -> str:
    """A block that writes the marker; with block tags at both ends, blanks around it go as around the original."""
    left, closing, right = tag.groups()
    return f'{{%{left} if true %}}{{{{ "{_END if closing else _ANSWER}" }}}}{{% endif {right}%}}'


def _unmarked(text: str) -> str:
    return text.replace(_ANSWER, "").replace(_END, "")


def _end_token_ids(tokenizer: Tokenizer) -> tuple[int, ...]:
    """The tokenizer's end token first, then the turn-ending tokens that chat models use; ModelError without any."""
    vocabulary = tokenizer.get_added_vocab()
    ids = [tokenizer.eos_token_id, *(vocabulary[name] for name in _ENDS_OF_CHAT_MODELS if name in vocabulary)]
    ends = tuple(dict.fromkeys(int(i) for i in ids if i is not None))
    if not ends:
        raise ModelError(
            en="the tokenizer has no end token, so that no answer could end. Set eos_token in tokenizer_config.json.",
            zh="分词器没有结束符，回答将无法结束。请在 tokenizer_config.json 中设置 eos_token。",
        )
    return ends
