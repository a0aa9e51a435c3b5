"""What was asked and answered, as a page shows it."""

from collections.abc import Mapping, Sequence

from doctorglm.clinical.repetition import longest_loop
from doctorglm.evaluate.items import DialogueItem
from doctorglm.evaluate.metrics import LOOP_CHARACTERS, loops
from doctorglm.language import Text
from doctorglm.report.numbers import percent

_LONGEST = 600
_LONGEST_LOOP = 160
"""Characters of an answer that are shown; a loop is seen before its end."""


def asked(messages: Sequence[Mapping[str, str]]) -> str:
    """What was asked; of several turns, who said what."""
    if len(messages) == 1:
        return messages[0].get("content", "")
    # in Chinese, as the words themselves: they stand once on a page of two languages
    names = {"user": "患者", "assistant": "医生"}
    return "\n".join(f"{names.get(m.get('role', ''), m.get('role', ''))}：{m.get('content', '')}" for m in messages)


def shown(answer: str) -> str:
    """The answer, its end left out where it is very long, or where it says the same over and over."""
    longest = _LONGEST_LOOP if longest_loop(answer) >= LOOP_CHARACTERS else _LONGEST
    return answer if len(answer) <= longest else answer[:longest].rstrip() + " […]"


def state(item: DialogueItem) -> Text:
    """How an answer ended, and how much of it is repeated."""
    if item.error or not item.answer.strip():
        return Text(en="no answer", zh="没有回答")
    repeated = percent(item.repetition, 0)
    if loops(item):
        return Text(en=f"loops, {repeated} repeated", zh=f"循环重复，重复率 {repeated}")
    if not item.ends:
        return Text(en=f"cut off after {item.tokens} tokens", zh=f"{item.tokens} 个 token 后截断")
    return Text(en=f"ends by itself, {repeated} repeated", zh=f"自行结束，重复率 {repeated}")
