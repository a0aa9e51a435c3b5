"""The settings of judging."""

from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.language import Language
from doctorglm.settings import STRICT


@dataclass(frozen=True, kw_only=True, config=STRICT)
class JudgeSettings:
    """How a judge is asked; every field can be given as KEY=VALUE."""

    language: Language = "zh"
    """Of the instructions to the judge and of the criteria that ship."""
    max_new_tokens: int = Field(default=512, ge=1)
    """Tokens of a reply; a judge that thinks aloud needs more. One that reaches them is not read."""
    batch_size: int = Field(default=8, ge=1)
    """Questions asked together; what was asked is kept after every batch."""
    show_reference: bool = False
    """Whether a judge of pairs sees the data's own answer; off, since those of scraped corpora are often poor."""
    control: int = Field(default=20, ge=0)
    """Pairs on which the judge is tried first: a question's own reference beside another question's; 0 tries none."""
    max_calls: int = Field(default=0, ge=0)
    """Calls of a judge, second attempts apart, beyond which judging does not start; 0 is no limit."""
    seed: int = Field(default=0, ge=0)
    """Of the intervals, and handed to the judge's engine, which is asked at temperature 0."""
    resamples: int = Field(default=10_000, ge=100)
    """Bootstrap resamples of the intervals of rubric scores."""
