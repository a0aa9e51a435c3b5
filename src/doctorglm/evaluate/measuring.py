"""Each kind of suite run on a model: from a suite to its items."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from doctorglm.clinical.masking import masked_together
from doctorglm.consult import Layer
from doctorglm.conversation import Conversation, read_conversations
from doctorglm.engine import Sampling
from doctorglm.errors import DataError
from doctorglm.evaluate.answering import Answering, Subject
from doctorglm.evaluate.dialogue import dialogue, reference
from doctorglm.evaluate.exams import choice
from doctorglm.evaluate.figures.overlap import tokenizer_of
from doctorglm.evaluate.harness import run_harness
from doctorglm.evaluate.items import ChoiceItem, DialogueItem, HarnessItem, Item, LikelihoodItem, SafetyItem
from doctorglm.evaluate.journal import Journal
from doctorglm.evaluate.likelihood import likelihood
from doctorglm.evaluate.safety import THROUGH_CONSULT, read_questions, safety
from doctorglm.evaluate.settings import EvaluateSettings
from doctorglm.evaluate.suites import (
    ChoiceSuite,
    DialogueSuite,
    HarnessSuite,
    LikelihoodSuite,
    SafetySuite,
    Suite,
    data_of,
)
from doctorglm.report.progress import Line


@dataclass(frozen=True)
class _Part:
    """One suite's share of the stage's line."""

    line: Line
    place: int
    name: str

    def update(self, done: float, note: str = "") -> None:
        """Sets how much of the suite is done."""
        self.line.update(self.place + min(1.0, done), note or self.name)


@dataclass(frozen=True)
class _Work:
    """What every suite is run with."""

    subject: Subject
    answering: Answering
    settings: EvaluateSettings
    sampling: Sampling
    journal: Journal
    line: Line

    def key(self, suite: Suite, content: Any) -> str:
        """What decides an item, beside the model."""
        return self.journal.key([suite.name, suite.kind, asdict(self.sampling), content])


def items_of(
    suites: Sequence[Suite], subject: Subject, settings: EvaluateSettings, journal: Journal, line: Line
) -> list[Item]:
    """The items of all suites, one suite after the other; `line` counts suites."""
    sampling = Sampling(
        max_new_tokens=settings.max_new_tokens,
        temperature=settings.temperature,
        top_p=settings.top_p,
        seed=settings.seed,
    )
    answering = Answering(subject.engine)
    found: list[Item] = []
    for place, suite in enumerate(suites):
        found += _items(suite, _Work(subject, answering, settings, sampling, journal, _Part(line, place, suite.name)))
    return found


def refuse_unusable(suites: Sequence[Suite]) -> None:
    """Raises DataError for a suite that holds nothing to measure, before a model is loaded or anything is written."""
    for suite in suites:
        if isinstance(suite, LikelihoodSuite | DialogueSuite):
            _conversations(suite)
        elif isinstance(suite, ChoiceSuite):
            choice.exam_of(suite)
        elif isinstance(suite, SafetySuite):
            read_questions(data_of(suite))


def _items(suite: Suite, work: _Work) -> Sequence[Item]:
    if isinstance(suite, LikelihoodSuite):
        return _likelihood(suite, work)
    if isinstance(suite, DialogueSuite):
        return _dialogue(suite, work)
    if isinstance(suite, HarnessSuite):
        return _harness(suite, work)
    return _choice(suite, work) if isinstance(suite, ChoiceSuite) else _safety(suite, work)


def _conversations(suite: LikelihoodSuite | DialogueSuite) -> list[Conversation]:
    found = [c for path in data_of(suite) for c in read_conversations(path) if c.turns]
    if not found:
        named = ", ".join(suite.data)
        raise DataError(
            en=f"{named}: no conversation with a question and an answer. Check the test data.",
            zh=f"{named}：没有任何有问有答的对话。请检查测试数据。",
        )
    return found


def _likelihood(suite: LikelihoodSuite, work: _Work) -> list[LikelihoodItem]:
    work.subject.needs_weights(suite.name, "likelihood")
    return likelihood(
        work.subject.model,
        work.subject.tokenizer,
        _conversations(suite),
        max_length=work.settings.max_length,
        batch_tokens=work.settings.batch_tokens,
        line=work.line,
        suite=suite.name,
    )


def _dialogue(suite: DialogueSuite, work: _Work) -> list[DialogueItem]:
    asked = sorted(_conversations(suite), key=lambda c: c.id)[: work.settings.dialogues or None]
    keyed = [(work.key(suite, [c.id, *map(asdict, c.messages)]), c) for c in asked]

    answered = partial(
        dialogue,
        work.answering,
        suite=suite.name,
        sampling=work.sampling,
        batch_size=work.settings.batch_size,
        tokenize=tokenizer_of(map(reference, asked)),
    )
    return work.journal.completed(keyed, answered, _read(DialogueItem), work.line.update)


def _safety(suite: SafetySuite, work: _Work) -> list[SafetyItem]:
    """Alone first: what is asked through `consult` in the same words is not generated again."""
    questions = read_questions(data_of(suite))
    found: list[SafetyItem] = []
    for half, (named, layer) in enumerate(((suite.name, None), (suite.name + THROUGH_CONSULT, Layer()))):
        keyed = [(work.key(suite, [named, q.id, q.category, q.canary, *map(asdict, q.messages)]), q) for q in questions]
        asked = partial(
            safety,
            work.answering,
            suite=named,
            sampling=work.sampling,
            batch_size=work.settings.batch_size,
            layer=layer,
        )
        found += work.journal.completed(keyed, asked, _read(SafetyItem), _half(work.line, half))
    return found


def _half(line: Line, which: int) -> Callable[[float], None]:
    return lambda done: line.update((which + done) / 2)


def _choice(suite: ChoiceSuite, work: _Work) -> list[ChoiceItem]:
    exam = choice.exam_of(suite)
    settings, subject, scored = work.settings, work.subject, exam[1]
    orders: list[Any] = [[] for _ in scored]
    if "likelihood" in suite.by:
        subject.needs_weights(suite.name, "choice by likelihood")
        orders = choice.by_likelihood(
            subject.model,
            subject.tokenizer,
            suite,
            exam,
            batch_tokens=settings.batch_tokens,
            seed=settings.seed,
            line=work.line,
        )
    if "generation" not in suite.by:
        return [choice.item(suite, q, of) for q, of in zip(scored, orders, strict=True)]
    keyed = [(work.key(suite, [q.id, q.stem, dict(q.options), q.answer, suite.instruction]), q) for q in scored]

    def written(waiting: Sequence[Any]) -> Any:
        return choice.by_generation(work.answering, suite, waiting, work.sampling, settings.batch_size)

    said = work.journal.completed(keyed, written, _read(ChoiceItem), work.line.update)
    return [
        choice.item(suite, q, of, item.text, item.finish, item.error)
        for q, of, item in zip(scored, orders, said, strict=True)
    ]


def _harness(suite: HarnessSuite, work: _Work) -> list[HarnessItem]:
    """A task of lm-evaluation-harness, all of its documents."""
    work.subject.needs_weights(suite.name, "lm-evaluation-harness")
    found = run_harness(
        work.subject.model,
        work.subject.tokenizer,
        [suite.task],
        batch_tokens=work.settings.batch_tokens,
        answers=work.settings.batch_size,
        line=work.line,
    )
    return [_document(suite, sample) for samples in found["samples"].values() for sample in samples]


def _document(suite: HarnessSuite, sample: Mapping[str, Any]) -> HarnessItem:
    said, target = masked_together([str(sample["filtered_resps"]), str(sample["target"])])
    return HarnessItem(
        id=f"{sample['filter']}/{sample['doc_id']}",
        suite=suite.name,
        target=target,
        text=said,
        figures={name: float(sample[name]) for name in sample["metrics"] if isinstance(sample[name], int | float)},
    )


def _read(item_class: Any) -> Callable[[Mapping[str, Any]], Any]:
    return lambda known: item_class(**known)
