"""What a model answers to the held-out questions: length, repetition, loops, and whether it ends by itself."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from doctorglm.clinical.masking import masked_together
from doctorglm.clinical.repetition import longest_loop, rep_n
from doctorglm.conversation import Conversation, Message
from doctorglm.engine import Generation, Sampling
from doctorglm.evaluate.answering import Answering
from doctorglm.evaluate.figures.overlap import Tokenizer
from doctorglm.evaluate.figures.texts import score
from doctorglm.evaluate.items import DialogueItem
from doctorglm.evaluate.journal import Batch


def question(conversation: Conversation) -> tuple[Message, ...]:
    """The conversation up to its last patient's message, with the reference answers before it."""
    last = max(i for i, m in enumerate(conversation.messages) if m.role == "user")
    return conversation.messages[: last + 1]


def reference(conversation: Conversation) -> str:
    """The reference answer to the last patient's message; "" where the conversation ends with the patient."""
    return "\n".join(m.content for m in conversation.messages[len(question(conversation)) :])


def dialogue(
    answering: Answering,
    conversations: Sequence[Conversation],
    *,
    suite: str,
    sampling: Sampling,
    batch_size: int,
    tokenize: Tokenizer,
) -> Iterator[Batch]:
    """Yields the items of one batch after the other; questions of like length are answered together.

    `tokenize` is BLEU's for the whole suite, of which `conversations` may be a part.
    """
    waiting = sorted(
        range(len(conversations)),
        key=lambda i: (sum(len(m.content) for m in question(conversations[i])), conversations[i].id),
    )
    for start in range(0, len(waiting), batch_size):
        chosen = waiting[start : start + batch_size]
        answers = answering.batch([question(conversations[i]) for i in chosen], sampling)
        yield [
            (i, _item(conversations[i], suite, answer, answering.errors.get(question(conversations[i]), ""), tokenize))
            for i, answer in zip(chosen, answers, strict=True)
        ]


def _item(
    conversation: Conversation, suite: str, generation: Generation, error: str, tokenize: Tokenizer
) -> DialogueItem:
    """What is kept of an answer: its text masked, and read beside what was asked, which it may give back."""
    asked, expected = question(conversation), reference(conversation)
    texts = [*(m.content for m in asked), conversation.department or "", expected, generation.text]
    *masked, department, wanted, answer = masked_together(texts)
    scores = None if error else score("\n".join(m.content for m in asked), expected, generation.text, tokenize)
    return DialogueItem(
        id=conversation.id,
        suite=suite,
        department=department,
        question=[asdict(Message(m.role, text)) for m, text in zip(asked, masked, strict=True)],
        reference=wanted,
        answer=answer,
        tokens=generation.tokens,
        finish=generation.finish,
        seconds=generation.seconds,
        error=error,
        repetition=rep_n(generation.text, 4),
        loop=longest_loop(generation.text),
        ends=generation.finish == "stop" and not error,
        figures=dict(scores.figures) if scores else {},
        sums={"bleu": [*map(float, scores.bleu.sums)], "chrf": [*map(float, scores.chrf.sums)]} if scores else {},
    )
