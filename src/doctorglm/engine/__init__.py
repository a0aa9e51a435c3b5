"""What answers: the one protocol that local models and servers share."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, Protocol

from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.conversation import Message
from doctorglm.settings import STRICT

Finish = Literal["stop", "length", "loop"]
"""Why an answer ended: by its own end token, at the limit, or cut because it repeated itself."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Sampling:
    """How an answer is drawn; the defaults are greedy, so that a run can be repeated."""

    max_new_tokens: Annotated[int, Field(gt=0)] = 256
    """Tokens at most; an answer that reaches it has not ended by itself."""
    temperature: Annotated[float, Field(ge=0)] = 0.0
    """0 is greedy; the paper's page used 0.95."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Nucleus: the smallest set of tokens with this share of the probability; the paper's page used 0.7."""
    top_k: Annotated[int, Field(ge=0)] = 0
    """Draws from this many of the likeliest tokens; 0 is all of them."""
    repetition_penalty: Annotated[float, Field(gt=0)] = 1.0
    """1 changes nothing; above it, tokens that the answer already holds become less likely."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the sampler; unused when greedy."""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One finished answer."""

    text: str
    """Without outer blanks; "" when the model said nothing, see `empty`."""
    tokens: int
    """Tokens generated, the end token included."""
    finish: Finish
    seconds: float
    dropped_turns: int = 0
    """Oldest turns that did not fit into the context and were left out."""

    @property
    def empty(self) -> bool:
        """True when nothing was said, which is to be shown and counted, and never taken for an answer."""
        return not self.text


class Engine(Protocol):
    """Answers conversations; a local model or a server."""

    @property
    def name(self) -> str:
        """What to call it in tables."""

    def stream(self, messages: Sequence[Message], sampling: Sampling) -> Iterator[str | Generation]:
        """Yields pieces of text as they come, then the Generation whose text they add up to.

        An iterator that can be closed stops the model when it is. Raises DataError when the last question is too long.
        """

    def batch(self, conversations: Sequence[Sequence[Message]], sampling: Sampling) -> list[Generation]:
        """One answer for each conversation, in order."""
