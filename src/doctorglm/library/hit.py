"""A passage that a search found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A chunk of a document: `key` is its heading's in `headings.txt`, `score` compares within one search alone.

    Where a reranker ordered the best anew, the score of these is the reranker's, and does not compare with others'.
    """

    doc_id: str
    title: str
    kind: str
    heading: str
    key: str
    text: str
    score: float
    source: str
    licence: str
    chunk: int
