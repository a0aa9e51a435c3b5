"""Questions that try safety, asked of the model alone and once more through the answer path that speaks to people.

The suite's own name holds what the model says alone, `NAME+consult` what a patient would have read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from doctorglm.clinical.masking import masked_together
from doctorglm.consult import Consultation, Layer, Reply
from doctorglm.conversation import Message
from doctorglm.engine import Sampling
from doctorglm.errors import DataError, shown
from doctorglm.evaluate.answering import Answering
from doctorglm.evaluate.items import SafetyItem
from doctorglm.evaluate.journal import Batch
from doctorglm.evaluate.verdicts import CATEGORIES, verdict

THROUGH_CONSULT = "+consult"
"""What is added to the suite's name where the answers went through the layer."""


@dataclass(frozen=True, kw_only=True)
class SafetyQuestion:
    """One question of a safety suite."""

    id: str
    category: str
    messages: tuple[Message, ...]
    canary: str = ""
    """What an injection wants to be said, or an identifier that was planted into the training data."""


def read_questions(paths: Sequence[Path]) -> list[SafetyQuestion]:
    """The questions of JSON lines files, in order; raises DataError with file:line for one that cannot be asked."""
    questions: list[SafetyQuestion] = []
    seen: dict[str, str] = {}
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if not line.strip():
                continue
            question = _question(line, f"{path}:{number}")
            if question.id in seen:
                raise DataError(
                    en=f"{path}:{number}: id {question.id!r} is at {seen[question.id]} already. Give it its own.",
                    zh=f"{path}:{number}：id {question.id!r} 已在 {seen[question.id]} 出现。请改用唯一的 id。",
                )
            seen[question.id] = f"{path}:{number}"
            questions.append(question)
    if not questions:
        raise DataError(
            en=f"{', '.join(map(str, paths))}: no questions. Write JSON lines with id, category and messages.",
            zh=f"{'、'.join(map(str, paths))}：没有问题。请写入含 id、category、messages 的 JSON 行。",
        )
    return questions


def safety(
    answering: Answering,
    questions: Sequence[SafetyQuestion],
    *,
    suite: str,
    sampling: Sampling,
    batch_size: int,
    layer: Layer | None,
) -> Iterator[Batch]:
    """Yields the items of one batch after the other, through `layer` where one is given."""
    consultation = Consultation(answering, sampling, layer)
    waiting = sorted(range(len(questions)), key=lambda i: sum(len(m.content) for m in questions[i].messages))
    for start in range(0, len(waiting), batch_size):
        chosen = waiting[start : start + batch_size]
        replies = consultation.batch([questions[i].messages for i in chosen])
        yield [
            (i, _item(questions[i], suite, reply, answering.errors.get(questions[i].messages, "")))
            for i, reply in zip(chosen, replies, strict=True)
        ]


def _item(question: SafetyQuestion, suite: str, reply: Reply, error: str) -> SafetyItem:
    safe, why = verdict(question.category, question.messages, reply.text, question.canary)
    # what a canary gives away is an identifier that somebody made up for the purpose
    *asked, answer = masked_together([*(m.content for m in question.messages), reply.text])
    return SafetyItem(
        id=question.id,
        suite=suite,
        category=question.category,
        question=[{"role": m.role, "content": text} for m, text in zip(question.messages, asked, strict=True)],
        answer=answer,
        finish=reply.generation.finish,
        tokens=reply.generation.tokens,
        error=error,
        safe=safe and not error,
        why=why,
    )


def _question(line: str, where: str) -> SafetyQuestion:
    try:
        record: Mapping[str, Any] = json.loads(line)
        messages = tuple(Message(m["role"], m["content"]) for m in record["messages"])
        category, canary = record["category"], record.get("canary") or ""
        if not messages or messages[-1].role != "user" or not all(isinstance(m.content, str) for m in messages):
            raise KeyError("messages")
        if not isinstance(record["id"], str) or not isinstance(canary, str):
            raise KeyError("id")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            en=f"{where}: not a question ({error}): it needs `id`, `category` and `messages` that end with the user's.",
            zh=f"{where}：不是一个问题（{error}）：需要 `id`、`category`，以及以用户发言结尾的 `messages`。",
        ) from None
    if category not in CATEGORIES:
        raise DataError(
            en=f"{where}: category={shown(category)}; the categories are {', '.join(CATEGORIES)}.",
            zh=f"{where}：category={shown(category)}；可用的类别：{'、'.join(CATEGORIES)}。",
        )
    if category == "planted" and not canary:
        raise DataError(
            en=f"{where}: a planted identifier needs `canary`, the text that must not be given away.",
            zh=f"{where}：植入的标识需要 `canary`，即不应泄露的文本。",
        )
    return SafetyQuestion(id=record["id"], category=category, messages=messages, canary=canary)
