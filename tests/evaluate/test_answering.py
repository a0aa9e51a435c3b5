"""Answers are asked for once, and one that fails takes nothing with it."""

from collections.abc import Iterator, Sequence

import pytest

from doctorglm.conversation import Message
from doctorglm.engine import Generation, Sampling
from doctorglm.errors import ConfigError, DataError, DoctorGLMError, ModelError
from doctorglm.evaluate.answering import Answering, Subject

SAMPLING = Sampling(max_new_tokens=8)


def asked(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)


class Scripted:
    """Repeats what it is asked; `long` cannot be answered, and takes the batch with it as a local model does."""

    name = "scripted"

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Generation]:
        yield messages[-1].content

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        texts = [messages[-1].content for messages in conversations]
        self.calls.append(texts)
        if "long" in texts:
            raise DataError(en="too long", zh="太长")
        if "broken" in texts:
            raise ModelError(en="NaN", zh="NaN")
        return [Generation(text=f"{t}!{sampling.seed}", tokens=2, finish="stop", seconds=0.1) for t in texts]


class Tolerant(Scripted):
    def batch_or_errors(
        self, conversations: Sequence[Sequence[Message]], sampling: Sampling
    ) -> list[Generation | DoctorGLMError]:
        good = [c for c in conversations if c[-1].content != "late"]
        given = iter(self.batch(good, sampling))
        late = DataError(en="no answer within 60 s", zh="60 秒内没有回答")
        return [late if c[-1].content == "late" else next(given) for c in conversations]


def test_each_is_asked_once_and_order_is_kept() -> None:
    engine = Scripted()
    answering = Answering(engine)
    first = answering.batch([asked("b"), asked("a"), asked("b")], SAMPLING)
    assert [g.text for g in first] == ["b!0", "a!0", "b!0"]
    assert [g.text for g in answering.batch([asked("a"), asked("c")], SAMPLING)] == ["a!0", "c!0"]
    assert engine.calls == [["b", "a"], ["c"]]
    other = answering.batch([asked("a")], Sampling(max_new_tokens=8, seed=1))
    assert other[0].text == "a!1"


def test_one_that_fails_is_marked_and_the_others_are_answered() -> None:
    answering = Answering(Scripted())
    found = answering.batch([asked("a"), asked("long"), asked("b")], SAMPLING)
    assert [g.text for g in found] == ["a!0", "", "b!0"]
    assert {key[0].content: why for key, why in answering.errors.items()} == {"long": "too long"}
    tolerant = Answering(Tolerant())
    assert [g.text for g in tolerant.batch([asked("late"), asked("b")], SAMPLING)] == ["", "b!0"]
    assert [key[0].content for key in tolerant.errors] == ["late"]


def test_a_model_that_computes_nonsense_stops_the_evaluation() -> None:
    with pytest.raises(ModelError):
        Answering(Scripted()).batch([asked("a"), asked("broken")], SAMPLING)


def test_a_server_tells_no_likelihoods() -> None:
    subject = Subject(engine=Scripted(), identity={})
    with pytest.raises(ConfigError, match="suite general: likelihood needs the model's own weights"):
        subject.needs_weights("general", "likelihood")
