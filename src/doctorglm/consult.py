"""The one answer path: engine -> label. Triage, grounding and guards take their places here as they are built."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from doctorglm.conversation import Message
from doctorglm.engine import Engine, Generation, Sampling
from doctorglm.language import Text

LABEL = Text(
    en="AI-generated. Information only: not a diagnosis, not a prescription; ask a doctor.",
    zh="AI 生成内容，仅供参考：不是诊断，也不是处方，请咨询医生。",
)
"""Stands at the head of every answer that a person sees."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One finished answer with its label."""

    label: Text
    generation: Generation

    @property
    def text(self) -> str:
        """The answer without its label."""
        return self.generation.text


class Consultation:
    """Answers through an engine; `chat`, `demo` and `evaluate` use nothing else."""

    def __init__(self, engine: Engine, sampling: Sampling) -> None:
        self.engine = engine
        self.sampling = sampling

    def stream(self, messages: Sequence[Message]) -> Generator[str | Reply, None, None]:
        """Yields the answer's text as it comes, then the Reply; the label is to be shown before the first piece.

        Closing it stops the engine.
        """
        pieces = self.engine.stream(messages, self.sampling)
        try:
            for piece in pieces:
                yield Reply(label=LABEL, generation=piece) if isinstance(piece, Generation) else piece
        finally:
            if isinstance(pieces, Generator):
                pieces.close()

    def batch(self, conversations: Sequence[Sequence[Message]]) -> list[Reply]:
        """One reply for each conversation, in order."""
        return [Reply(label=LABEL, generation=g) for g in self.engine.batch(conversations, self.sampling)]
