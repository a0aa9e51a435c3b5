"""What a model answers to the held-out questions: length, repetition, loops, and whether it ends by itself."""

from collections.abc import Iterator, Sequence

from doctorglm.clinical.masking import masked_together
from doctorglm.clinical.repetition import longest_loop, rep_n
from doctorglm.consult import Consultation, Reply
from doctorglm.conversation import Conversation, Message
from doctorglm.evaluate.items import DialogueItem


def question(conversation: Conversation) -> tuple[Message, ...]:
    """The conversation up to its last patient's message, with the reference answers before it."""
    last = max(i for i, m in enumerate(conversation.messages) if m.role == "user")
    return conversation.messages[: last + 1]


def dialogue(
    consultation: Consultation, conversations: Sequence[Conversation], batch_size: int
) -> Iterator[list[DialogueItem]]:
    """Yields the items of one batch after the other; questions of like length are answered together."""
    waiting = sorted(conversations, key=lambda c: (sum(len(m.content) for m in question(c)), c.id))
    for start in range(0, len(waiting), batch_size):
        chosen = waiting[start : start + batch_size]
        replies = consultation.batch([question(c) for c in chosen])
        yield [_item(c, reply) for c, reply in zip(chosen, replies, strict=True)]


def _item(conversation: Conversation, reply: Reply) -> DialogueItem:
    """What is kept of an answer: its text masked, and read beside what was asked, which it may give back."""
    generation = reply.generation
    *_, answer = masked_together([*(m.content for m in question(conversation)), reply.text])
    return DialogueItem(
        id=conversation.id,
        answer=answer,
        tokens=generation.tokens,
        finish=generation.finish,
        seconds=generation.seconds,
        repetition=rep_n(reply.text, 4),
        loop=longest_loop(reply.text),
        ends=generation.finish == "stop",
    )
