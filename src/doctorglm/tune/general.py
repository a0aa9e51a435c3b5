"""General text: what a run is validated on beside its own data, and what is replayed, so that nothing is forgotten.

Source: Luo et al., catastrophic forgetting of tuned language models, arXiv 2308.08747.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from doctorglm.errors import ConfigError

SHIPPED = "shipped"
"""The text that comes with the package; `texts/README.md` says what it holds."""
NONE = "none"
NO_REPLAY = "0"

_TEXTS = Path(__file__).parent / "texts"


def general_text(which: str, part: Literal["valid", "train"]) -> Path | None:
    """The file that a setting names: the shipped one, one of the user's own, or None for `none`."""
    if which == NONE:
        return None
    return _TEXTS / f"general_{part}.jsonl" if which == SHIPPED else Path(which)


@dataclass(frozen=True)
class Replay:
    """What `replay` asks for: a share of the tokens that are learned, or a number of the base's own answers."""

    share: float = 0.0
    own_answers: int = 0

    @classmethod
    def of(cls, setting: str) -> "Replay":
        """That of a setting which `parse_replay` has passed."""
        kind, _, number = setting.rpartition(":")
        return cls(own_answers=int(number)) if kind else cls(share=float(number))


def parse_replay(value: Any) -> str:
    """`0.2` or `self:200` as text, `0` also for none; raises ConfigError for anything else."""
    text = str(value).strip().lower()
    if text == NONE:
        return NO_REPLAY
    if re.fullmatch(r"self:[1-9][0-9]{0,8}", text):
        return text
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if isinstance(value, bool) or not 0 <= share < 1:
        raise ConfigError(
            en=f"replay={text}: give a share of the tokens from 0 to below 1, such as replay=0.2, or a number of the "
            "base's own answers, such as replay=self:200. The default is 0, none.",
            zh=f"replay={text}：应为 0 到 1（不含）之间的 token 份额，如 replay=0.2，或基座自己回答的条数，"
            "如 replay=self:200。默认为 0，即不混入。",
        )
    return f"{share:g}"
