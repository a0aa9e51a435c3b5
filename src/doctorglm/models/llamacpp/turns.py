"""The prompt format that a model was trained on, taken apart into the texts around each message.

A chat template is a program, and Ollama's are of another language: what stands before and after a message is found by
rendering conversations of known words, and the result must render every shape of conversation as the template does.
Source: `render`, which training uses; https://github.com/ollama/ollama/blob/main/docs/template.md.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

from doctorglm.conversation import Message
from doctorglm.errors import ModelError
from doctorglm.models.chatglm2.tokenizer import ChatGLM2Tokenizer

_GENERATION = re.compile(r"\{%[-+]?\s*(?:end)?generation\s*[-+]?%\}")
"""Marks for training, which llama.cpp's reader of templates does not know."""
_ROUND = "[Round {}]\n\n问："
_SECOND = (
    "[gMASK]<sop>{% set ns = namespace(n=0) %}{% for m in messages %}{% if m.role == 'user' %}"
    "{% set ns.n = ns.n + 1 %}{{ '[Round ' ~ ns.n ~ ']\\n\\n问：' ~ m.content ~ '\\n\\n答：' }}"
    "{% else %}{{ m.content ~ '\\n\\n' }}{% endif %}{% endfor %}"
)
_THIRD = (
    "[gMASK]<sop>{% for m in messages %}{{ '<|' ~ m.role ~ '|>\\n ' ~ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""The blank is the one that SentencePiece puts before every text, here before the message."""


@dataclass(frozen=True, kw_only=True)
class Turns:
    """What stands around messages; a conversation begins with at most one system message and ends with a question."""

    start: str
    """Before a first message that is no system message."""
    system: tuple[str, str] | None
    """Around a system message, the start of the prompt included; None where there may be none."""
    user: tuple[str, str]
    assistant: tuple[str, str]
    answer: str
    """After the last question."""
    numbered: bool = False
    """Whether `user` begins with the 1-based number of the round in place of `{}`."""

    def rendered(self, messages: Sequence[Message]) -> str:
        """The prompt for answering the last message."""
        text, rounds = "", 0
        for i, message in enumerate(messages):
            if message.role == "system":
                assert self.system and i == 0
                text += self.system[0] + message.content + self.system[1]
                continue
            before, after = self.user if message.role == "user" else self.assistant
            if message.role == "user" and self.numbered:
                rounds += 1
                before = before.format(rounds)
            text += (self.start if i == 0 else "") + before + message.content + after
        return text + self.answer


def chat_template(tokenizer: Any) -> str:
    """The Jinja template for llama.cpp."""
    if isinstance(tokenizer, ChatGLM2Tokenizer):
        return _THIRD if tokenizer.chat_format == "chatglm3" else _SECOND
    return _GENERATION.sub("", str(tokenizer.get_chat_template()))


def turns_of(tokenizer: Any) -> Turns:
    """The format taken apart; raises ModelError for a template that does more than put texts around messages."""
    if isinstance(tokenizer, ChatGLM2Tokenizer):
        return _third() if tokenizer.chat_format == "chatglm3" else _second()
    turns = _found(tokenizer)
    for messages in _SHAPES:
        if messages[0].role == "system" and not turns.system:
            continue
        if turns.rendered(messages) != _render(tokenizer, messages):
            roles = ", ".join(message.role for message in messages)
            raise _too_much(roles)
    return turns


def _second() -> Turns:
    return Turns(
        start="[gMASK]<sop>",
        system=("[gMASK]<sop>", "\n\n"),
        user=(_ROUND, "\n\n答："),
        assistant=("", "\n\n"),
        answer="",
        numbered=True,
    )


def _third() -> Turns:
    return Turns(
        start="[gMASK]<sop>",
        system=("[gMASK]<sop><|system|>\n ", ""),
        user=("<|user|>\n ", ""),
        assistant=("<|assistant|>\n ", ""),
        answer="<|assistant|>",
    )


_S, _U = Message("system", "Qsysx"), Message("user", "Qusrx")
_A, _V = Message("assistant", "Qansx"), Message("user", "Qendx")
_MORE = (Message("assistant", "多休息。"), Message("user", "三天了，38.5 度"))
_SHAPES = (
    (_U,),
    (Message("user", "头疼怎么办？"), *_MORE),
    (_U, _A, _V, *_MORE),
    (_S, _U),
    (Message("system", "你是医生"), _U, _A, _V),
)


def _found(tokenizer: Any) -> Turns:
    alone, followed = _render(tokenizer, (_U,)), _render(tokenizer, (_U, _A, _V))
    head, tail = _around(alone, _U)
    _, rest = _around(followed, _U)
    between, rest = _around(rest, _A)
    again, _ = _around(rest, _V)
    system = _system(tokenizer)
    befores = [head, again, *([system[1]] if system else [])]
    # what precedes every question, and what follows it whether or not the answer is there
    user = _shared([text[::-1] for text in befores])[::-1]
    after = _shared([tail, between])
    return Turns(
        start=head.removesuffix(user),
        system=(system[0], system[1].removesuffix(user)) if system else None,
        user=(user, after),
        assistant=(between.removeprefix(after), again.removesuffix(user)),
        answer=tail.removeprefix(after),
    )


def _shared(texts: Sequence[str]) -> str:
    """The beginning that all texts have."""
    length = 0
    while all(len(text) > length and text[length] == texts[0][length] for text in texts):
        length += 1
    return texts[0][:length]


def _system(tokenizer: Any) -> tuple[str, str] | None:
    """What stands before a system message, and between it and the question; None where the template refuses one."""
    try:
        text = _render(tokenizer, (_S, _U))
    except TemplateError:
        return None
    if _S.content not in text:
        return None
    before, rest = _around(text, _S)
    between, _ = _around(rest, _U)
    return before, between


def _around(text: str, message: Message) -> tuple[str, str]:
    before, found, after = text.partition(message.content)
    if not found:
        raise _too_much(message.role)
    return before, after


def _render(tokenizer: Any, messages: Sequence[Message]) -> str:
    turns = [{"role": m.role, "content": m.content} for m in messages]
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def _too_much(roles: str) -> ModelError:
    return ModelError(
        en=f"the chat template cannot be said as Ollama's: it does more than put texts around messages ({roles}). "
        "Serve this model with DoctorGLM itself, or give it a plainer chat_template.jinja before it is tuned.",
        zh=f"该对话模板无法转写为 Ollama 的模板：它不只是在消息前后加文本（{roles}）。"
        "请直接用 DoctorGLM 运行该模型，或在微调前换用更简单的 chat_template.jinja。",
    )
