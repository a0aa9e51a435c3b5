"""A passage that a search found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A chunk of a document: `key` is its heading's in `headings.txt`, `score` compares within one search alone."""

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
