"""What a guard sees: a segment of an answer, with what came before it and what is known."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from doctorglm.clinical.evidence import Evidence
from doctorglm.safety.guards.drugs import Drug, advised
from doctorglm.safety.guards.finding import Finding
from doctorglm.safety.guards.fold import Folded, fold
from doctorglm.safety.guards.patient import Patient
from doctorglm.safety.guards.segments import END


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the answer: what was said, the evidence handed in, the patient."""

    said: str = ""
    """All messages of the conversation."""
    question: str = ""
    """The last one of the patient."""
    evidence: tuple[Evidence, ...] = ()
    patient: Patient = field(default_factory=Patient)


@dataclass(frozen=True)
class Scene:
    """A segment with the end of what came before it, folded; findings must reach beyond `begin`."""

    before: str
    segment: str
    known: Known = field(default_factory=Known)

    @cached_property
    def folded(self) -> Folded:
        """Both, one after the other."""
        return fold(self.before + self.segment)

    @cached_property
    def text(self) -> str:
        """What the patterns read."""
        return self.folded.text

    @cached_property
    def begin(self) -> int:
        """Where the segment begins in `text`."""
        if not self.before:
            return 0
        return min(bisect_left(self.folded.places, len(self.before)), len(self.text))

    @cached_property
    def sentences(self) -> list[tuple[int, int]]:
        """The sentences of `text`, those of `before` included, without gaps."""
        ends = [m.end() for m in END.finditer(self.text)]
        if not ends or ends[-1] < len(self.text):
            ends.append(len(self.text))
        return list(zip([0, *ends[:-1]], ends, strict=True))

    @cached_property
    def own_sentences(self) -> list[tuple[int, int]]:
        """The sentences that reach into the segment."""
        return [(start, end) for start, end in self.sentences if end > self.begin]

    @cached_property
    def advised(self) -> list[tuple[int, int, list[Drug]]]:
        """Those sentences, each with the drugs that it tells to take."""
        return [(start, end, advised(self.text, start, end)) for start, end in self.own_sentences]

    def sentence_of(self, place: int) -> tuple[int, int]:
        """The sentence in which a place of `text` stands."""
        at = bisect_right(self._starts, place) - 1
        return self.sentences[at] if 0 <= place < len(self.text) else (0, len(self.text))

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _ in self.sentences]


class Guard(Protocol):
    """Reads a scene; one guard a file."""

    def __call__(self, scene: Scene) -> Iterator[Finding]:
        """Yields what is not to be shown as it is."""
