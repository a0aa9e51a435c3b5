"""What a guard finds, and what people are told of it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from doctorglm.language import Text

Effect: TypeAlias = Literal["sentence", "span", "note", "refuse"]
"""What is struck: the sentence, the words, nothing (a note follows the sentence), or the whole request is refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a finding rests on: its id, whence it comes, what it does, and how that is said."""

    guard: str
    id: str
    source: str
    effect: Effect
    note: Text
    """Stands where something was struck, or behind the sentence."""
    why: Text


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that applies to `text[start:end]` of a scene; `detail` is added to the reason (a source's id, say)."""

    start: int
    end: int
    rule: Rule
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a guard did, for whoever reads the answer, and for the log: `struck` is "" where only a note was added.

    What identifies somebody stands in it as its type.
    """

    guard: str
    rule: str
    effect: Effect
    where: Literal["answer", "question", "history", "evidence"] = "answer"
    struck: str
    why: Text
    source: str

    @property
    def blocks(self) -> bool:
        """True when something was taken out or refused."""
        return self.effect != "note"
