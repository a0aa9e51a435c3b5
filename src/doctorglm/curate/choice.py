"""Which of the records that passed by themselves are kept beside one another: copies, limits, held-out neighbours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from doctorglm.curate.departments import canonical
from doctorglm.curate.mix import Candidates
from doctorglm.curate.settings import CurateSettings
from doctorglm.curate.store import Table

REASONS = (
    "",
    "duplicate",
    "duplicate_id",
    "near_duplicate",
    "over_limit",
    "near_held_out",
    "compared_only",
)


@dataclass
class Choice:
    """For each record why it goes, if it does, and for which other one."""

    table: Table
    reason: NDArray[np.uint8]
    of: NDArray[np.int64]
    similarity: NDArray[np.float32]

    @classmethod
    def of_all(cls, table: Table) -> "Choice":
        """Everything is kept so far."""
        n = len(table)
        return cls(table, np.zeros(n, np.uint8), np.full(n, -1, np.int64), np.zeros(n, np.float32))

    @property
    def kept(self) -> NDArray[np.int64]:
        """The numbers of what is kept, ascending."""
        return np.flatnonzero(self.reason == 0)

    def reject(self, numbers: NDArray[np.int64], reason: str) -> None:
        """Takes these out."""
        self.reason[numbers] = REASONS.index(reason)

    def reject_copy(self, number: int, of: int, similarity: float) -> None:
        """Takes one out that is nearly alike another."""
        self.reason[number] = REASONS.index("near_duplicate")
        self.of[number], self.similarity[number] = of, similarity

    def stands_for(self) -> NDArray[np.int64]:
        """For each record the one that it is a copy of, or a copy of a copy; itself where it is none."""
        of = np.where(self.of < 0, np.arange(len(self.of)), self.of)
        while not np.array_equal(of, of[of]):
            of = of[of]
        return of

    def why(self, number: int) -> dict[str, Any]:
        """The reason as `rejected.jsonl` gives it."""
        why: dict[str, Any] = {"reason": REASONS[self.reason[number]]}
        if self.of[number] >= 0:
            why |= {"of": self.table.id(int(self.of[number])), "similarity": round(float(self.similarity[number]), 3)}
        return why

    def counts(self) -> dict[str, int]:
        """How many go, by reason."""
        numbers = np.bincount(self.reason, minlength=len(REASONS))
        return {name: int(n) for name, n in zip(REASONS, numbers, strict=True) if name and n}


def drop_copies(choice: Choice, held_out: NDArray[np.bool_], *, texts: bool) -> None:
    """Of equal ids, and of equal texts if asked, keeps the held-out one, else the first by id."""
    columns = choice.table.columns
    for key, reason in (("id", "duplicate" if texts else "duplicate_id"), ("same", "duplicate")):
        if key == "same" and not texts:
            continue
        kept = choice.kept
        rank = np.empty(len(choice.table), np.int64)
        rank[choice.table.order] = np.arange(len(rank))
        order = kept[np.lexsort((rank[kept], ~held_out[kept], columns[key][kept]))]
        again = np.concatenate([[False], columns[key][order[1:]] == columns[key][order[:-1]]])[: len(order)]
        first = order[np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))]
        choice.reject(order[again], reason)
        choice.of[order[again]], choice.similarity[order[again]] = first[again], 1


def within_limit(table: Table, numbers: NDArray[np.int64], limit: int, settings: CurateSettings) -> NDArray[np.bool_]:
    """Which of these records a limit keeps."""
    candidates, columns = Candidates(settings.seed), table.columns
    departments = [canonical(label.department) for label in table.labels]
    by_quality = settings.limit_by == "quality"
    for number, kind, quality in zip(
        numbers.tolist(), columns["label"][numbers].tolist(), columns["quality"][numbers].tolist(), strict=True
    ):
        department, source = (departments[kind], table.labels[kind].source) if by_quality else ("", "")
        candidates.add(table.id(number), source, department, quality if by_quality else 0.0)
    return candidates.chosen(limit)


def in_order(choice: Choice, held_out: NDArray[np.bool_]) -> NDArray[np.int64]:
    """What is kept in the order of the files: the held-out ones first, then by id."""
    order = choice.table.order
    order = order[choice.reason[order] == 0]
    return np.concatenate([order[held_out[order]], order[~held_out[order]]])


def rejected(choice: Choice, chunk: int, ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The records of a chunk that went, as lines of `rejected.jsonl`."""
    table = choice.table
    for number in ids:
        row = int(table.columns["row"][number])
        source = str(table.heads[chunk].report["name"])
        yield {"id": table.id(number), "source": source, "row": row, **choice.why(number)}
