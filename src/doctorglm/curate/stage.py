"""Curation: sources -> clean conversations in splits, rejected records with reasons, and `run.json`."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from doctorglm.conversation import Conversation, write_conversations
from doctorglm.curate.clean import clean
from doctorglm.curate.decontaminate import Benchmarks, read_benchmarks
from doctorglm.curate.filters import chain, first_rejection
from doctorglm.curate.near import Comparison
from doctorglm.curate.readers import Reader
from doctorglm.curate.readers.mapped import read_mapping
from doctorglm.curate.repeats import repeats
from doctorglm.curate.settings import CurateSettings
from doctorglm.curate.sources import Entry, FileReport, SourceFile, find_files, read
from doctorglm.curate.splits import assign, ids_sha256
from doctorglm.errors import ConfigError, DataError
from doctorglm.runs import Run, atomic_file, sha256_file
from doctorglm.settings import plain

Progress = Callable[[str, int, int], None]
"""Called with (file, files done, files in all)."""

Splits: TypeAlias = dict[str, list[Conversation]]


@dataclass
class _Sorted:
    """What has become of the records so far; `changes` counts what cleaning did to the kept ones, by kind."""

    kept: list[Conversation] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)
    stock_questions: int = 0
    """Kept, although they ask what a benchmark asks: the answer is another."""
    places: dict[str, Entry] = field(default_factory=dict)

    def reject(self, entry: Entry, reason: str, **why: Any) -> None:
        """Notes the place, the reason and what it rests on."""
        self.rejected.append({"id": entry.id, "source": entry.file, "row": entry.row, "reason": reason, **why})


def curate(
    sources: Sequence[Path],
    out: Path,
    settings: CurateSettings,
    progress: Progress | None = None,
    *,
    decontaminate: Sequence[Path] = (),
    skip_bad: bool = False,
) -> Run:
    """Reads the sources, writes `<split>.jsonl`, `rejected.jsonl` and `run.json` to `out`; skipped when finished.

    Raises DataError with the file and the place: when nothing is left, before anything is written; else, unless
    `skip_bad`, behind it all, for what could not be read. What could is written, and `run.json` names the others.
    """
    started = time.monotonic()
    files = find_files(sources, out)
    mapping = read_mapping(Path(settings.mapping)) if settings.mapping else None
    inputs = {file.name: sha256_file(file.path) for file in files}
    if settings.mapping:
        inputs["mapping"] = sha256_file(Path(settings.mapping))
    inputs |= {f"benchmark {file.name}": sha256_file(file.path) for file in _benchmark_files(decontaminate)}
    begin = partial(Run, out, stage="curate", settings=plain(settings), inputs=inputs, seed=settings.seed)
    if (out / "run.json").exists() and (earlier := begin()).finished:
        _raise_damage(earlier.record["files"], skip_bad)
        return earlier
    reports, entries = _read(files, mapping, progress)
    benchmarks = read_benchmarks(decontaminate) if decontaminate else None
    result = _sort(entries, settings, benchmarks)
    if not result.kept:
        raise _nothing_left(reports, result)
    if not settings.shares:
        raise ConfigError(
            en="held_out fills `test`, and splits has no part but `test` for the rest. Add one, such as train=1.",
            zh="held_out 已构成 `test`，而 splits 除 `test` 外没有其他部分。请加上，例如 train=1。",
        )
    held_out, only = (_named(setting, getattr(settings, setting), result) for setting in ("held_out", "only"))
    splits, leak = _split(result.kept, settings, held_out)
    if settings.held_out:
        near = {c.id for c in splits["test"]} - held_out
        splits = _without(splits, result, near, "near_held_out")
    if settings.only:
        splits = _without(splits, result, result.places.keys() - only - held_out, "compared_only")
    run = begin()
    for name, conversations in splits.items():
        write_conversations(out / f"{name}.jsonl", conversations)
    _write_rejected(out / "rejected.jsonl", result.rejected)
    run.finish(
        counts={"read": len(entries), **_counts(result, splits), "skipped": sum(bool(r.skipped) for r in reports)},
        changes=dict(sorted(result.changes.items())),
        splits_sha256={name: ids_sha256(conversations) for name, conversations in splits.items()},
        leak=leak,
        decontamination={"items": len(benchmarks), "stock_questions_kept": result.stock_questions}
        if benchmarks
        else None,
        files=[asdict(report) for report in reports],
        seconds=round(time.monotonic() - started, 2),
    )
    _raise_damage(run.record["files"], skip_bad)
    return run


def _read(
    files: Sequence[SourceFile], mapping: Reader | None, progress: Progress | None
) -> tuple[list[FileReport], list[Entry]]:
    """The reports and entries of all files; of one that is damaged, none of the entries from the damaged part on."""
    reports: list[FileReport] = []
    entries: list[Entry] = []
    for done, file in enumerate(files):
        if progress:
            progress(file.name, done, len(files))
        name = file.name
        try:
            for source in read(file, mapping):
                name = source.report.name
                found = list(source.entries)
                reports.append(replace(source.report, records=len(found)))
                entries += found
        except DataError as error:
            reports.append(FileReport(name, damaged={"en": error.text.en, "zh": error.text.zh}))
    return reports, entries


def _raise_damage(reports: Sequence[Mapping[str, Any]], skip_bad: bool) -> None:
    """Raises DataError for the files that could not be read."""
    damaged = [report["damaged"] for report in reports if report["damaged"]]
    if damaged and not skip_bad:
        raise DataError(
            en="\n".join(d["en"] for d in damaged) + "\nThe rest is done; with --skip-bad this is no error.",
            zh="\n".join(d["zh"] for d in damaged) + "\n其余文件已处理完；加上 --skip-bad 则不算错误。",
        )


def _benchmark_files(sources: Sequence[Path]) -> list[SourceFile]:
    return find_files(sources) if sources else []


def _sort(entries: Sequence[Entry], settings: CurateSettings, benchmarks: Benchmarks | None) -> _Sorted:
    result, filters = _Sorted(), chain(settings)
    # of copies the held-out one is kept, else the first by id, whatever the order of the sources
    for entry in sorted(entries, key=lambda e: (not _is_held_out(e, settings), e.id)):
        if entry.conversation is None:
            result.reject(entry, entry.reason)
            continue
        changes: Counter[str] = Counter()
        conversation = clean(entry.conversation, settings.drop_courtesies, changes, settings.normalise)
        rejection = first_rejection(filters, conversation)
        match = benchmarks.match(conversation) if benchmarks and not rejection else None
        if rejection:
            result.reject(entry, rejection.reason, evidence=rejection.evidence)
        elif entry.id in result.places:
            result.reject(entry, "duplicate_id")
        elif match and match.is_leak:
            result.reject(entry, "contaminated", item=match.place, question=match.question, answer=match.answer)
        else:
            result.stock_questions += match is not None
            result.places[entry.id] = entry
            result.changes += changes + Counter(number_as_text=entry.numbers)
            result.kept.append(conversation)
    if settings.repeats_threshold:
        _drop_repeats(result, settings)
    _apply_limit(result, settings)
    return result


def _drop_repeats(result: _Sorted, settings: CurateSettings) -> None:
    """Rejects the worse copies among those that are written and not held out."""
    free = [c for c in result.kept if not _is_held_out(result.places[c.id], settings)]
    if settings.only:
        free = [c for c in free if c.source in settings.only or result.places[c.id].file in settings.only]
    gone = {repeat.id: repeat for repeat in repeats(free, settings.repeats_threshold)}
    for repeat in gone.values():
        result.reject(result.places[repeat.id], "near_duplicate", of=repeat.of, similarity=repeat.similarity)
    result.kept = [c for c in result.kept if c.id not in gone]


def _is_held_out(entry: Entry, settings: CurateSettings) -> bool:
    source = entry.conversation.source if entry.conversation else ""
    return source in settings.held_out or entry.file in settings.held_out


def _apply_limit(result: _Sorted, settings: CurateSettings) -> None:
    """Keeps `limit` of the conversations that are not held out."""
    kept = [c for c in result.kept if not _is_held_out(result.places[c.id], settings)]
    if settings.limit is None or len(kept) <= settings.limit:
        return
    order = sorted(kept, key=lambda c: hashlib.sha256(f"{settings.seed}\0limit\0{c.id}".encode()).digest())
    dropped = {c.id for c in order[settings.limit :]}
    for conversation in result.kept:
        if conversation.id in dropped:
            result.reject(result.places[conversation.id], "over_limit")
    result.kept = [c for c in result.kept if c.id not in dropped]


def _nothing_left(reports: Sequence[FileReport], result: _Sorted) -> DataError:
    damaged = [report.damaged for report in reports if report.damaged]
    if damaged:
        return DataError(en="\n".join(d["en"] for d in damaged), zh="\n".join(d["zh"] for d in damaged))
    reasons = Counter(str(record["reason"]) for record in result.rejected)
    found = [f"{reason}: {n}" for reason, n in reasons.most_common(5)]
    found += [f"{report.name}: {report.skipped}" for report in reports if report.skipped][:5]
    return DataError(
        en=f"No conversation is left ({'; '.join(found) or 'the sources are empty'}). Check files and settings.",
        zh=f"没有留下任何对话（{'；'.join(found) or '来源是空的'}）。请检查文件和设置。",
    )


def _split(kept: list[Conversation], settings: CurateSettings, held_out: Set[str]) -> tuple[Splits, dict[str, Any]]:
    """The splits, and how near the last of them, which is held out, comes to any other.

    When the check finds a pair that clustering missed, both are done again with more hashes.
    """
    comparison = Comparison(kept, settings.min_compared_chars)
    part, threshold = settings.parts[-1], settings.near_duplicate_threshold
    for rounds in range(1, _MAX_ROUNDS + 1):
        splits = _assigned(kept, comparison.clusters(threshold, rounds), settings, held_out)
        ids = {c.id for c in splits[part]}
        largest = comparison.largest_similarity(ids, min(_REPORTED_SIMILARITY, threshold), rounds)
        if largest < threshold:
            break
    leak = {"held_out": part, "largest_similarity": round(largest, 4), "threshold": threshold, "rounds": rounds}
    return splits, leak


_MAX_ROUNDS = 5
_REPORTED_SIMILARITY = 0.2
"""Below this, MinHash finds too few of the pairs to speak of the largest."""


def _assigned(
    kept: Sequence[Conversation], clusters: Sequence[str], settings: CurateSettings, held_out: Set[str]
) -> Splits:
    marked = [replace(c, meta={**c.meta, "cluster": name}) for c, name in zip(kept, clusters, strict=True)]
    taken = {c.meta["cluster"] for c in marked if c.id in held_out}
    divided = [c for c in marked if c.meta["cluster"] not in taken]
    parts = dict(zip((c.id for c in divided), assign(divided, settings.shares, settings.seed), strict=True))
    splits: Splits = {name: [] for name in settings.parts}
    for conversation in marked:
        splits[parts.get(conversation.id, settings.parts[-1])].append(conversation)
    return splits


def _named(setting: str, names: Sequence[str], result: _Sorted) -> set[str]:
    """The ids of the records that are of these sources or files; raises ConfigError for a name that none is of."""
    of: dict[str, set[str]] = {}
    for conversation in result.kept:
        for name in (conversation.source, result.places[conversation.id].file):
            of.setdefault(name, set()).add(conversation.id)
    for name in names:
        if name not in of:
            raise ConfigError(
                en=f"{setting}={name}: no record is of this source or file; there are {', '.join(sorted(of))}.",
                zh=f"{setting}={name}：没有来自该来源或文件的记录；现有：{'、'.join(sorted(of))}。",
            )
    return set().union(*(of[name] for name in names))


def _without(splits: Splits, result: _Sorted, others: Set[str], reason: str) -> Splits:
    """The splits without the records of these ids, which are rejected."""
    for conversation in (c for conversations in splits.values() for c in conversations if c.id in others):
        result.reject(result.places[conversation.id], reason)
    return {name: [c for c in conversations if c.id not in others] for name, conversations in splits.items()}


def _write_rejected(path: Path, rejected: Sequence[dict[str, Any]]) -> None:
    with atomic_file(path) as out:
        for record in sorted(rejected, key=lambda r: (r["source"], r["row"])):
            out.write(json.dumps(record, ensure_ascii=False) + "\n")


def _counts(result: _Sorted, splits: Splits) -> dict[str, Any]:
    reasons = Counter(str(record["reason"]) for record in result.rejected)
    kept = sum(len(conversations) for conversations in splits.values())
    return {
        "kept": kept,
        "rejected": dict(sorted(reasons.items())),
        "splits": {name: len(conversations) for name, conversations in splits.items()},
        "clusters": len({c.meta["cluster"] for conversations in splits.values() for c in conversations}),
    }
