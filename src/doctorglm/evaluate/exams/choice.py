"""Exam questions: what the model chooses, by the likelihood of the letters and by what it writes.

By likelihood as in lm-evaluation-harness: the solved questions of the subject, the question, and the letter whose
tokens are likeliest after them. Then the same in another order of the options, under the same letters: a model that
knows the answer finds it there too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from doctorglm.clinical.masking import masked_together
from doctorglm.conversation import Message
from doctorglm.engine import Sampling
from doctorglm.evaluate.answering import Answering
from doctorglm.evaluate.exams.answers import read_choice
from doctorglm.evaluate.exams.questions import ExamQuestion, ordered, orders, read_exam, shots
from doctorglm.evaluate.items import ChoiceItem, Ordered
from doctorglm.evaluate.journal import Batch
from doctorglm.evaluate.scoring import Request, score
from doctorglm.evaluate.suites import ChoiceSuite, data_of
from doctorglm.report.progress import Line

Exam: TypeAlias = tuple[Mapping[str, Sequence[ExamQuestion]], list[ExamQuestion]]
"""The shots of each subject, and the questions that are scored."""


def exam_of(suite: ChoiceSuite) -> Exam:
    """The shots and the questions of a suite; raises DataError for items that are none."""
    solved, scored = shots(read_exam(data_of(suite)), suite.shots)
    if suite.limit:
        subjects: dict[str, list[ExamQuestion]] = {}
        for question in scored:
            subjects.setdefault(question.subject, []).append(question)
        scored = [question for of in subjects.values() for question in of[: suite.limit]]
    return solved, scored


def by_likelihood(
    model: Any,
    tokenizer: Any,
    suite: ChoiceSuite,
    exam: Exam,
    *,
    batch_tokens: int,
    seed: int,
    line: Line | None = None,
) -> list[list[Ordered]]:
    """For each question its options' nats in each order; nothing for questions of which several answers are right."""
    solved, scored = exam
    head = {subject: _head(suite, subject, of) for subject, of in solved.items()}
    requests: list[Request] = []
    places: list[tuple[int, tuple[str, ...]]] = []
    for number, question in enumerate(scored):
        if question.multiple:
            continue
        before = head.get(question.subject) or _head(suite, question.subject, [])
        for order in orders(question, suite.orders, seed):
            asked = before + _asked(suite, ordered(question, order))
            places.append((number, order))
            requests += [_request(tokenizer, asked, suite.delimiter + letter) for letter in question.options]
    scores = iter(score(model, requests, batch_tokens=batch_tokens, padding_id=_padding(tokenizer), line=line))
    found: list[list[Ordered]] = [[] for _ in scored]
    for number, order in places:
        found[number].append(_ordered(order, [next(scores).nats for _ in order]))
    return found


def by_generation(
    answering: Answering, suite: ChoiceSuite, questions: Sequence[ExamQuestion], sampling: Sampling, batch_size: int
) -> Iterator[Batch]:
    """Yields items without likelihoods, one batch after the other."""
    asked = [(Message("user", _filled(suite.instruction, question)),) for question in questions]
    waiting = sorted(range(len(questions)), key=lambda i: len(asked[i][0].content))
    for start in range(0, len(waiting), batch_size):
        chosen = waiting[start : start + batch_size]
        answers = answering.batch([asked[i] for i in chosen], sampling)
        yield [
            (i, item(suite, questions[i], [], answer.text, answer.finish, answering.errors.get(asked[i], "")))
            for i, answer in zip(chosen, answers, strict=True)
        ]


def item(
    suite: ChoiceSuite,
    question: ExamQuestion,
    scored: list[Ordered],
    text: str | None = None,
    finish: Any = "stop",
    error: str = "",
) -> ChoiceItem:
    """What is kept of a question: likelihoods, and the masked text with the letters that it chooses."""
    read = None if text is None else read_choice(text, question.options, question.multiple)
    return ChoiceItem(
        id=question.id,
        suite=suite.name,
        subject=question.subject,
        answer=question.answer,
        letters=list(question.options),
        orders=scored,
        text=None if text is None else masked_together([text])[0],
        read=read or "",
        finish=finish,
        error=error,
    )


def _ordered(order: Sequence[str], nats: Sequence[float]) -> Ordered:
    """`nats` stand in the order in which the options were shown; the item keeps them by original letter."""
    of = dict(zip(order, nats, strict=True))
    letters = sorted(of)
    return Ordered(order=list(order), nats=[of[letter] for letter in letters], chosen=min(letters, key=of.__getitem__))


def _head(suite: ChoiceSuite, subject: str, solved: Sequence[ExamQuestion]) -> str:
    """The description and the solved questions, a blank line after each."""
    shown = "".join(f"{_asked(suite, q)}{suite.delimiter}{q.answer}\n\n" for q in solved)
    return suite.description.replace("{subject}", suite.subjects.get(subject, subject)) + shown


def _asked(suite: ChoiceSuite, question: ExamQuestion) -> str:
    return _filled(suite.question, question)


def _filled(prompt: str, question: ExamQuestion) -> str:
    """The prompt with stem and options; braces within them are left alone."""
    options = "\n".join(f"{letter}. {text}" for letter, text in question.options.items())
    before, _, after = prompt.partition("{stem}")
    return before.replace("{options}", options) + question.stem + after.replace("{options}", options)


def _request(tokenizer: Any, context: str, continuation: str) -> Request:
    """The ids of context and continuation; the letter is cut off where the context ends when both are read together."""
    if getattr(tokenizer, "gmask_token_id", None) is not None:
        return Request(
            tuple(tokenizer.encode(context)), tuple(tokenizer.encode(continuation, add_special_tokens=False))
        )
    before = tokenizer.encode(context)
    whole = tokenizer.encode(context + continuation)
    return Request(tuple(before), tuple(whole[len(before) :]))


def _padding(tokenizer: Any) -> int:
    return int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id)
