"""The files of a curation: the parts in a fixed order, and every record that went with its reason."""

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

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
        sha256[name] = ids_sha256(table.columns["id"][members])
    return sha256


Samples: TypeAlias = dict[str, list[dict[str, Any]]]
"""Reason -> a few of the records that went for it, with what that rests on."""

_SAMPLES = 5


def write_rejected(path: Path, choice: Choice) -> None:
    """Writes what went, by itself or beside others, sorted by source and row."""
    table = choice.table
    chunks = sorted(range(len(table.heads)), key=lambda n: (table.heads[n].report["name"], n))
    with atomic_file(path) as out:
        for chunk in chunks:
            for record in _of_chunk(choice, chunk):
                out.write(json.dumps(record, ensure_ascii=False) + "\n")


def samples_of(path: Path) -> Samples:
    """Samples of what a curation rejected, drawn by id."""
    samples: Samples = {}
    with path.open("rb") as lines:
        for line in lines:
            record = json.loads(line)
            drawn = samples.setdefault(record["reason"], [])
            drawn.append({"id": record["id"], "source": record["source"], "evidence": _evidence(record)})
            if len(drawn) > 2 * _SAMPLES:
                samples[record["reason"]] = _first(drawn)
    return {reason: _first(drawn) for reason, drawn in samples.items()}


def _first(drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The ids are hashes of the records, so that the smallest of them are a random sample."""
    return sorted(drawn, key=lambda sample: (not sample["evidence"], sample["id"]))[:_SAMPLES]


def _evidence(record: Mapping[str, Any]) -> str:
    if "of" in record:
        return f"≈ {record['of']} ({record['similarity']})"
    if "item" in record:
        return f"= {record['item']} ({record['question']}, {record['answer']})"
    return str(record.get("evidence", ""))


def _of_chunk(choice: Choice, chunk: int) -> Iterator[dict[str, Any]]:
    table = choice.table
    numbers = np.arange(table.first[chunk], table.first[chunk + 1])
    later = rejected(choice, chunk, numbers[choice.reason[numbers] > 0].tolist())
    return heapq.merge(table.store.rejected(table.heads[chunk].key), later, key=lambda record: record["row"])
