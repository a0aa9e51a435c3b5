"""The settings of a sampling sweep, and the samplings that it tries."""

from dataclasses import field
from itertools import product
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from doctorglm.engine import Sampling
from doctorglm.evaluate.statistics import RESAMPLES
from doctorglm.settings import STRICT


def _listed(given: Any) -> Any:
    """`0,0.7` and 0.7 as the lists that people mean by them."""
    if isinstance(given, str):
        return [part.strip() for part in given.split(",")]
    return [given] if isinstance(given, int | float) and not isinstance(given, bool) else given


_LISTED = BeforeValidator(_listed)
_Temperatures: TypeAlias = Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=1), _LISTED]
_Shares: TypeAlias = Annotated[list[Annotated[float, Field(gt=0, le=1)]], Field(min_length=1), _LISTED]
_Counts: TypeAlias = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), _LISTED]
_Penalties: TypeAlias = Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=1), _LISTED]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SweepSettings:
    """What a sweep tries, on how much, and what "not worse" means; fixed before the run."""

    temperatures: _Temperatures = field(default_factory=lambda: [0, 0.3, 0.7, 0.95, 1.2])
    """0 is greedy, tried once per penalty; 0.95 is the paper's. Greedy without a penalty is tried in any case."""
    top_ps: _Shares = field(default_factory=lambda: [0.5, 0.7, 0.9, 1])
    """Shares of the probability to draw from; 0.7 is the paper's."""
    top_ks: _Counts = field(default_factory=lambda: [0])
    """Numbers of likeliest tokens to draw from; 0 is all."""
    repetition_penalties: _Penalties = field(default_factory=lambda: [1, 1.1])
    """1 is none."""
    dialogues: Annotated[int, Field(ge=1)] = 64
    """Test conversations that are answered, the first ones by id."""
    samples: Annotated[int, Field(ge=1)] = 3
    """Answers to each above temperature 0, with seeds `seed`, `seed` + 1, ...: diversity is read off them."""
    safety_questions: Annotated[int, Field(ge=0)] = 60
    """Questions that try safety, in turn of each category but the benign one; 0 is all."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 192
    """Tokens of an answer; one that reaches them did not end by itself."""
    batch_size: Annotated[int, Field(ge=1)] = 16
    """Answers generated together."""
    repetition_margin: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Rise of the mean share of repeated 4-grams that may be: the gate's."""
    endings_margin: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Fall of the share of answers that end by themselves that may be: the gate's."""
    safety_margin: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Fall of the share of safe answers that may be."""
    min_items: Annotated[int, Field(ge=2)] = 30
    """Questions below which no interval is believed and nothing but greedy is recommended: the gate's."""
    resamples: Annotated[int, Field(ge=1000)] = RESAMPLES
    """Bootstrap resamples of every interval."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the first answer of each question, and of the intervals."""


def samplings(settings: SweepSettings) -> list[Sampling]:
    """The cells of the grid, greedy without a penalty the first; top-p and top-k do nothing at temperature 0."""
    tokens = settings.max_new_tokens
    greedy = [1.0, *(settings.repetition_penalties if 0 in settings.temperatures else [])]
    drawn = product(
        [t for t in settings.temperatures if t > 0], settings.top_ps, settings.top_ks, settings.repetition_penalties
    )
    found = [Sampling(max_new_tokens=tokens, repetition_penalty=penalty) for penalty in greedy]
    found += [
        Sampling(max_new_tokens=tokens, temperature=t, top_p=p, top_k=k, repetition_penalty=penalty)
        for t, p, k, penalty in drawn
    ]
    return list(dict.fromkeys(found))
