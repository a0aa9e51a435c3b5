"""One filter per file; each says why it rejects a conversation: a reason that `run.json` counts, and the evidence.

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
from doctorglm.curate.filters.rejection import Rejection
from doctorglm.curate.settings import CurateSettings

Filter: TypeAlias = Callable[[Conversation], Rejection | None]
"""A conversation -> why it is rejected, or None."""

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


def first_rejection(filters: list[Filter], conversation: Conversation) -> Rejection | None:
    """The first filter's rejection, or None when all let it pass; evidence never holds a key or a password."""
    rejection = next((found for rejects in filters if (found := rejects(conversation))), None)
    if rejection and rejection.reason != "secret" and secrets.rejects(conversation):
        # a filter that is asked earlier may quote what stands beside or inside the secret
        return Rejection(rejection.reason)
    return rejection
