"""Light cleaning that changes no punctuation, unit or number: line ends, outer spaces, merged turns, courtesies."""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from doctorglm.conversation import Conversation, Message, Role
from doctorglm.curate.normalise import normalised_by

_LINE_ENDS = re.compile(r"\r\n?|\u2028|\u2029")
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u2060\ufeff]")
_BLANK_LINES = re.compile(r"(?<![ \t\u3000])[ \t\u3000]*\n(?:[ \t\u3000]*\n)+")


def clean(
    conversation: Conversation, drop_courtesies: bool, changes: Counter[str], normalise: Collection[str] = ()
) -> Conversation:
    """The conversation normalised by these steps and tidied; `changes` counts what was done, by kind."""
    even = normalised_by(normalise)
    messages = [Message(m.role, tidy(even(m.content, changes))) for m in conversation.messages]
    messages = _merged(messages, changes)
    messages = _asked(messages, changes)
    messages = _answered(messages, changes)
    if drop_courtesies:
        messages = [_without_courtesy(m, changes) for m in messages]
    return replace(conversation, messages=tuple(messages))


def tidy(text: str) -> str:
    """Line ends as \\n, no invisible marks, no outer spaces, one blank line at most."""
    text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
    return _BLANK_LINES.sub("\n\n", text).strip()


def _merged(messages: list[Message], changes: Counter[str]) -> list[Message]:
    """Neighbouring turns of one role become one, in order."""
    merged: list[list[str]] = []
    roles: list[Role] = []
    for message in messages:
        if roles and roles[-1] == message.role:
            merged[-1].append(message.content)
            changes["merged_turns"] += 1
        else:
            roles.append(message.role)
            merged.append([message.content])
    return [Message(role, "\n".join(part for part in parts if part)) for role, parts in zip(roles, merged, strict=True)]


def _asked(messages: list[Message], changes: Counter[str]) -> list[Message]:
    """Without what the doctor says before the patient has said anything, if the patient says something."""
    first = next((i for i, m in enumerate(messages) if m.role != "system"), 0)
    if messages and messages[first].role == "assistant" and any(m.role == "user" for m in messages):
        changes["dropped_opening"] += 1
        return messages[:first] + messages[first + 1 :]
    return messages


def _answered(messages: list[Message], changes: Counter[str]) -> list[Message]:
    """Without a last question that nobody answers, if anything else was answered."""
    if messages and messages[-1].role == "user" and any(m.role == "assistant" for m in messages):
        changes["dropped_unanswered_question"] += 1
        return messages[:-1]
    return messages


_COURTESY = re.compile(
    r"(?:(?<=[。！？!?.；;，,、\n])|(?<=[。！？!?] ))\s*(?:"
    r"(?:最后)?(?:再次)?(?:非常)?感谢(?:您|你|大家)?(?:的|对我们的|能)?(?:进行)?(?:咨询|提问|信任|支持|关注|理解)[^。！？!?]{0,6}"
    r"|谢谢(?:您|你|大家)?(?:的)?(?:咨询|提问|信任|支持)?"
    r"|(?:最后)?(?:衷心)?(?:祝|祝愿|预祝)(?:您|你|患者|他|她|宝宝|孩子|大家|老人)?(?:和家人)?(?:的)?(?:身体|病情)?"
    r"(?:能够|能|可以)?(?:早日|尽快|永远|一切)?(?:恢复)?(?:健康|康复|痊愈|平安|快乐|好转|安康)(?:快乐|成长|幸福)?"
    r"|(?:希望|期望|但愿|望)(?:以上|上述|上面|我|我们|这些|本次|能|可以|对)[^。！？!?；;，,\n]{0,14}(?:帮助|协助|帮到|协助到)[^。！？!?；;，,\n]{0,6}"
    r")[。！？!?.，,~～\s]*$"
)
_MIN_LEFT_CHARS = 10


def _without_courtesy(message: Message, changes: Counter[str]) -> Message:
    """The answer without its closing formulas; an answer that would say nothing else is left as it is."""
    if message.role != "assistant":
        return message
    text = message.content
    while found := _COURTESY.search(text):
        left = text[: found.start()].rstrip()
        if len(left) < _MIN_LEFT_CHARS:
            break
        changes["dropped_courtesies"] += 1
        text = left[:-1] + "。" if left[-1] in "，,、；;" else left
    return Message(message.role, text)
