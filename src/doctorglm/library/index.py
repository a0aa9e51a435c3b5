"""The index of a library's chunks: a folder of tantivy's (https://github.com/quickwit-oss/tantivy, BM25).

One field holds words, one bigrams; title and heading stand in both, the title several times, so that a query is a plain
union of terms, which tantivy reads no further than the best need (block-max WAND, Ding and Suel 2011).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import tantivy

from doctorglm.clinical.folding import folded
from doctorglm.library.analysis import bigrams_of, runs_of, words_of
from doctorglm.library.concepts import concepts_in
from doctorglm.library.document import Chunk
from doctorglm.library.hit import Hit

TITLE_TIMES = 3
"""How often a title counts as if it stood in the text: chosen on the development questions."""
_HEAP_BYTES = 64_000_000
FIELDS = ("words", "bigrams")
Place: TypeAlias = tuple[int, int]
"""A chunk's place: its segment and its number there."""


def section_term(key: str) -> str:
    """The word under which the chunks of a section with this key stand; no text holds it."""
    return f"§{key}"


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in ("doc", "chunk"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in FIELDS:
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    builder.add_bytes_field("hit", stored=True)
    return builder.build()


def write(folder: Path, added: Iterable[Chunk], removed: Sequence[str]) -> int:
    """Adds chunks to the index in `folder`, made where there is none, after the documents `removed`; how many."""
    folder.mkdir(parents=True, exist_ok=True)
    schema = _schema()
    index = tantivy.Index(schema, path=str(folder))
    writer = index.writer(heap_size=_HEAP_BYTES, num_threads=1)
    for doc_id in removed:
        writer.delete_documents_by_term("doc", doc_id)
    count = 0
    for chunk in added:
        writer.add_document(_entry(chunk))
        count += 1
    writer.commit()
    writer.wait_merging_threads()
    return count


def _entry(chunk: Chunk) -> tantivy.Document:
    names = runs_of(chunk.document.title)
    plain = folded(chunk.text)
    runs = [*names * TITLE_TIMES, *runs_of(chunk.section.heading), *runs_of(plain)]
    words = [*words_of(runs), *concepts_in(plain), section_term(chunk.section.key)]
    entry = tantivy.Document()
    entry.add_text("doc", chunk.document.id)
    entry.add_text("chunk", chunk.id)
    entry.add_text("words", " ".join(words))
    entry.add_text("bigrams", " ".join(bigrams_of(runs)))
    entry.add_bytes("hit", json.dumps(asdict(_hit(chunk)), ensure_ascii=False).encode("utf-8", "surrogatepass"))
    return entry


def _hit(chunk: Chunk) -> Hit:
    document, section = chunk.document, chunk.section
    return Hit(
        doc_id=document.id,
        title=document.title,
        kind=document.kind,
        heading=section.heading,
        key=section.key,
        text=chunk.text,
        score=0.0,
        source=section.source or document.source,
        licence=document.licence,
        chunk=chunk.number,
    )


class Index:
    """An index that is read; what is replaced under it stays readable."""

    def __init__(self, folder: Path) -> None:
        index = tantivy.Index.open(str(folder))
        self._schema = index.schema
        self._searcher = index.searcher()

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def best(
        self, field: str, terms: Sequence[str], count: int, within: Sequence[str] = (), keys: Sequence[str] = ()
    ) -> list[tuple[float, tantivy.DocAddress]]:
        """The best chunks by BM25 of a field and their scores.

        If some are given, of the documents `within` alone, and of sections with one of the `keys`.
        """
        if not terms and not within:
            return []
        should = [(tantivy.Occur.Should, self._term(field, term)) for term in terms]
        query = tantivy.Query.boolean_query(should) if should else tantivy.Query.empty_query()
        sections = [section_term(key) for key in keys]
        if must := [self._among(*one) for one in (("doc", within), ("words", sections)) if one[1]]:
            query = tantivy.Query.boolean_query([*must, *should])
        return list(self._searcher.search(query, limit=count, count=False).hits)

    def frequency(self, field: str, term: str) -> int:
        """How many chunks hold a term."""
        return int(self._searcher.doc_freq(field, term))

    def address(self, chunk_id: str) -> tantivy.DocAddress | None:
        """Where the chunk with an id is; None where it is not."""
        query = tantivy.Query.term_query(self._schema, "chunk", chunk_id, "basic")
        hits = self._searcher.search(query, limit=1, count=False).hits
        return hits[0][1] if hits else None

    def hit(self, address: tantivy.DocAddress, score: float) -> Hit:
        """The chunk at an address."""
        stored: Any = self._searcher.doc(address).get_first("hit")
        return Hit(**{**json.loads(bytes(stored)), "score": score})

    def _among(self, field: str, terms: Sequence[str]) -> tuple[tantivy.Occur, tantivy.Query]:
        """That a field holds one of the terms, which counts for nothing."""
        held = tantivy.Query.term_set_query(self._schema, field, list(terms))
        return tantivy.Occur.Must, tantivy.Query.const_score_query(held, 0.0)

    def _term(self, field: str, term: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._schema, field, term, "freq")
