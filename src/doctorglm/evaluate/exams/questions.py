"""Questions with options: read from exam files, which of them are shown as examples, and the order of the options."""

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from doctorglm.errors import DataError
from doctorglm.evaluate.exams.files import ExamQuestion, read_exam

__all__ = ["ExamQuestion", "OrderKind", "ordered", "orders", "read_exam", "shots"]

OrderKind: TypeAlias = Literal["given", "shuffled", "rotations"]

_SPEAKS_OF_OTHERS = re.compile(
    r"以上|上述|前[两二三四五]|[A-H]\s*(?:[、,，/+]|和|与|及|或|and|or|&)\s*[A-H](?![A-Za-z])"
    r"|\b(?:all|none|both|neither|any)\s+of\s+(?:the\s+)?(?:above|these|them)|\b(?:both|neither)\s+[A-H]\b",
    re.IGNORECASE,
)
"""An option that speaks of the others by place or letter (以上都对, A和B): elsewhere it would say another thing."""


def shots(questions: Sequence[ExamQuestion], n: int) -> tuple[dict[str, tuple[ExamQuestion, ...]], list[ExamQuestion]]:
    """The first `n` questions of each subject, which are shown with their answers, and all others, which are scored.

    Raises DataError when a subject has no question left to score.
    """
    if n < 1:
        return {}, list(questions)
    by_subject: dict[str, list[ExamQuestion]] = {}
    for question in questions:
        by_subject.setdefault(question.subject, []).append(question)
    for subject, of_subject in by_subject.items():
        if len(of_subject) <= n:
            raise DataError(
                en=f"{of_subject[0].where}: {subject} has {len(of_subject)} questions: with {n} of them shown as "
                "examples none is left to score. Show fewer, or leave this subject out.",
                zh=f"{of_subject[0].where}：{subject} 只有 {len(of_subject)} 题，用 {n} 题作示例就没有可评分的了。"
                "请减少示例，或去掉这个科目。",
            )
    shown = {subject: tuple(of_subject[:n]) for subject, of_subject in by_subject.items()}
    ids = {question.id for of_subject in shown.values() for question in of_subject}
    return shown, [question for question in questions if question.id not in ids]


def ordered(question: ExamQuestion, order: Sequence[str]) -> ExamQuestion:
    """The question with its options in another order under the same letters, and with the answer's new letters.

    `order` names for each place, from the first letter on, the letter whose option comes to stand there.
    """
    letters = list(question.options)
    assert sorted(order) == sorted(letters), f"{order} is no order of {letters}"
    options = {letter: question.options[was] for letter, was in zip(letters, order, strict=True)}
    answer = "".join(letter for letter, was in zip(letters, order, strict=True) if was in question.answer)
    return replace(question, options=options, answer="".join(sorted(answer)))


def orders(question: ExamQuestion, kind: OrderKind, seed: int) -> list[tuple[str, ...]]:
    """The orders in which a question is asked, the given one first.

    `shuffled` adds another order, drawn by the question's id and the seed; `rotations` adds every cyclic rotation.
    A question with an option that speaks of the others by their place is asked in the given order alone.
    """
    given = tuple(question.options)
    if kind == "given" or any(_SPEAKS_OF_OTHERS.search(text) for text in question.options.values()):
        return [given]
    if kind == "rotations":
        return [given[i:] + given[:i] for i in range(len(given))]
    drawn = (_drawn(given, f"{seed}\n{question.id}\n{attempt}") for attempt in itertools.count())
    return [given, next(order for order in drawn if order != given)]


def _drawn(letters: tuple[str, ...], key: str) -> tuple[str, ...]:
    """The letters by the SHA-256 of key and letter: an order that no version of Python changes."""
    return tuple(sorted(letters, key=lambda letter: hashlib.sha256(f"{key}\n{letter}".encode()).digest()))
