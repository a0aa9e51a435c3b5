"""`library build`: sources -> documents -> chunks -> an index, of which only what changed is made anew."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from doctorglm.errors import DataError
from doctorglm.files.found import SourceFile, find_files
from doctorglm.library.chunks import chunks_of
from doctorglm.library.document import Chunk, Document
from doctorglm.library.encoder import Encoder, encoder_of
from doctorglm.library.encoding import forget, write_vectors
from doctorglm.library.importers import VERSION, Skipped, documents, read_mapping
from doctorglm.library.importers import Mapping as Columns
from doctorglm.library.index import write
from doctorglm.library.names import Named, norms_of
from doctorglm.library.settings import LibrarySettings
from doctorglm.library.store import (
    Entry,
    entries,
    known,
    name,
    new_index,
    skipped,
    write_entries,
    write_names,
    write_skipped,
)
from doctorglm.runs import Run, atomic_file, sha256_file, to_json
from doctorglm.settings import plain

Progress = Callable[[str, float], None]
"""Called with (what is being done, the share of all that is done)."""

_SILENT: Progress = lambda *_: None  # noqa: E731
_READ = 0.3
"""The share of reading and indexing that reading takes, about."""
_BEFORE_VECTORS = 0.05
"""The share of a build that is over before vectors are made, about."""
_NO_FILES = ("mapping", "encoder")
"""Inputs that are no source."""
SHIPPED = Path(__file__).parent / "shipped"


def build_library(sources: Sequence[Path], out: Path, settings: LibrarySettings, progress: Progress = _SILENT) -> Run:
    """Builds the library of `sources` in `out`, or brings it up to date; skipped when nothing changed.

    Files that are unchanged are not read again, documents not indexed again, texts not encoded again, and a search that
    runs meanwhile sees the library as it was. Raises DataError with file and place: two entries with one id, no
    document at all; ConfigError for an encoder that is none; then the library stays as it was.
    """
    started = time.monotonic()
    wanted = [*sources, SHIPPED] if settings.shipped or not sources else list(sources)
    files = find_files(wanted, out)
    mapping = read_mapping(Path(settings.mapping)) if settings.mapping else None
    inputs = {file.name: sha256_file(file.path) for file in files}
    if settings.mapping:
        inputs["mapping"] = sha256_file(Path(settings.mapping))
    encoder = encoder_of(settings.vectors) if settings.vectors else None
    if encoder:
        inputs["encoder"] = encoder.digest
    run = Run(out, stage="library", settings=plain(settings), inputs=inputs, renewed=True)
    before = known(out)
    if run.finished and before and before.get("importers") == VERSION:
        return run
    work = _Build(out, settings, before, inputs, progress, encoder)
    counts, record = work.done(files, mapping)
    run.finish(counts=counts, **record, seconds_of_build=round(time.monotonic() - started, 2))
    return run


class _Build:
    """One build, from files to the folder's new index."""

    def __init__(
        self,
        out: Path,
        settings: LibrarySettings,
        before: Mapping[str, Any],
        inputs: Mapping[str, str],
        progress: Progress,
        encoder: Encoder | None,
    ) -> None:
        self._out, self._settings, self._inputs, self._encoder = out, settings, inputs, encoder
        share = _BEFORE_VECTORS if encoder else 1.0
        self._progress: Progress = lambda doing, of: progress(doing, share * of)
        self._encoding: Progress = lambda doing, of: progress(doing, share + (1 - share) * of)
        self._vectors_before = _vectors_of(out, before, encoder)
        same = before.get("settings") == _indexing(settings)
        self._before = before if same else {}
        self._entries = entries(out / before["index"]) if self._before else {}
        self._as_read = before.get("importers") == VERSION and before.get("mapping") == inputs.get("mapping")
        self._skipped: dict[str, list[dict[str, str]]] = {}
        self._known_skipped = skipped(out / before["index"]) if self._before and self._as_read else {}

    def done(self, files: Sequence[SourceFile], mapping: Columns | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Writes the index and names it; returns the counts and what is recorded beside them."""
        now = self._read(files, mapping)
        if not now:
            raise self._nothing(files)
        changed = [entry for i, entry in now.items() if self._digest(i) != entry.digest]
        gone = [i for i in self._entries if i not in now or self._digest(i) != now[i].digest]
        index = new_index(self._out, self._before)
        counts = Counter(chunks=int(self._before.get("counts", {}).get("chunks", 0)))
        counts["chunks"] -= sum(1 for i in gone for _ in self._chunks(self._entries[i].document))
        counts["chunks"] += write(index / "tantivy", self._told(changed), gone)
        write_entries(index, now.values())
        write_names(index, (Named(i, e.document.names, norms_of(e.document.names)) for i, e in now.items()))
        write_skipped(index, self._skipped)
        vectors = self._encoded(index, now, counts)
        with atomic_file(self._out / "rejected.jsonl") as out:
            out.writelines(to_json(row) + "\n" for row in self._rows())
        counts.update(documents=len(now), indexed=len(changed), removed=len(gone), skipped=len(self._rows()))
        record = {**self._record(now, counts), **vectors}
        name(self._out, index, record)
        forget(self._out)
        return dict(counts), {"licences": record["licences"], "kinds": record["kinds"]}

    def _read(self, files: Sequence[SourceFile], mapping: Columns | None) -> dict[str, Entry]:
        """Every document by its id: of unchanged files, whatever their names, as they were read before."""
        kept: dict[str, list[Entry]] = {}
        for entry in self._entries.values() if self._as_read else ():
            kept.setdefault(entry.sha256, []).append(entry)
        now: dict[str, Entry] = {}
        for number, file in enumerate(files):
            self._progress(file.name, _READ * number / len(files))
            known = kept.get(self._inputs[file.name], ())
            again = (replace(entry, file=file.name) for entry in known)
            if known and (rows := self._known_skipped.get(self._inputs[file.name])):
                self._skipped[self._inputs[file.name]] = rows
            found: Iterable[Entry] = again if known else self._documents(file, mapping)
            for entry in found:
                if entry.document.id in now:
                    raise _twice(entry, now[entry.document.id])
                now[entry.document.id] = entry
        return now

    def _documents(self, file: SourceFile, mapping: Columns | None) -> Iterator[Entry]:
        for found in documents(file, mapping):
            if isinstance(found, Skipped):
                row = {"where": found.where, "en": found.reason.en, "zh": found.reason.zh}
                self._skipped.setdefault(self._inputs[file.name], []).append(row)
            else:
                yield Entry(found, file.name, found.digest(), self._inputs[file.name])

    def _digest(self, doc_id: str) -> str:
        return self._entries[doc_id].digest if doc_id in self._entries else ""

    def _chunks(self, document: Document) -> Iterator[Chunk]:
        return chunks_of(document, self._settings.chunk_tokens)

    def _told(self, changed: Sequence[Entry]) -> Iterator[Chunk]:
        for number, entry in enumerate(changed):
            if number % 50 == 0:
                self._progress(entry.document.title, _READ + (1 - _READ) * number / len(changed))
            yield from self._chunks(entry.document)

    def _encoded(self, index: Path, now: Mapping[str, Entry], counts: Counter[str]) -> dict[str, Any]:
        """Writes the vectors where some are wanted; returns what is recorded of them."""
        if self._encoder is None:
            return {}
        every = (chunk for entry in now.values() for chunk in self._chunks(entry.document))
        of = counts["chunks"]
        dimension, counts["encoded"] = write_vectors(
            index,
            every,
            self._encoder,
            self._vectors_before,
            lambda done: self._encoding(f"{done:,} / {of:,}", done / of),
        )
        told = {"encoder": self._encoder.name, "digest": self._encoder.digest, "dimension": dimension}
        return {"vectors": told}

    def _rows(self) -> list[dict[str, str]]:
        """What gave no document, in the order of the files."""
        return [row for rows in self._skipped.values() for row in rows]

    def _record(self, now: Mapping[str, Entry], counts: Mapping[str, int]) -> dict[str, Any]:
        licences = Counter(entry.document.licence or "not stated" for entry in now.values())
        kinds = Counter(entry.document.kind for entry in now.values())
        return {
            "settings": _indexing(self._settings),
            "importers": VERSION,
            "mapping": self._inputs.get("mapping"),
            "files": {name: sha for name, sha in self._inputs.items() if name not in _NO_FILES},
            "counts": {"documents": len(now), "chunks": counts["chunks"]},
            "licences": dict(licences.most_common()),
            "kinds": dict(kinds.most_common()),
        }

    def _nothing(self, files: Sequence[SourceFile]) -> DataError:
        first = next(iter(self._rows()), None)
        en = f" First: {first['where']}: {first['en']}" if first else ""
        zh = f"第一个：{first['where']}：{first['zh']}" if first else ""
        return DataError(
            en=f"{len(files)} files hold no document.{en} See docs/library.md for what is read.",
            zh=f"{len(files)} 个文件中没有可用的文档。{zh}可读取的格式见 docs/library.md。",
        )


def _indexing(settings: LibrarySettings) -> dict[str, Any]:
    """The settings that change what is indexed."""
    return {"chunk_tokens": settings.chunk_tokens}


def _vectors_of(out: Path, before: Mapping[str, Any], encoder: Encoder | None) -> Path | None:
    """The index before, where its vectors are this encoder's."""
    same = encoder and before.get("vectors", {}).get("digest") == encoder.digest
    return out / before["index"] if same else None


def _twice(entry: Entry, before: Entry) -> DataError:
    one, doc_id = entry.document, entry.document.id
    return DataError(
        en=f"{entry.file}: `{one.title}` has the id {doc_id}, as `{before.document.title}` in {before.file}. Give one "
        "of them another id, or leave one out.",
        zh=f"{entry.file}：《{one.title}》的 id 是 {doc_id}，与 {before.file} 中的《{before.document.title}》重复。"
        "请改其中一个 id，或去掉一个。",
    )
