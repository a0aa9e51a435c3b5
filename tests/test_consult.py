"""The one answer path, with an engine that says what it is told."""

from collections.abc import Iterator, Sequence

from doctorglm.consult import LABEL, Consultation, Reply
from doctorglm.conversation import Message
from doctorglm.engine import Generation, Sampling

SAMPLING = Sampling(max_new_tokens=7)
QUESTION = [Message("user", "头疼")]


class Scripted:
    """An engine that says two pieces, and notes how it was asked and whether it was closed."""

    name = "scripted"

    def __init__(self) -> None:
        self.asked: list[tuple[list[Message], Sampling]] = []
        self.closed = False

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Generation]:
        self.asked.append((list(messages), sampling))
        self.kept = self._say()  # so that nothing but close() closes it
        return self.kept

    def _say(self) -> Iterator[str | Generation]:
        try:
            yield "多休"
            yield "息。"
            yield Generation(text="多休息。", tokens=3, finish="stop", seconds=0.5, dropped_turns=1)
        finally:
            self.closed = True

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        return [Generation(text=c[-1].content, tokens=1, finish="stop", seconds=0.1) for c in conversations]


class Listed(Scripted):
    """An engine whose stream cannot be closed."""

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Generation]:
        return iter([*super().stream(messages, sampling)])


def test_pieces_then_the_labelled_reply() -> None:
    for engine in (Scripted(), Listed()):
        *pieces, reply = Consultation(engine, SAMPLING).stream(QUESTION)
        assert isinstance(reply, Reply)
        assert (pieces, reply.text, reply.label) == (["多休", "息。"], "多休息。", LABEL)
        assert reply.generation.dropped_turns == 1
        assert engine.asked == [(QUESTION, SAMPLING)]


def test_closing_closes_the_engine() -> None:
    engine = Scripted()
    stream = Consultation(engine, SAMPLING).stream(QUESTION)
    assert next(stream) == "多休"
    stream.close()
    assert engine.closed


def test_a_batch_keeps_its_order() -> None:
    replies = Consultation(Scripted(), SAMPLING).batch([[Message("user", text)] for text in ("一", "二")])
    assert [(r.text, r.label) for r in replies] == [("一", LABEL), ("二", LABEL)]


def test_the_label_says_ai_and_no_diagnosis_in_both_languages() -> None:
    assert "AI" in LABEL.zh and "不是诊断" in LABEL.zh
    assert "AI" in LABEL.en and "not a diagnosis" in LABEL.en
