"""The index of a library's chunks: a folder of tantivy's (https://github.com/quickwit-oss/tantivy, BM25).

One field holds words, one bigrams; title and heading stand in both, the title several times, so that a query is a plain
union of terms, which tantivy reads no further than the best need (block-max WAND, Ding and Suel 2011).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeAlias

import tantivy

from doctorglm.clinical.folding import folded
from doctorglm.library.analysis import bigrams_of, runs_of, words_of
from doctorglm.library.chunks import MOST_TOKENS, chunks_of
from doctorglm.library.concepts import concepts_in
from doctorglm.library.document import Chunk, Document
from doctorglm.library.hit import Hit

TITLE_TIMES = 3
"""How often a title counts as if it stood in the text: chosen on the development questions."""
_HEAP_BYTES = 64_000_000
_COUNTED = 1 << 14
"""Terms whose count is kept: a question's are asked for several times, and common ones by every question."""
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


class Analysed(NamedTuple):
    """A chunk as the index takes it: ids, words and bigrams between blanks, what a search gives."""

    doc: str
    chunk: str
    words: str
    bigrams: str
    hit: bytes


class Writer:
    """Writes to the index in a folder, made where there is none; all of it is there once the block ends well."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = tantivy.Index(_schema(), path=str(folder)).writer(heap_size=_HEAP_BYTES, num_threads=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._writer.commit()
            self._writer.wait_merging_threads()

    def remove(self, doc_id: str) -> None:
        """Removes what was there of a document; what is added of it afterwards stays."""
        self._writer.delete_documents_by_term("doc", doc_id)

    def add(self, chunk: Analysed) -> None:
        """Adds a chunk."""
        entry = tantivy.Document()
        for name in ("doc", "chunk", *FIELDS):
            entry.add_text(name, getattr(chunk, name))
        entry.add_bytes("hit", chunk.hit)
        self._writer.add_document(entry)


def analysed_of(documents: Iterable[Document], most: float = MOST_TOKENS) -> list[Analysed]:
    """The chunks of documents, as the index takes them."""
    return [analysed(chunk) for document in documents for chunk in chunks_of(document, most)]


def analysed(chunk: Chunk) -> Analysed:
    """A chunk's words, concepts and bigrams, its title's several times, and the section that it is of."""
    names = runs_of(chunk.document.title)
    plain = folded(chunk.text)
    runs = [*names * TITLE_TIMES, *runs_of(chunk.section.heading), *runs_of(plain)]
    words = [*words_of(runs), *concepts_in(plain), section_term(chunk.section.key)]
    hit = json.dumps(_values(_hit(chunk)), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Analysed(chunk.document.id, chunk.id, " ".join(words), " ".join(bigrams_of(runs)), hit)


def _values(hit: Hit) -> dict[str, Any]:
    return {name: getattr(hit, name) for name in _OF_HIT}


_OF_HIT = tuple(field.name for field in fields(Hit))


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
        self._counted = lru_cache(_COUNTED)(self._searcher.doc_freq)

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
        return int(self._counted(field, term))

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
