"""How a server is asked; apart from the client, so that settings can be read where it is not installed."""

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from doctorglm.settings import STRICT

Mask = Callable[[Sequence[str]], Sequence[str]]
"""The texts of one conversation as they may leave this machine, in order."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HttpSettings:
    """How a server is asked."""

    concurrency: Annotated[int, Field(gt=0)] = 8
    """Requests at a time in a batch."""
    timeout_s: Annotated[float, Field(gt=0)] = 300.0
    """Seconds from the beginning of an answer to its end, and at most as many before it begins; a slow machine needs
    them for eight long answers at a time."""
    retries: Annotated[int, Field(ge=0)] = 2
    """How often a request is sent again that timed out, was cut off, or got 429 or 5xx."""
    pause_s: Annotated[float, Field(ge=0)] = 1.0
    """Seconds before the first repetition, doubled each time; more where the server asks for it."""
