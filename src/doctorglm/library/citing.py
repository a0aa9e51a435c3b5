"""An answer on its way to the reader: checked against its evidence, followed by the evidence where it has too little.

What was shown is never taken back, so that the evidence's own sentences follow an answer rather than replace it.
"""

from collections.abc import Callable, Sequence

from doctorglm.clinical.evidence import Evidence, Grounded, Note
from doctorglm.conversation import Message, language_of
from doctorglm.language import Language
from doctorglm.library.citations import Checking
from doctorglm.library.fallback import extracted
from doctorglm.library.sources import listed
from doctorglm.library.support import SHARE

LEAST = 0.5
"""Share of an answer's statements that its passages support, below which the evidence follows: where most of what is
said has no source, the reader is better served with the sources."""


class Citing:
    """One answer; `add` pieces, then `end`. `notes` and `supported` tell what the check found."""

    def __init__(
        self,
        messages: Sequence[Message],
        evidence: Sequence[Evidence],
        *,
        least_support: float = LEAST,
        least_share: float = SHARE,
    ) -> None:
        self._evidence, self._least = tuple(evidence), least_support
        self._question = next((m.content for m in reversed(messages) if m.role == "user"), "")
        self._language: Language = language_of(messages)
        self._checking = Checking(evidence, self._question, least_share)

    @property
    def notes(self) -> Sequence[Note]:
        """What was done to the answer."""
        return self._checking.notes

    @property
    def supported(self) -> float | None:
        """The share of its statements that passages support; None where it states nothing."""
        return self._checking.supported

    def add(self, piece: str) -> str:
        """What may be shown by now."""
        return self._checking.add(piece)

    def end(self) -> str:
        """The rest of it."""
        return self._checking.end()

    def quoted(self) -> str:
        """The evidence itself, to follow an answer with too little support; "" where it has enough."""
        if self.supported is None or self.supported >= self._least:
            return ""
        quoted = extracted(self._question, self._evidence)
        return f"\n\n{quoted}" if quoted else ""

    def sources(self, text: str) -> str:
        """The list of the sources that a text cites."""
        return listed(text, self._evidence, self._language)


def citing(
    *, least_support: float = LEAST, least_share: float = SHARE
) -> Callable[[Sequence[Message], Grounded], Citing]:
    """What `consult.Layer` takes as `cite`: of a conversation as the patient sees it, and its evidence, the check."""

    def cite(messages: Sequence[Message], grounded: Grounded) -> Citing:
        return Citing(messages, grounded.evidence, least_support=least_support, least_share=least_share)

    return cite
