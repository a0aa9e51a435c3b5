"""A library of documents that no importer has read; analysed, indexed and named as `library build` does it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from doctorglm.library import store
from doctorglm.library.chunks import chunks_of
from doctorglm.library.document import Document
from doctorglm.library.encoder import encoder_of
from doctorglm.library.encoding import BATCH, forget, write_vectors
from doctorglm.library.index import Writer, analysed_of
from doctorglm.library.names import Named, norms_of
from doctorglm.runs import atomic_file


def write_library(out: Path, documents: Sequence[Document], vectors: str | None = None) -> None:
    """Writes the library of the documents to the folder `out`, with vectors of an encoder or without.

    Encoding is what takes long; one that was stopped goes on.
    """
    out.mkdir(parents=True, exist_ok=True)
    made = store.new_index(out, {})
    names: list[Named] = []
    chunks = 0
    with Writer(made / "tantivy") as writer, atomic_file(made / "documents.jsonl") as lines:
        for document in documents:
            lines.write(store.line_of(store.Entry(document, "", document.digest(), "")))
            names.append(Named(document.id, document.names, norms_of(document.names)))
            for chunk in analysed_of([document]):
                writer.add(chunk)
                chunks += 1
    store.write_names(made, names)
    record: dict[str, Any] = {"counts": {"documents": len(names), "chunks": chunks}}
    if vectors:
        encoder = encoder_of(vectors)
        every = (chunk for document in documents for chunk in chunks_of(document))
        dimension, _ = write_vectors(made, every, encoder, told=lambda done: _tell(done, chunks))
        record["vectors"] = {"encoder": encoder.name, "digest": encoder.digest, "dimension": dimension}
    store.name(out, made, record)
    forget(out)


def _tell(done: int, of: int) -> None:
    if done % (100 * BATCH) == 0:
        sys.stderr.write(f"vectors: {done:,} / {of:,}\n")
