"""One filter per file; each says why it rejects a conversation, by a short reason that `run.json` counts.

The order is the order of the reasons: a record is counted under the first that applies.
"""

from collections.abc import Callable
from typing import TypeAlias

from doctorglm.conversation import Conversation
from doctorglm.curate.filters import cut_off, damaged, duplicate, empty, length, roles
from doctorglm.curate.settings import CurateSettings

Filter: TypeAlias = Callable[[Conversation], str | None]
"""A conversation -> the reason to reject it, or None."""


def chain(settings: CurateSettings) -> list[Filter]:
    """All filters, fresh: `duplicate` remembers what it has seen."""
    return [
        damaged.rejects,
        empty.rejects,
        roles.rejects,
        length.filter_for(settings.min_answer_chars, settings.max_chars),
        cut_off.filter_for(settings.cut_off_chars),
        duplicate.Duplicates().rejects,
    ]


def first_reason(filters: list[Filter], conversation: Conversation) -> str | None:
    """The first filter's reason, or None when all let it pass."""
    return next((reason for rejects in filters if (reason := rejects(conversation))), None)
