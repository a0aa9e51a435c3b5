"""A library that is open: a question's passages, best first, and whether they can answer it.

Rankings are fused by reciprocal ranks (Cormack 2009, https://doi.org/10.1145/1571941.1572114): BM25 of words and of
what `clinical.terms` calls them, BM25 of bigrams, the chunks of the documents that the question names, of these once
more those of the sections that it asks for, and, where the library has vectors, the chunks that are nearest to it. What
it denies is not searched for.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doctorglm.clinical.folding import folded
from doctorglm.clinical.terms import Term, find
from doctorglm.library.analysis import bigrams_of, content_of, runs_of, whole, words_of
from doctorglm.library.concepts import concept, concepts_in
from doctorglm.library.confidence import Features, confidence
from doctorglm.library.headings import Asks, asking
from doctorglm.library.hit import Hit
from doctorglm.library.index import Index, Place
from doctorglm.library.names import Mention, Names
from doctorglm.library.particulars import particulars
from doctorglm.library.spoken import written
from doctorglm.library.store import Store, half, opened

if TYPE_CHECKING:
    from doctorglm.library.reranker import Reranker
    from doctorglm.library.vectors import Vectors

DEPTH = 50
"""Chunks that each ranking hands on."""
FUSION = 60
"""The constant of reciprocal rank fusion, as in its paper."""
NAMED = 2.0
"""Weight of each ranking of what is named, the others having 1: chosen on the development questions."""
NEAREST = 1.0
"""Weight of the ranking by vectors: that of words, until development questions say otherwise."""
NAMEABLE = ("disease", "drug")
PARTS = ("words", "bigrams", "names", "concepts")
_MOST_CHARS = 2000
"""Of a longer question its first and last thousand characters: a question is asked at its beginning or its end."""
_MOST_TERMS = 64
"""Of more, the rarest: they decide, and time grows with each."""
_MOST_COUNTED = 1000
_MOST_NAMED = 16
"""Documents that a question may name; a name that many share says little."""
_LONG, _COMPLAINTS = 60, 3
"""Characters and complaints of a question that says enough; more do not make it surer."""
_JUDGED = 5
"""Passages by which the best document is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search gives: hits, how likely they are to answer, and whether that is too little to answer at all."""

    hits: tuple[Hit, ...]
    confidence: float
    abstain: bool
    asked: tuple[str, ...] = ()
    mentions: tuple[Mention, ...] = ()
    terms: tuple[str, ...] = ()
    foreign: tuple[Term, ...] = ()
    """Diseases and drugs that the question names, does not deny, and that no document is about."""
    features: Features = field(default_factory=Features)


class Library:
    """An open library; searching changes nothing and may be done by several threads.

    With `vectors` those that it has are searched too; `reranker` is the folder of a model that orders the best anew.
    Raises DataError for a folder that holds none, half of one, or one of another version, and for vectors whose encoder
    is gone or another one; ConfigError for a reranker that is none.
    """

    def __init__(
        self, folder: Path, *, parts: Iterable[str] = PARTS, vectors: bool = True, reranker: Path | str | None = None
    ) -> None:
        self._store: Store = opened(folder)
        try:
            self._index = Index(self._store.index)
            self._vectors = _vectors_of(self._store, folder) if vectors else None
        except ValueError:  # tantivy's word for a file that is missing or damaged
            raise half(folder) from None
        self._reranker = _reranker_of(reranker) if reranker else None
        self._names = Names(self._store.names)
        self._parts = frozenset(parts)

    @property
    def record(self) -> dict[str, Any]:
        """What `library.json` says: version, counts, licences, sources."""
        return self._store.record

    def search(self, question: str, count: int = 10, *, threshold: float | None = None) -> Found:
        """The best passages, and whether they are likely enough to answer.

        `threshold` is the confidence below which it is better to abstain: 0 never does where anything was found, 1
        always; without it, the calibrated one. A question without a word to search for finds nothing and abstains.
        """
        asked = self._read(_shortened(question))
        rankings = list(self._rankings(asked))
        addresses = {key: address for _, ranking in rankings for key, address in ranking}
        fused = fuse([(weight, [key for key, _ in ranking]) for weight, ranking in rankings])
        hits = self._best(asked, [(addresses[key], score) for key, score in fused], count)
        foreign = asked.foreign()
        features = self._features(asked, hits, len(foreign))
        sure = confidence(features, self._store.calibration) if hits else 0.0
        least = self._store.calibration.threshold if threshold is None else threshold
        return Found(
            hits=hits,
            confidence=sure,
            abstain=not hits or least >= 1 or sure < least,
            asked=asked.keys,
            mentions=asked.mentions,
            terms=tuple(dict.fromkeys(asked.runs)),
            foreign=foreign,
            features=features,
        )

    def _best(self, asked: "_Asked", fused: Sequence[tuple[Any, float]], count: int) -> tuple[Hit, ...]:
        """The first hits, which the reranker orders anew where there is one."""
        if not self._reranker:
            return tuple(self._index.hit(address, score) for address, score in fused[:count])
        hits = [self._index.hit(address, score) for address, score in fused[: max(count, self._reranker.most)]]
        return tuple(self._reranker.ordered(asked.meant, hits)[:count])

    def _read(self, question: str) -> "_Asked":
        terms = find(question)
        mentions = tuple(self._names.mentions(question, terms)) if "names" in self._parts else ()
        said = [term for term in terms if term.status != "denied"]
        asks = asking(question)
        runs = _content(question, terms, mentions, asks)
        also = words_of([run for one in written(_unnamed(question, terms)) for run in runs_of(one)])
        concepts = [concept(term.norm) for term in said] if "concepts" in self._parts else []
        return _Asked(
            text=question,
            meant=_undenied(question, terms),
            terms=tuple(terms),
            mentions=mentions,
            asks=tuple(asks),
            runs=tuple(runs),
            words=self._rarest("words", [*words_of(runs), *concepts, *also]),
            bigrams=self._rarest("bigrams", bigrams_of(runs)),
        )

    def _rankings(self, asked: "_Asked") -> Iterator[tuple[float, list[tuple[Place, Any]]]]:
        """Each ranking's weight, and its chunks, best first, with their places."""
        if "words" in self._parts:
            yield 1.0, _placed(self._index.best("words", asked.words, DEPTH))
        if "bigrams" in self._parts:
            yield 1.0, _placed(self._index.best("bigrams", asked.bigrams, DEPTH))
        if named := tuple(dict.fromkeys(i for mention in asked.mentions for i in mention.doc_ids)):
            within = named[:_MOST_NAMED]
            yield NAMED, _placed(self._index.best("words", asked.words, DEPTH, within))
            if asked.keys:
                yield NAMED, _placed(self._index.best("words", asked.words, DEPTH, within, asked.keys))
        if self._vectors and asked.runs:  # without a word nothing is asked, and something is always nearest
            nearest = map(self._index.address, self._vectors.best(asked.meant, DEPTH))
            yield NEAREST, _keyed(address for address in nearest if address)

    def _rarest(self, field: str, terms: Sequence[str]) -> list[str]:
        """Each term of the index once; of too many, those that the fewest chunks hold."""
        counted = {term: self._index.frequency(field, term) for term in dict.fromkeys(terms[:_MOST_COUNTED])}
        known = [term for term in counted if counted[term]]
        return known if len(known) <= _MOST_TERMS else sorted(known, key=counted.__getitem__)[:_MOST_TERMS]

    def _features(self, asked: "_Asked", hits: Sequence[Hit], foreign: int) -> Features:
        """What tells whether the best passages answer."""
        if not hits:
            return Features()
        judged = hits[:_JUDGED]
        top = [hit for hit in judged if hit.doc_id == hits[0].doc_id]
        text = folded("\n".join(f"{hit.title}\n{hit.heading}\n{hit.text}" for hit in top))
        nameable = len(asked.nameable())
        wanted, beside = particulars(asked.text), asked.beside_names()
        named = any(hits[0].doc_id in mention.doc_ids for mention in asked.mentions)
        return Features(
            named=float(named),
            foreign=foreign / nameable if nameable else 0.0,
            phrases=self._held(beside, text) if beside else float(named),
            complaints=min(1.0, len(asked.complaints() & set(concepts_in(text))) / _COMPLAINTS),
            agreed=len(top) / len(judged),
            exact=float(bool(wanted)),
            lacking=float(any(not one.tells.search(text) for one in wanted)),
            length=min(1.0, len(asked.text) / _LONG),
        )

    def _held(self, runs: Sequence[str], text: str) -> float:
        """The share of the bigrams of the runs, weighted by rarity, that a text holds."""
        weights = {pair: self._weight("bigrams", pair) for pair in bigrams_of(runs)}
        held = set(bigrams_of(runs_of(text))).intersection(weights)
        return sum(weights[pair] for pair in held) / sum(weights.values())

    def _weight(self, field: str, term: str) -> float:
        """Inverse document frequency, as BM25 has it; of a term that no chunk holds the highest."""
        n, of = self._index.frequency(field, term), len(self._index)
        return math.log(1 + (of - n + 0.5) / (n + 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A question as it was read."""

    text: str
    meant: str
    """Without what it denies: for what reads sentences, not words."""
    terms: tuple[Term, ...]
    mentions: tuple[Mention, ...]
    asks: tuple[Asks, ...]
    runs: tuple[str, ...]
    words: list[str]
    bigrams: list[str]

    @property
    def keys(self) -> tuple[str, ...]:
        """The sections that it asks for."""
        return tuple(dict.fromkeys(key for _, _, key in self.asks))

    def complaints(self) -> set[str]:
        """The concepts of the complaints that it tells of."""
        return {concept(term.norm) for term in self.terms if term.type == "symptom" and term.status != "denied"}

    def beside_names(self) -> list[str]:
        """The runs of what it says beside the names of documents, without what is denied and what only asks."""
        named = [(mention.start, mention.end) for mention in self.mentions]
        named += [(term.start, term.end) for term in self.terms if term.status == "denied"]
        return _rest(self.text, named, self.asks)

    def nameable(self) -> tuple[Term, ...]:
        """The diseases and drugs that it names and does not deny."""
        return tuple(t for t in self.terms if t.type in NAMEABLE and t.status != "denied")

    def foreign(self) -> tuple[Term, ...]:
        """Those of them that no document is about."""
        return tuple(t for t in self.nameable() if not any(m.start < t.end and t.start < m.end for m in self.mentions))


def fuse(rankings: Sequence[tuple[float, Sequence[Place]]]) -> list[tuple[Place, float]]:
    """The places of all rankings with the sums of their reciprocal ranks, weighed, best first; ties as they came."""
    scores: dict[Place, float] = {}
    for weight, ranking in rankings:
        for rank, place in enumerate(ranking, 1):
            scores[place] = scores.get(place, 0.0) + weight / (FUSION + rank)
    return sorted(scores.items(), key=lambda item: -item[1])


def _placed(found: Sequence[tuple[float, Any]]) -> list[tuple[Place, Any]]:
    return _keyed(address for _, address in found)


def _keyed(addresses: Iterable[Any]) -> list[tuple[Place, Any]]:
    return [((address.segment_ord, address.doc), address) for address in addresses]


def _vectors_of(store: Store, folder: Path) -> "Vectors | None":
    """What searches by vectors; numpy and encoders are not loaded where a library has none."""
    if not (record := store.record.get("vectors")):
        return None
    from doctorglm.library.vectors import vectors_of

    return vectors_of(store.index.parent, record, folder)


def _reranker_of(folder: Path | str) -> "Reranker":
    from doctorglm.library.reranker import Reranker

    return Reranker(Path(folder))


def _shortened(question: str) -> str:
    question = whole(question)
    if len(question) <= _MOST_CHARS:
        return question
    return question[: _MOST_CHARS // 2] + "\n" + question[-_MOST_CHARS // 2 :]


def _content(question: str, terms: Sequence[Term], mentions: Sequence[Mention], asks: Sequence[Asks]) -> list[str]:
    """The runs that are searched for: names and terms by themselves, without what is denied and what only asks."""
    named = [(one.start, one.end) for one in mentions]
    named += [(term.start, term.end) for term in terms if term.status != "denied"]
    parts = dict.fromkeys(question[start:end] for start, end in named)
    rest = _rest(question, [*named, *((term.start, term.end) for term in terms)], asks)
    return [run for part in parts for run in runs_of(part)] + rest


def _rest(question: str, spans: Sequence[tuple[int, int]], asks: Sequence[Asks]) -> list[str]:
    """The runs of a question without these places and without what only asks."""
    taken = bytearray(len(question))
    for start, end in [*spans, *((start, end) for start, end, _ in asks)]:
        taken[start:end] = b"\1" * (end - start)
    return content_of("".join(" " if of else char for char, of in zip(question, taken, strict=True)))


def _undenied(question: str, terms: Sequence[Term]) -> str:
    """The question with what it denies blanked out."""
    return _blanked(question, [term for term in terms if term.status == "denied"])


def _unnamed(question: str, terms: Sequence[Term]) -> str:
    """The question with what it denies blanked out, and the diseases and drugs that it names: in 哮喘 no 喘 is said."""
    return _blanked(question, [term for term in terms if term.status == "denied" or term.type in NAMEABLE])


def _blanked(question: str, terms: Sequence[Term]) -> str:
    for term in terms:
        question = question[: term.start] + " " * (term.end - term.start) + question[term.end :]
    return question
