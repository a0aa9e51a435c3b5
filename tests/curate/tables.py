"""Conversations as the table of a run, for what compares them."""

from collections.abc import Sequence
from pathlib import Path

from doctorglm.conversation import Conversation
from doctorglm.curate.record import Tally
from doctorglm.curate.sources import FileReport
from doctorglm.curate.store import Store, Table

_CHUNK = 7
"""Small, so that what is compared lies in several chunks."""


def table_of(conversations: Sequence[Conversation], folder: Path) -> Table:
    """The table of a store in `folder`, which is emptied first."""
    store = Store(folder, str(conversations))
    for at in range(0, len(conversations), _CHUNK):
        tally = Tally()
        for row, conversation in enumerate(conversations[at : at + _CHUNK], at + 1):
            tally.keep(conversation, row)
        store.add(tally.outcome(f"00000-00000-{at:06}", FileReport("some.jsonl"), len(tally.rows)))
    return Table(store, store.heads())
