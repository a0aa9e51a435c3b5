"""What `run.json` says of a curation: where records came from and went, what is kept, how alike the sources are."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from doctorglm.curate.choice import REASONS, Choice
from doctorglm.curate.departments import canonical
from doctorglm.curate.licences import strictest, strictness
from doctorglm.curate.parts import Parts
from doctorglm.curate.quality import WEIGHTS
from doctorglm.curate.store import Head, Table

_LENGTHS = sorted({round(10 ** (step / 8)) for step in range(41)})
"""Bins of characters from 1 to 100,000, a third wider each."""
_MANY = 10
"""Turns, or records of a cluster, from which they are counted together."""


def summary(table: Table, choice: Choice, parts: Parts, names: Sequence[str]) -> dict[str, Any]:
    """The counts, which add up, and all else that the report draws; only of what is kept where nothing else is said."""
    heads, kept = table.heads, choice.kept
    reasons = sum((Counter(by) for head in heads for by in head.reasons.values()), Counter(choice.counts()))
    still = choice.reason[parts.numbers] == 0
    sources = _sources(table, choice)
    return {
        "counts": {
            "read": sum(head.read for head in heads),
            "kept": len(kept),
            "rejected": dict(sorted(reasons.items())),
            "splits": {name: int((parts.parts[still] == n).sum()) for n, name in enumerate(names)},
            "clusters": len(np.unique(parts.clusters[still])),
        },
        "changes": dict(sorted(table.counted("changes").items())),
        "sources": sources,
        "licence": _licence(sources),
        "lengths": _lengths(table.columns[kept]),
        "departments": _departments(table, kept),
        "quality": _quality(table.columns[kept]),
        "duplicates": _duplicates(reasons, parts.clusters[still]),
        "overlaps": _overlaps(table, choice, parts),
    }


def _sources(table: Table, choice: Choice) -> dict[str, dict[str, Any]]:
    """Of each source how many were read, kept and rejected, and under which licence; they add up to all."""
    rejected: dict[str, Counter[str]] = defaultdict(Counter)
    kept: Counter[str] = Counter()
    licences: dict[str, str] = {}
    for head in table.heads:
        for source, reasons in head.reasons.items():
            rejected[source].update(reasons)
            licences.setdefault(source, str(head.report["licence"]))
    pairs, counts = np.unique(
        np.stack([table.columns["label"], choice.reason.astype(np.uint32)]), axis=1, return_counts=True
    )
    for (number, reason), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        label = table.labels[number]
        licences[label.source] = label.licence
        if reason:
            rejected[label.source][REASONS[reason]] += count
        else:
            kept[label.source] += count
    return {
        source: {
            "read": kept[source] + rejected[source].total(),
            "kept": kept[source],
            "licence": licences[source],
            "rejected": dict(sorted(rejected[source].items())),
        }
        for source in sorted(licences)
    }


def _licence(sources: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The licence of what is kept, which is that of its strictest source, and which one that is."""
    kept = {source: str(found["licence"]) for source, found in sources.items() if found["kept"]}
    if not kept:
        return {"kept": "", "why": ""}
    return {
        "kept": strictest(kept.values()),
        "why": max(sorted(kept), key=lambda source: strictness(kept[source])),
    }


def _lengths(columns: NDArray[np.void]) -> dict[str, Any]:
    sides = {"question": columns["question_chars"], "answer": columns["answer_chars"]}
    lengths: dict[str, Any] = {
        side: {"edges": _LENGTHS, "counts": np.histogram(np.clip(chars, 1, _LENGTHS[-1]), _LENGTHS)[0].tolist()}
        for side, chars in sides.items()
    }
    return lengths | {"turns": _small(columns["turns"])}


def _small(numbers: NDArray[Any]) -> dict[str, int]:
    """How often each number occurs, the large ones together."""
    found = np.bincount(np.minimum(numbers, _MANY), minlength=1)
    return {f"{n}+" if n == _MANY else str(n): int(count) for n, count in enumerate(found) if count}


def _departments(table: Table, kept: NDArray[np.int64]) -> dict[str, int]:
    departments: Counter[str] = Counter()
    for number, count in enumerate(np.bincount(table.columns["label"][kept], minlength=len(table.labels))):
        if count:
            departments[canonical(table.labels[number].department)] += int(count)
    return dict(departments.most_common())


def _quality(columns: NDArray[np.void]) -> dict[str, Any]:
    counts, edges = np.histogram(columns["quality"], bins=20, range=(0, 1))
    means = columns["parts"].mean(axis=0) / 255 if len(columns) else np.zeros(len(WEIGHTS))
    return {
        "edges": [round(float(edge), 2) for edge in edges],
        "counts": counts.tolist(),
        "mean": round(float(columns["quality"].mean()), 4) if len(columns) else 0.0,
        "parts": {name: round(float(mean), 4) for name, mean in zip(WEIGHTS, means, strict=True)},
        "asks_back": {
            "conversations": round(float((columns["asking"] > 0).mean()), 4) if len(columns) else 0.0,
            "answers": round(float(columns["asking"].sum() / max(1, columns["turns"].sum())), 4),
        },
    }


def _duplicates(reasons: Mapping[str, int], clusters: NDArray[np.int64]) -> dict[str, Any]:
    sizes = np.unique(clusters, return_counts=True)[1]
    return {
        "exact": reasons.get("duplicate", 0) + reasons.get("duplicate_id", 0),
        "near": reasons.get("near_duplicate", 0),
        "cluster_sizes": _small(sizes),
    }


def _overlaps(table: Table, choice: Choice, parts: Parts) -> dict[str, Any]:
    """How many clusters of exact and near copies two sources have in common, copies that were left out counted."""
    names = sorted({label.source for label in table.labels})
    number = {name: n for n, name in enumerate(names)}
    source = np.array([number[label.source] for label in table.labels])[table.columns["label"]]
    cluster = np.full(len(table), -1, np.int64)
    cluster[parts.numbers] = parts.clusters
    cluster = cluster[choice.stands_for()]
    pairs = np.unique(np.stack([cluster[cluster >= 0], source[cluster >= 0]]), axis=1)
    _, first, sizes = np.unique(pairs[0], return_index=True, return_counts=True)
    shared = np.zeros((len(names), len(names)), np.int64)
    for start, size in zip(first[sizes > 1].tolist(), sizes[sizes > 1].tolist(), strict=True):
        members = pairs[1, start : start + size]
        shared[np.ix_(members, members)] += 1
    np.fill_diagonal(shared, 0)
    return {"sources": names, "clusters": shared.tolist()}


def reports(
    heads: Sequence[Head], table: Table | None = None, choice: Choice | None = None
) -> dict[str, dict[str, Any]]:
    """The report of every source with the number of its records, and how many are kept; a damaged one has none."""
    found: dict[str, dict[str, Any]] = {}
    for head in heads:
        report = found.setdefault(head.source, {**head.report, "kept": 0})
        report["damaged"] = head.report["damaged"] or report["damaged"]
        report["records"] += head.read
    for report in found.values():
        if report["damaged"]:
            report["records"] = 0
    if table and choice:
        before = np.concatenate([[0], np.cumsum(choice.reason == 0)])[table.first]
        for head, kept in zip(table.heads, np.diff(before).tolist(), strict=True):
            found[head.source]["kept"] += kept
    return found
