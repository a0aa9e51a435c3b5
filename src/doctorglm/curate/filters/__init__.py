"""One filter per file; each says why it rejects a conversation, by a short reason that `run.json` counts.

The order is the order of the reasons: a record is counted under the first that applies.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from doctorglm.conversation import Conversation
from doctorglm.curate.filters import (
    advertisement,
    contradiction,
    cure_claims,
    cut_off,
    damaged,
    echo,
    empty,
    language,
    length,
    loops,
    machine_spun,
    roles,
    secrets,
)
from doctorglm.curate.settings import CurateSettings

Filter: TypeAlias = Callable[[Conversation], str | None]
"""A conversation -> the reason to reject it, or None."""

_FILTERS: Mapping[str, Callable[[CurateSettings], Filter]] = {
    "damaged": lambda _: damaged.rejects,
    "empty": lambda _: empty.rejects,
    "roles": lambda _: roles.rejects,
    "length": lambda settings: length.filter_for(settings.min_answer_chars, settings.max_chars),
    "language": lambda settings: language.filter_for(settings.languages),
    "cut_off": lambda settings: cut_off.filter_for(settings.cut_off_chars),
    "echo": lambda _: echo.rejects,
    "loops": lambda _: loops.rejects,
    "contradiction": lambda _: contradiction.rejects,
    "secrets": lambda _: secrets.rejects,
    "advertisement": lambda _: advertisement.rejects,
    "cure_claims": lambda _: cure_claims.rejects,
    "machine_spun": lambda _: machine_spun.rejects,
}


def chain(settings: CurateSettings) -> list[Filter]:
    """The filters of the settings, in their order; `duplicate`, which compares records, is the stage's."""
    return [_FILTERS[name](settings) for name in settings.filters if name != "duplicate"]


def first_reason(filters: list[Filter], conversation: Conversation) -> str | None:
    """The first filter's reason, or None when all let it pass."""
    return next((reason for rejects in filters if (reason := rejects(conversation))), None)
