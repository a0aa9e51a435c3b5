"""What becomes of each record by itself: cleaned, judged by the filters, de-identified, described by numbers.

What needs other records (copies, parts, limits) is decided later, on what this leaves.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from doctorglm.conversation import Conversation
from doctorglm.curate.asking import asks_back
from doctorglm.curate.chunks import Chunk
from doctorglm.curate.clean import clean
from doctorglm.curate.decontaminate import Benchmarks
from doctorglm.curate.deidentify import Deidentifier
from doctorglm.curate.filters import chain, first_rejection
from doctorglm.curate.normal import normalised
from doctorglm.curate.quality import WEIGHTS, score
from doctorglm.curate.readers import Reader
from doctorglm.curate.settings import CurateSettings
from doctorglm.curate.sources import Entry, FileReport, entry_of, readers_with

_U2 = 65535
HIT = "item "
"""Before the place of a benchmark's item that a conversation held, where outcomes count them."""

COLUMNS = np.dtype(
    [
        ("id", "S40"),
        ("row", "u4"),
        ("start", "u4"),
        ("bytes", "u4"),
        ("label", "u4"),
        ("same", "u8"),
        ("question_chars", "u4"),
        ("answer_chars", "u4"),
        ("turns", "u2"),
        ("asking", "u2"),
        ("quality", "f4"),
        ("parts", "u1", (len(WEIGHTS),)),
    ]
)
"""What is known of a record that passed the filters: where it stands in its chunk's lines, the number of its label,
a hash that is equal where question and answer say the same, its size (characters as they are compared), how many of
its answers ask back, and its quality with the parts (in 255ths)."""


@dataclass(frozen=True, slots=True, order=True)
class Label:
    """What many records have in common."""

    source: str
    department: str
    licence: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a chunk became: lines of JSON for what passed and what did not, columns and labels of the former, counts."""

    key: str
    report: FileReport
    read: int
    passed: bytes
    columns: NDArray[np.void]
    labels: list[Label]
    rejected: bytes
    reasons: Mapping[str, Mapping[str, int]]
    """By source; a record that holds no conversation is of the source of those beside it."""
    counts: Mapping[str, Mapping[str, int]]


@dataclass
class Tally:
    """What becomes of a chunk's records, one after the other."""

    lines: list[bytes] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    labels: dict[Label, int] = field(default_factory=dict)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    reasons: dict[str, Counter[str]] = field(default_factory=dict)
    changes: Counter[str] = field(default_factory=Counter)
    benchmarks: Counter[str] = field(default_factory=Counter)
    spans: Counter[str] = field(default_factory=Counter)
    at: int = 0

    def reject(self, entry: Entry, reason: str, **why: Any) -> None:
        """Notes the place, the reason and what it rests on."""
        source = entry.conversation.source if entry.conversation else ""
        self.reasons.setdefault(source, Counter())[reason] += 1
        self.rejected.append({"id": entry.id, "source": entry.file, "row": entry.row, "reason": reason, **why})

    def keep(self, conversation: Conversation, row: int, before: Conversation | None = None) -> None:
        """Notes what passed; `before` is what it was before it was de-identified, for finding equals."""
        line = _line(conversation.to_dict())
        label = Label(conversation.source, conversation.department, conversation.licence)
        number = self.labels.setdefault(label, len(self.labels))
        asked, answered = len(normalised(conversation.questions)), len(normalised(conversation.answers))
        turns, quality = conversation.turns, score(conversation)
        asking = sum(asks_back(answer) for _, answer in turns)
        parts = [round(255 * part) for part in quality.parts.values()]
        place = (conversation.id.encode(), row, self.at, len(line), number, _digest(before or conversation))
        self.rows.append((*place, asked, answered, min(len(turns), _U2), min(asking, _U2), quality.total, parts))
        self.lines.append(line)
        self.at += len(line)

    def _reasons(self, report: FileReport) -> dict[str, Counter[str]]:
        nameless = self.reasons.pop("", None)
        if nameless:
            beside = Counter(label.source for label in self.labels) + Counter(self.reasons.keys())
            source = min(beside, key=lambda name: (-beside[name], name), default=report.name)
            self.reasons.setdefault(source, Counter()).update(nameless)
        return self.reasons

    def outcome(self, key: str, report: FileReport, read: int) -> Outcome:
        """The chunk of this key as it is written."""
        return Outcome(
            key=key,
            report=report,
            read=read,
            passed=b"".join(self.lines),
            columns=np.array(self.rows, dtype=COLUMNS),
            labels=list(self.labels),
            rejected=b"".join(_line(record) for record in self.rejected),
            reasons=self._reasons(report),
            counts={"changes": self.changes, "benchmarks": self.benchmarks, "spans": self.spans},
        )


class Records:
    """Does what `settings` say with every record of a chunk; can be sent to another process."""

    def __init__(
        self,
        settings: CurateSettings,
        mapping: Reader | None = None,
        benchmarks: Benchmarks | None = None,
        secret: bytes = b"",
    ) -> None:
        self._settings, self._mapping, self._benchmarks = settings, mapping, benchmarks
        self._deidentifier = Deidentifier(settings, secret)

    def __call__(self, chunk: Chunk) -> Outcome:
        """The chunk's outcome, which depends on nothing but the chunk and the settings."""
        tally, filters = Tally(), chain(self._settings)
        for row in chunk.rows:
            entry = entry_of(row, chunk.report, readers_with(self._mapping))
            if entry.conversation is None:
                tally.reject(entry, entry.reason)
                continue
            noted = self._deidentifier.labelled(entry.conversation)
            if noted is not entry.conversation:
                entry = replace(entry, conversation=noted)
            changes: Counter[str] = Counter()
            settings = self._settings
            conversation = clean(noted, settings.drop_courtesies, changes, settings.normalise)
            rejection = first_rejection(filters, conversation)
            match = self._benchmarks.match(conversation) if self._benchmarks and not rejection else None
            if rejection:
                evidence = self._deidentifier.evidence(conversation, rejection.evidence)
                tally.reject(entry, rejection.reason, evidence=evidence)
            elif match and match.is_leak:
                tally.benchmarks[f"{HIT}{match.place}"] += 1
                tally.reject(entry, "contaminated", item=match.place, question=match.question, answer=match.answer)
            else:
                tally.benchmarks["stock_questions_kept"] += match is not None
                tally.changes += changes
                tally.changes += Counter(number_as_text=entry.numbers, damaged_number=entry.damaged_numbers)
                tally.keep(self._deidentifier.conversation(conversation, tally.spans), entry.row, conversation)
        return tally.outcome(chunk.key, chunk.report, len(chunk.rows))


def _line(record: Mapping[str, Any]) -> bytes:
    """One line of JSON; half a character, which UTF-8 cannot hold, becomes \\udXXX."""
    return (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _digest(conversation: Conversation) -> int:
    """Equal where all that is said is equal but for spaces, widths, letter case and punctuation."""
    text = "\0".join(normalised(m.content) for m in conversation.messages if m.role != "system")
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "little")
