"""From a conversation to its evidence: what is asked, what is found, and the prompt, or that nothing is known.

`grounding` gives the same function to `consult.Layer` and to what makes training data.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated, Protocol, TypeAlias

from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.clinical.evidence import Grounded
from doctorglm.conversation import Message, language_of
from doctorglm.errors import ConfigError
from doctorglm.library.abstention import abstained, is_small_talk
from doctorglm.library.citing import LEAST
from doctorglm.library.fallback import extracted
from doctorglm.library.hit import Hit
from doctorglm.library.prompt import ALIKE, MOST, CountTokens, block, designed
from doctorglm.library.query import query_of
from doctorglm.library.support import SHARE
from doctorglm.settings import STRICT


class Found(Protocol):
    """What a search gives."""

    @property
    def hits(self) -> Sequence[Hit]:
        """The passages, best first."""

    @property
    def abstain(self) -> bool:
        """True where they are too unlikely to answer."""


Search: TypeAlias = Callable[[str], Found]
Ground: TypeAlias = Callable[[Sequence[Message]], Grounded]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class GroundSettings:
    """How evidence is put before a question, and how an answer is checked against it."""

    budget_tokens: Annotated[int, Field(gt=0)] = 1_000
    """Tokens before the question, the instructions included: half of ChatGLM-6B's 2048, the other half being for the
    conversation and the answer."""
    passages: Annotated[int, Field(gt=0, le=50)] = MOST
    """Passages at most; `prompt.MOST` says why."""
    alike: Annotated[float, Field(gt=0, le=1)] = ALIKE
    """Jaccard similarity of character bigrams from which a passage that adds nothing is left out."""
    least_share: Annotated[float, Field(ge=0, le=1)] = SHARE
    """Share of a sentence's words that must stand in what it cites; `support.SHARE` says why."""
    least_support: Annotated[float, Field(ge=0, le=1)] = LEAST
    """Share of an answer's statements with support below which the evidence itself follows; 0 never lets it."""
    quote_only: bool = False
    """Answers with the evidence's own sentences and asks no model."""
    vectors: bool = True
    """Whether a library that has vectors is searched by them too; false needs no encoder."""
    reranker: str | None = None
    """The folder of a sentence-transformers cross-encoder, which orders the best 20 passages anew."""


def grounding(search: Search, count_tokens: CountTokens, settings: GroundSettings | None = None) -> Ground:
    """What grounds a conversation in the library that `search` searches.

    Raises ConfigError where the budget has no room beside the instructions.
    """
    chosen = settings or GroundSettings()
    _require_room(chosen, count_tokens)

    def ground(messages: Sequence[Message]) -> Grounded:
        question = next((m.content for m in reversed(messages) if m.role == "user"), "")
        if not question.strip() or is_small_talk(question):
            return Grounded(messages=tuple(messages))
        found = search(query_of(messages))
        if found.abstain or not found.hits:
            return Grounded(messages=tuple(messages), instead=abstained(messages))
        made = designed(
            messages, found.hits, count_tokens, chosen.budget_tokens, most=chosen.passages, alike=chosen.alike
        )
        if not made.evidence:
            return Grounded(messages=tuple(messages), instead=abstained(messages))
        if chosen.quote_only:
            unknown = getattr(abstained(messages), language_of(messages))
            return replace(made, instead=lambda left: extracted(question, left) or unknown)
        return made

    return ground


def _require_room(settings: GroundSettings, count_tokens: CountTokens) -> None:
    needed = max(count_tokens(block([], language)) for language in ("zh", "en"))
    if needed >= settings.budget_tokens:
        raise ConfigError(
            en=f"budget_tokens is {settings.budget_tokens}, and the instructions alone take {needed} tokens. "
            f"Give at least {2 * needed}.",
            zh=f"budget_tokens 是 {settings.budget_tokens}，而仅说明文字就要 {needed} 个 token。"
            f"请至少设为 {2 * needed}。",
        )
