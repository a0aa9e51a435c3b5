"""Curation: sources -> clean conversations in splits, rejected records with reasons, and `run.json`."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from doctorglm.conversation import read_conversations
from doctorglm.curate.choice import Choice, drop_copies, within_limit
from doctorglm.curate.decontaminate import Benchmarks, file_of, read_benchmarks
from doctorglm.curate.deidentify import secret_of
from doctorglm.curate.engines import Engine, Inline
from doctorglm.curate.page import write_page
from doctorglm.curate.parts import Parts, divide
from doctorglm.curate.readers import Reader
from doctorglm.curate.readers.mapped import read_mapping
from doctorglm.curate.record import HIT, Records
from doctorglm.curate.repeats import repeats
from doctorglm.curate.review import FILE, Sheet
from doctorglm.curate.settings import CurateSettings
from doctorglm.curate.signed import signed_review
from doctorglm.curate.store import Head, Store, Table
from doctorglm.curate.summary import reports, summary
from doctorglm.curate.writing import samples_of, write_parts, write_rejected
from doctorglm.errors import ConfigError, DataError, DoctorGLMError
from doctorglm.files.found import SourceFile, find_files
from doctorglm.runs import Run, sha256_file, to_json
from doctorglm.settings import plain

Progress = Callable[[str, float], None]
"""Called with (what is being done, the share of all that is done)."""

_SILENT: Progress = lambda *_: None  # noqa: E731
_WORK = ".curate"


def curate(
    sources: Sequence[Path],
    out: Path,
    settings: CurateSettings,
    progress: Progress = _SILENT,
    *,
    decontaminate: Sequence[Path] = (),
    skip_bad: bool = False,
    engine: Engine | None = None,
    review: int | None = None,
) -> Run:
    """Reads the sources, writes `<split>.jsonl`, `rejected.jsonl` and `run.json` to `out`; skipped when finished.

    What a killed run had done is not done again. Raises DataError with the file and the place: when nothing is left,
    before anything is written; else, unless `skip_bad`, behind it all, for what could not be read. What could is
    written, and `run.json` names the others.

    `review` asks for a sheet of so many conversations on which a reader signs what de-identification missed; once it
    is signed and the same run started again, `run.json` carries what it says.
    """
    started = time.monotonic()
    files = find_files(sources, out)
    mapping = read_mapping(Path(settings.mapping)) if settings.mapping else None
    inputs = _inputs(files, settings, decontaminate)
    run = Run(out, stage="curate", settings=plain(settings), inputs=inputs, seed=settings.seed)
    if run.finished:
        _review(run, review)
        _raise_damage(run.record["files"], skip_bad)
        return run
    store = Store(out / _WORK, to_json(run.identity))
    try:
        benchmarks = read_benchmarks(decontaminate) if decontaminate else None
        work = _Work(store, settings, engine or Inline(), progress, out, inputs)
        results = work.done(files, mapping, benchmarks)
    except DoctorGLMError:
        _leave_nothing(out, store)
        raise
    run.finish(**results, seconds=round(time.monotonic() - started, 2))
    _write_page(run)
    _review(run, review)
    store.remove()
    _raise_damage(run.record["files"], skip_bad)
    return run


def _write_page(run: Run) -> None:
    write_page(run.record, samples_of(run.directory / "rejected.jsonl"), run.directory / "report.html")


def _review(run: Run, count: int | None) -> None:
    """Reads the sheet that is signed, or writes the one that is asked for."""
    deid = run.record.get("deid") or {}
    found = signed_review(run.directory, run.record)
    if found is None and count and not deid.get("review"):
        sheet = Sheet(count, run.record["seed"])
        for part in run.record["counts"]["splits"]:
            for conversation in read_conversations(run.directory / f"{part}.jsonl"):
                sheet.offer(conversation)
        found = sheet.write(run.directory / FILE)
    if found is not None:
        run.amend(deid={**deid, "review": found})
        _write_page(run)


def _inputs(files: Sequence[SourceFile], settings: CurateSettings, decontaminate: Sequence[Path]) -> dict[str, str]:
    inputs = {file.name: sha256_file(file.path) for file in files}
    if settings.mapping:
        inputs["mapping"] = sha256_file(Path(settings.mapping))
    benchmarks = find_files(decontaminate) if decontaminate else []
    return inputs | {f"benchmark {file.name}": sha256_file(file.path) for file in benchmarks}


def _leave_nothing(out: Path, store: Store) -> None:
    store.remove()
    (out / "run.json").unlink(missing_ok=True)
    with suppress(OSError):
        out.rmdir()


@dataclass
class _Work:
    """One run, from files to parts."""

    store: Store
    settings: CurateSettings
    engine: Engine
    progress: Progress
    out: Path
    inputs: Mapping[str, str]

    def done(
        self, files: Sequence[SourceFile], mapping: Reader | None, benchmarks: Benchmarks | None
    ) -> dict[str, Any]:
        """Writes the parts and what was rejected; returns what `run.json` says of them."""
        secret = secret_of(files, self.settings.seed) if self.settings.deidentify != "none" else b""
        every = heads = self._sorted(files, Records(self.settings, mapping, benchmarks, secret), mapping)
        found = reports(heads)
        damaged = {source for source, report in found.items() if report["damaged"]}
        heads = [head for head in heads if head.source not in damaged]
        table = Table(self.store, heads)
        if not len(table):
            raise _nothing_left(list(found.values()), heads)
        self._check_names(table)
        choice = Choice.of_all(table)
        held_out = table.of(self.settings.held_out)
        self._choose(choice, held_out)
        parts = self._divided(choice, held_out)
        self.progress("writing", _WRITING)
        sha256 = write_parts(self.out, table, parts, choice, held_out, self.settings.parts)
        write_rejected(self.out / "rejected.jsonl", choice)
        record = summary(table, choice, parts, self.settings.parts)
        skipped = sum(bool(report["skipped"]) for report in found.values())
        return {
            **record,
            "counts": {**record["counts"], "skipped": skipped},
            "deid": self._deidentified(table),
            "splits_sha256": sha256,
            "leak": parts.leak,
            "decontamination": _decontamination(table, benchmarks) if benchmarks else None,
            "files": self._files(files, every, table, choice),
        }

    def _deidentified(self, table: Table) -> dict[str, Any]:
        spans = table.counted("spans")
        conversations = spans.pop("conversations", 0)
        mode, names = self.settings.deidentify, self.settings.names
        return {"mode": mode, "names": names, "conversations": conversations, "spans": dict(spans.most_common())}

    def _files(
        self, files: Sequence[SourceFile], heads: Sequence[Head], table: Table, choice: Choice
    ) -> list[dict[str, Any]]:
        """The reports of all sources, with size and hash where a source is a file of its own."""
        known = {file.name: file for file in files}
        return [
            {**report, **_size(known.get(report["name"]), self.inputs)}
            for report in reports(heads, table, choice).values()
        ]

    def _sorted(self, files: Sequence[SourceFile], records: Records, mapping: Reader | None) -> list[Head]:
        """Reads what is not read yet; every record by itself."""
        finished = self.store.finished
        sizes = [file.path.stat().st_size for file in files]
        read, written = 0, Counter[int]()
        for outcome in self.engine.outcomes(files, mapping, records, finished):
            self.store.add(outcome)
            read += outcome.read
            number = int(outcome.key.partition("-")[0])
            written[number] += len(outcome.passed) + len(outcome.rejected)
            done = sum(sizes[:number]) + min(sizes[number], written[number])
            self.progress(f"{outcome.report.name} {read:,}", _READING * done / max(1, sum(sizes)))
        return self.store.heads()

    def _choose(self, choice: Choice, held_out: NDArray[np.bool_]) -> None:
        settings, table = self.settings, choice.table
        self.progress("comparing", _READING)
        drop_copies(choice, held_out, texts="duplicate" in settings.filters)
        if settings.repeats_threshold:
            free = ~held_out & (table.of(settings.only) if settings.only else True)
            numbers = choice.kept[free[choice.kept]]
            for gone in repeats(table, numbers, settings.repeats_threshold, self.engine, self.store.folder):
                choice.reject_copy(gone.number, gone.of, gone.similarity)
        kept = choice.kept[~held_out[choice.kept]]
        if settings.limit is not None and len(kept) > settings.limit:
            choice.reject(kept[~within_limit(table, kept, settings.limit, settings)], "over_limit")

    def _divided(self, choice: Choice, held_out: NDArray[np.bool_]) -> Parts:
        settings, table = self.settings, choice.table
        self.progress("dividing", _DIVIDING)
        if not settings.shares:
            raise ConfigError(
                en="held_out fills `test`, and splits has no part but `test` for the rest. Add one, such as train=1.",
                zh="held_out 已构成 `test`，而 splits 除 `test` 外没有其他部分。请加上，例如 train=1。",
            )
        parts = divide(table, choice.kept, held_out, settings, self.engine, self.store.folder)
        if settings.held_out:
            beside = parts.numbers[(parts.parts == len(settings.parts) - 1) & ~held_out[parts.numbers]]
            choice.reject(beside, "near_held_out")
        if settings.only:
            others = choice.kept[~table.of(settings.only)[choice.kept] & ~held_out[choice.kept]]
            choice.reject(others, "compared_only")
        return parts

    def _check_names(self, table: Table) -> None:
        """Raises ConfigError for a source or file that is named and that no record is of."""
        for setting in ("held_out", "only"):
            for name in getattr(self.settings, setting):
                if name not in table.names():
                    known = sorted(table.names())
                    raise ConfigError(
                        en=f"{setting}={name}: no record is of this source or file; there are {', '.join(known)}.",
                        zh=f"{setting}={name}：没有来自该来源或文件的记录；现有：{'、'.join(known)}。",
                    )


_READING, _DIVIDING, _WRITING = 0.6, 0.7, 0.95
"""The share of all that is done when a step begins or ends."""


def _raise_damage(reports: Sequence[Mapping[str, Any]], skip_bad: bool) -> None:
    """Raises DataError for the files that could not be read."""
    damaged = [report["damaged"] for report in reports if report["damaged"]]
    if damaged and not skip_bad:
        raise DataError(
            en="\n".join(d["en"] for d in damaged) + "\nThe rest is done; with --skip-bad this is no error.",
            zh="\n".join(d["zh"] for d in damaged) + "\n其余文件已处理完；加上 --skip-bad 则不算错误。",
        )


def _nothing_left(reports: Sequence[Mapping[str, Any]], heads: Sequence[Head]) -> DataError:
    damaged = [report["damaged"] for report in reports if report["damaged"]]
    if damaged:
        return DataError(en="\n".join(d["en"] for d in damaged), zh="\n".join(d["zh"] for d in damaged))
    reasons = sum((Counter(by) for head in heads for by in head.reasons.values()), Counter[str]())
    found = [f"{reason}: {n}" for reason, n in reasons.most_common(5)]
    found += [f"{report['name']}: {report['skipped']}" for report in reports if report["skipped"]][:5]
    return DataError(
        en=f"No conversation is left ({'; '.join(found) or 'the sources are empty'}). Check files and settings.",
        zh=f"没有留下任何对话（{'；'.join(found) or '来源是空的'}）。请检查文件和设置。",
    )


def _size(file: SourceFile | None, inputs: Mapping[str, str]) -> dict[str, Any]:
    return {"sha256": inputs[file.name], "bytes": file.path.stat().st_size} if file else {}


def _decontamination(table: Table, benchmarks: Benchmarks) -> dict[str, Any]:
    """How many items there are of each file, and how many of them some conversation held."""
    counts = table.counted("benchmarks")
    hit = Counter(file_of(key.removeprefix(HIT)) for key in counts if key.startswith(HIT))
    return {
        "items": len(benchmarks),
        "stock_questions_kept": counts["stock_questions_kept"],
        "files": {file: {"items": items, "hit": hit[file]} for file, items in benchmarks.by_file().items()},
    }
