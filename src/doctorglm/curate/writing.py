"""The files of a curation: the parts in a fixed order, and every record that went with its reason."""

import heapq
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from doctorglm.curate.choice import Choice, in_order, rejected
from doctorglm.curate.parts import Parts
from doctorglm.curate.splits import ids_sha256
from doctorglm.curate.store import Table
from doctorglm.runs import atomic_file


def write_parts(
    out: Path, table: Table, parts: Parts, choice: Choice, held_out: NDArray[np.bool_], names: Sequence[str]
) -> dict[str, str]:
    """Writes each part, its records with the name of their cluster; returns the sha256 of each part's ids."""
    order = in_order(choice, held_out)
    part, cluster = np.zeros(len(table), np.uint8), np.zeros(len(table), np.int64)
    part[parts.numbers], cluster[parts.numbers] = parts.parts, parts.clusters
    sha256 = {}
    for number, name in enumerate(names):
        members = order[part[order] == number]
        with atomic_file(out / f"{name}.jsonl") as file:
            for member, line in zip(members, table.lines(members), strict=True):
                record = json.loads(line)
                record["meta"]["cluster"] = table.id(int(cluster[member]))
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        sha256[name] = ids_sha256(table.id(int(member)) for member in members)
    return sha256


def write_rejected(path: Path, choice: Choice) -> None:
    """Writes what went, by itself or beside others, sorted by source and row."""
    table = choice.table
    chunks = sorted(range(len(table.heads)), key=lambda n: (table.heads[n].report["name"], n))
    with atomic_file(path) as out:
        for chunk in chunks:
            for record in _of_chunk(choice, chunk):
                out.write(json.dumps(record, ensure_ascii=False) + "\n")


def _of_chunk(choice: Choice, chunk: int) -> Iterator[dict[str, Any]]:
    table = choice.table
    numbers = np.arange(table.first[chunk], table.first[chunk + 1])
    later = rejected(choice, chunk, numbers[choice.reason[numbers] > 0].tolist())
    return heapq.merge(table.store.rejected(table.heads[chunk].key), later, key=lambda record: record["row"])
