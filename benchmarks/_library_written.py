"""A library of documents that no importer has read; analysed, indexed and named as `library build` does it."""

from collections.abc import Iterable
from pathlib import Path

from doctorglm.library import store
from doctorglm.library.document import Document
from doctorglm.library.index import Writer, analysed_of
from doctorglm.library.names import Named, norms_of
from doctorglm.runs import atomic_file


def write_library(out: Path, documents: Iterable[Document]) -> None:
    """Writes the library of the documents to the folder `out`."""
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
    store.name(out, made, {"counts": {"documents": len(names), "chunks": chunks}})
