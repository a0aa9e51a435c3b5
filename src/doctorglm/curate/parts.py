"""The parts that are written, so that no two hold copies of one text, and the proof of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from doctorglm.curate.engines import Engine
from doctorglm.curate.near import Comparison
from doctorglm.curate.settings import CurateSettings
from doctorglm.curate.splits import Cluster, assign
from doctorglm.curate.store import Table

_MAX_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Parts:
    """For each of the kept records the number of the one that names its cluster, and the number of its part."""

    numbers: NDArray[np.int64]
    clusters: NDArray[np.int64]
    parts: NDArray[np.uint8]
    leak: Mapping[str, Any]


def divide(
    table: Table,
    numbers: NDArray[np.int64],
    held_out: NDArray[np.bool_],
    settings: CurateSettings,
    engine: Engine,
    spill: Path,
) -> Parts:
    """The parts, and how near the last of them, which is held out, comes to any other.

    When the check finds a pair that clustering missed, both are done again with more hashes.
    """
    comparison = Comparison(table, numbers, settings.min_compared_chars, engine, spill)
    threshold, last = settings.near_duplicate_threshold, len(settings.parts) - 1
    for rounds in range(1, _MAX_ROUNDS + 1):
        clusters = comparison.clusters(threshold, rounds)
        parts = _assigned(table, clusters, held_out[numbers], settings)
        largest = comparison.largest_similarity(parts == last, threshold, rounds)
        if largest < threshold:
            break
    leak = {
        "held_out": settings.parts[last],
        "largest_similarity": round(largest, 4),
        "threshold": threshold,
        "rounds": rounds,
    }
    return Parts(numbers, clusters, parts, leak)


def _assigned(
    table: Table, clusters: NDArray[np.int64], held_out: NDArray[np.bool_], settings: CurateSettings
) -> NDArray[np.uint8]:
    names, group, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    taken = np.zeros(len(names), dtype=bool)
    taken[group[held_out]] = True
    described = (
        Cluster(table.id(name), int(size), table.labels[label].source, table.labels[label].department)
        for name, size, label in zip(names[~taken], sizes[~taken], table.columns["label"][names[~taken]], strict=True)
    )
    assigned = assign(described, settings.shares, settings.seed, by_department=settings.split_by_department)
    part_of = {name: number for number, name in enumerate(settings.parts)}
    parts = np.full(len(names), len(part_of) - 1, np.uint8)
    parts[~taken] = [part_of[name] for name in assigned]
    return parts[group]
