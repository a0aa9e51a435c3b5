"""`library build`: sources -> documents -> chunks -> an index, of which only what changed is made anew."""

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

from doctorglm.errors import DataError
from doctorglm.files.found import SourceFile, find_files
from doctorglm.library.chunks import chunks_of
from doctorglm.library.document import Document
from doctorglm.library.encoder import Encoder, encoder_of
from doctorglm.library.encoding import forget, write_vectors
from doctorglm.library.importers import VERSION, Skipped, documents, read_mapping
from doctorglm.library.importers import Mapping as Columns
from doctorglm.library.index import Writer, analysed_of
from doctorglm.library.names import Named, norms_of
from doctorglm.library.settings import LibrarySettings
from doctorglm.library.store import (
    Entry,
    entries,
    known,
    line_of,
    name,
    new_index,
    read_entries,
    skipped,
    write_names,
    write_skipped,
)
from doctorglm.processes import Inline, Spread
from doctorglm.runs import Run, atomic_file, sha256_file, to_json
from doctorglm.settings import plain

Progress = Callable[[str, float], None]
"""Called with (what is being done, the share of all that is done)."""

_SILENT: Progress = lambda *_: None  # noqa: E731
_BATCH = 32
"""Documents that are cut and analysed at once."""
_OFTEN = 16
"""Documents between two words of how far it is."""
_BEFORE_VECTORS = 0.05
"""The share of a build that is over before vectors are made, about."""
_NO_FILES = ("mapping", "encoder")
"""Inputs that are no source."""
SHIPPED = Path(__file__).parent / "shipped"


def build_library(
    sources: Sequence[Path],
    out: Path,
    settings: LibrarySettings,
    progress: Progress = _SILENT,
    over: Spread | None = None,
) -> Run:
    """Builds the library of `sources` in `out`, or brings it up to date; skipped when nothing changed.

    Files that are unchanged are not read again, documents not indexed again, texts not encoded again, and a search that
    runs meanwhile sees the library as it was. `over`: the processes that help; without, this one works alone. Raises
    DataError with file and place: two entries with one id, no document at all; ConfigError for an encoder that is none;
    then the library stays as it was.
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
    work = _Build(out, settings, before, inputs, progress, over or Inline(), encoder)
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
        over: Spread,
        encoder: Encoder | None,
    ) -> None:
        self._out, self._settings, self._inputs, self._over, self._encoder = out, settings, inputs, over, encoder
        share = _BEFORE_VECTORS if encoder else 1.0
        self._progress: Progress = lambda doing, of: progress(doing, share * of)
        self._encoding: Progress = lambda doing, of: progress(doing, share + (1 - share) * of)
        self._vectors_before = _vectors_of(out, before, encoder)
        same = before.get("settings") == _indexing(settings)
        self._before = before if same else {}
        self._entries = entries(out / before["index"]) if self._before else {}
        self._as_read = before.get("importers") == VERSION and before.get("mapping") == inputs.get("mapping")
        self._skipped: dict[str, list[dict[str, str]]] = {}
        self._now: dict[str, Named] = {}
        self._files: dict[str, str] = {}
        self._licences: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._known_skipped = skipped(out / before["index"]) if self._before and self._as_read else {}

    def done(self, files: Sequence[SourceFile], mapping: Columns | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Writes the index and names it; returns the counts and what is recorded beside them.

        Documents pass one by one, so that memory does not grow with their text.
        """
        index = new_index(self._out, self._before)
        try:
            counts, record = self._written(index, files, mapping)
        except BaseException:
            shutil.rmtree(index, ignore_errors=True)
            raise
        name(self._out, index, record)
        forget(self._out)
        return dict(counts), {"licences": record["licences"], "kinds": record["kinds"]}

    def _written(
        self, index: Path, files: Sequence[SourceFile], mapping: Columns | None
    ) -> tuple[Counter[str], dict[str, Any]]:
        counts = Counter(chunks=int(self._before.get("counts", {}).get("chunks", 0)))
        with Writer(index / "tantivy") as writer, atomic_file(index / "documents.jsonl") as out:
            changed = self._changed(self._read(files, mapping), writer, out, counts)
            for chunks in self._over.map(partial(analysed_of, most=self._settings.chunk_tokens), _batches(changed)):
                counts["chunks"] += len(chunks)
                for chunk in chunks:
                    writer.add(chunk)
            if not self._now:
                raise self._nothing(files)
            for doc_id in self._entries.keys() - self._now.keys():
                self._remove(doc_id, writer, counts)
        write_names(index, self._now.values())
        write_skipped(index, self._skipped)
        counts.update(documents=len(self._now), skipped=len(self._rows()), indexed=0, removed=0)
        record = {**self._record(counts), **self._encoded(index, counts)}
        with atomic_file(self._out / "rejected.jsonl") as out:  # beside the library: not before all else went well
            out.writelines(to_json(row) + "\n" for row in self._rows())
        return counts, record

    def _changed(self, read: Iterable[Entry], writer: Writer, out: IO[Any], counts: Counter[str]) -> Iterator[Document]:
        """The documents that are to be indexed; every document is written down on its way."""
        for entry in read:
            document = entry.document
            if document.id in self._now:
                raise _twice(entry, self._now[document.id].names[0], self._files[document.id])
            self._now[document.id] = Named(document.id, document.names, norms_of(document.names))
            self._files[document.id] = entry.file
            self._licences[document.licence or "not stated"] += 1
            self._kinds[document.kind] += 1
            out.write(line_of(entry))
            if self._digest(document.id) != entry.digest:
                if document.id in self._entries:
                    self._remove(document.id, writer, counts)
                counts["indexed"] += 1
                yield document

    def _remove(self, doc_id: str, writer: Writer, counts: Counter[str]) -> None:
        writer.remove(doc_id)
        counts["removed"] += 1
        counts["chunks"] -= sum(1 for _ in chunks_of(self._entries[doc_id].document, self._settings.chunk_tokens))

    def _read(self, files: Sequence[SourceFile], mapping: Columns | None) -> Iterator[Entry]:
        """Every document: of unchanged files, whatever their names, as they were read before."""
        kept: dict[str, list[Entry]] = {}
        for entry in self._entries.values() if self._as_read else ():
            kept.setdefault(entry.sha256, []).append(entry)
        for number, file in enumerate(files):
            sha = self._inputs[file.name]
            known = kept.get(sha, ())
            if known and (rows := self._known_skipped.get(sha)):
                self._skipped[sha] = rows
            again = (replace(entry, file=file.name) for entry in known)
            for entry in again if known else self._documents(file, mapping):
                if len(self._now) % _OFTEN == 0:
                    self._progress(entry.document.title, number / len(files))
                yield entry

    def _documents(self, file: SourceFile, mapping: Columns | None) -> Iterator[Entry]:
        for found in documents(file, mapping):
            if isinstance(found, Skipped):
                row = {"where": found.where, "en": found.reason.en, "zh": found.reason.zh}
                self._skipped.setdefault(self._inputs[file.name], []).append(row)
            else:
                yield Entry(found, file.name, found.digest(), self._inputs[file.name])

    def _digest(self, doc_id: str) -> str:
        return self._entries[doc_id].digest if doc_id in self._entries else ""

    def _encoded(self, index: Path, counts: Counter[str]) -> dict[str, Any]:
        """Writes the vectors where some are wanted; returns what is recorded of them."""
        if self._encoder is None:
            return {}
        most, of = self._settings.chunk_tokens, counts["chunks"]
        dimension, counts["encoded"] = write_vectors(
            index,
            (chunk for entry in read_entries(index) for chunk in chunks_of(entry.document, most)),
            self._encoder,
            self._vectors_before,
            lambda done: self._encoding(f"{done:,} / {of:,}", done / of),
        )
        told = {"encoder": self._encoder.name, "digest": self._encoder.digest, "dimension": dimension}
        return {"vectors": told}

    def _rows(self) -> list[dict[str, str]]:
        """What gave no document, in the order of the files."""
        return [row for rows in self._skipped.values() for row in rows]

    def _record(self, counts: Mapping[str, int]) -> dict[str, Any]:
        return {
            "settings": _indexing(self._settings),
            "importers": VERSION,
            "mapping": self._inputs.get("mapping"),
            "files": {name: sha for name, sha in self._inputs.items() if name not in _NO_FILES},
            "counts": {"documents": counts["documents"], "chunks": counts["chunks"]},
            "licences": dict(self._licences.most_common()),
            "kinds": dict(self._kinds.most_common()),
        }

    def _nothing(self, files: Sequence[SourceFile]) -> DataError:
        first = next(iter(self._rows()), None)
        en = f" First: {first['where']}: {first['en']}" if first else ""
        zh = f"第一个：{first['where']}：{first['zh']}" if first else ""
        return DataError(
            en=f"{len(files)} files hold no document.{en} See docs/library.md for what is read.",
            zh=f"{len(files)} 个文件中没有可用的文档。{zh}可读取的格式见 docs/library.md。",
        )


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    documents = iter(documents)
    while batch := list(islice(documents, _BATCH)):
        yield batch


def _indexing(settings: LibrarySettings) -> dict[str, Any]:
    """The settings that change what is indexed."""
    return {"chunk_tokens": settings.chunk_tokens}


def _vectors_of(out: Path, before: Mapping[str, Any], encoder: Encoder | None) -> Path | None:
    """The index before, where its vectors are this encoder's."""
    same = encoder and before.get("vectors", {}).get("digest") == encoder.digest
    return out / before["index"] if same else None


def _twice(entry: Entry, title: str, file: str) -> DataError:
    one, doc_id = entry.document, entry.document.id
    return DataError(
        en=f"{entry.file}: `{one.title}` has the id {doc_id}, as `{title}` in {file}. Give one "
        "of them another id, or leave one out.",
        zh=f"{entry.file}：《{one.title}》的 id 是 {doc_id}，与 {file} 中的《{title}》重复。"
        "请改其中一个 id，或去掉一个。",
    )
