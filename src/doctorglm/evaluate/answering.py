"""What is measured, and its answers: remembered, and one that fails does not take the others with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from doctorglm.conversation import Message
from doctorglm.engine import Engine, Generation, Sampling
from doctorglm.errors import ConfigError, DataError, DoctorGLMError, ModelError

Asked: TypeAlias = tuple[Message, ...]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model under evaluation; `model` and `tokenizer` are None where it is behind a server."""

    engine: Engine
    identity: Mapping[str, Any]
    """What decides its answers, for the journal: base, adapter, precision."""
    model: Any = None
    tokenizer: Any = None

    def needs_weights(self, suite: str, what: str) -> None:
        """Raises ConfigError where the model is behind a server, which tells no likelihoods."""
        if self.model is None:
            raise ConfigError(
                en=f"suite {suite}: {what} needs the model's own weights, and {self.engine.name} is a server. "
                "Use suites of dialogue, safety, or choice with `by: [generation]`.",
                zh=f"suite {suite}：{what} 需要模型权重，而 {self.engine.name} 是服务器。"
                "请使用 dialogue、safety，或设了 `by: [generation]` 的 choice。",
            )


@dataclass
class Answering:
    """An engine that answers each conversation once and remembers why one could not be answered."""

    engine: Engine
    errors: dict[Asked, str] = field(default_factory=dict)
    _known: dict[tuple[Asked, Sampling], Generation] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The engine's."""
        return self.engine.name

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Generation]:
        """The engine's own."""
        return self.engine.stream(messages, sampling)

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        """One answer each, in order; an empty one with its reason in `errors` where there is none."""
        asked = [tuple(messages) for messages in conversations]
        new = list(dict.fromkeys(one for one in asked if (one, sampling) not in self._known))
        for one, given in zip(new, self._answered(new, sampling), strict=True):
            if isinstance(given, DoctorGLMError):
                self.errors[one] = str(given)
                given = Generation(text="", tokens=0, finish="stop", seconds=0.0)
            self._known[one, sampling] = given
        return [self._known[one, sampling] for one in asked]

    def _answered(self, asked: Sequence[Asked], sampling: Sampling) -> Sequence[Generation | DoctorGLMError]:
        if not asked:
            return []
        tolerant = getattr(self.engine, "batch_or_errors", None)
        if tolerant is not None:
            answered: list[Generation | DoctorGLMError] = tolerant(asked, sampling)
            return answered
        try:
            return self.engine.batch(asked, sampling)
        except DataError:
            return [self._alone(one, sampling) for one in asked]

    def _alone(self, asked: Asked, sampling: Sampling) -> Generation | DoctorGLMError:
        try:
            return self.engine.batch([asked], sampling)[0]
        except (DataError, ModelError) as error:
            return error
