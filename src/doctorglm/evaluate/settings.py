"""The settings of an evaluation."""

from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.settings import STRICT


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EvaluateSettings:
    """How a model is measured; every field can be given as KEY=VALUE."""

    max_length: int = Field(default=512, ge=8)
    """Tokens of prompt and reference answer, for the likelihood."""
    max_new_tokens: int = Field(default=192, ge=1)
    """Tokens of a generated answer; one that reaches them did not end by itself."""
    temperature: float = Field(default=0.0, ge=0)
    """0 is greedy, so that the evaluation can be repeated; repetition shows most there."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Nucleus, used above temperature 0."""
    batch_size: int = Field(default=16, ge=1)
    """Answers generated together."""
    batch_tokens: int = Field(default=4096, ge=1)
    """Tokens of one forward pass of the likelihood."""
    dialogues: int = Field(default=0, ge=0)
    """Test conversations that are answered, the first ones by id; 0 is all."""
    gate_suites: bool = True
    """Test conversations bring the suites along that the gate needs: `general` and `safety`."""
    seed: int = 0
    """Of the sampler and of the intervals."""
