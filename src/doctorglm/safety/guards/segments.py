"""Cuts a text that comes in pieces into segments, at the same places however it came.

A segment is one or several whole sentences. Whether a place ends one is known when the next character has come, or
the text has ended; only then is it given out.
"""

import re

SHORTEST = 24
"""Characters; shorter sentences are held with the next one, so that a phrase spread over full stops is seen whole."""
LONGEST = 400
"""Characters; a text without sentences is cut here, at its last comma."""

END = re.compile(r"[。！？!?；;…\n｡]+[”’」』）)\]】\"']*|(?<!\n\d)(?<!^\d)\.[”’\"')\]]*(?=\s)")
"""How a sentence ends; a full stop of English needs a blank behind it, and that of a list's number is none."""
_COMMA = "，,、 "


class Segments:
    """Takes pieces, gives segments; `rest` is what waits."""

    def __init__(self) -> None:
        self.rest = ""

    def add(self, piece: str) -> list[str]:
        """The segments that are complete by now."""
        self.rest += piece
        return self._taken(last=False)

    def end(self) -> list[str]:
        """What is left."""
        segments = self._taken(last=True)
        if self.rest:
            segments.append(self.rest)
            self.rest = ""
        return segments

    def _taken(self, *, last: bool) -> list[str]:
        segments = []
        at = 0
        while (cut := _cut(self.rest, at, last=last)) is not None:
            segments.append(self.rest[at:cut])
            at = cut
        self.rest = self.rest[at:]
        return segments


def _cut(text: str, at: int, *, last: bool) -> int | None:
    """Where the segment that begins at `at` ends; None when that is not known yet, or nothing is left."""
    limit = at + LONGEST
    search = at
    while found := END.search(text, search, limit):
        if found.end() >= len(text) and not last:
            return None  # the next character may belong to it
        if found.end() - at >= SHORTEST:
            return found.end()
        search = found.end()
    if len(text) <= limit:
        return None
    comma = max(text.rfind(mark, at + SHORTEST, limit) for mark in _COMMA)
    return comma + 1 if comma > 0 else limit
