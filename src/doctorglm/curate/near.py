"""Near-duplicates gathered into clusters, so that a split can keep copies of one text together.

MinHash over character trigrams proposes pairs (Broder 1997; banding as in Leskovec, Rajaraman and Ullman, Mining of
Massive Datasets, chapter 3), exact Jaccard similarity decides, union-find joins. Questions, answers and whole
conversations are compared each with their like. A different number or a negation does not part two texts here: they are
both kept, but training on one and testing on the other would be a leak.
"""

from collections.abc import Iterable, Iterator, Sequence

from rensa import RMinHash, RMinHashLSH

from doctorglm.conversation import Conversation
from doctorglm.curate.normal import normalised

_N = 3
_ROWS = 3
_BANDS = 84
"""A pair at Jaccard 0.4 shares one of 84 bands of 3 rows with probability 0.996, at 0.5 with 0.99999."""

_CLUSTER_SEED, _CHECK_SEED = 1, 2
"""The leak check proposes pairs with hashes of its own, so that it can find what clustering missed."""

Shingles = frozenset[str]


def shingles(text: str) -> Shingles:
    """The character trigrams of the text as it is compared; of a shorter text, the text itself."""
    text = normalised(text)
    return frozenset(text[i : i + _N] for i in range(max(1, len(text) - _N + 1)))


def jaccard(a: Shingles, b: Shingles) -> float:
    """Shared shingles over all shingles, 0 to 1."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


def views(conversation: Conversation, min_compared_chars: int) -> Iterator[tuple[str, str]]:
    """(kind, text) to compare: the whole, and questions and answers alone where they are long enough."""
    yield "whole", f"{conversation.questions}\n{conversation.answers}"
    for kind, text in (("question", conversation.questions), ("answer", conversation.answers)):
        if len(normalised(text)) >= min_compared_chars:
            yield kind, text


def similar_pairs(
    sets: Sequence[Shingles], at_least: float, seed: int = _CLUSTER_SEED
) -> Iterator[tuple[int, int, float]]:
    """(i, j, exact Jaccard) with i < j for the pairs that MinHash proposes and the exact value confirms."""
    if not sets:
        return
    hashes = RMinHash.from_token_sets(sets, _ROWS * _BANDS, seed)
    index = RMinHashLSH(at_least, _ROWS * _BANDS, _BANDS)
    index.insert_many(hashes)
    for i, candidates in enumerate(index.query_all(hashes)):
        for j in sorted(candidates):
            if j > i and (similarity := jaccard(sets[i], sets[j])) >= at_least:
                yield i, j, similarity


def clusters(conversations: Sequence[Conversation], threshold: float, min_compared_chars: int) -> list[str]:
    """One cluster name per conversation: the smallest id in its cluster, which order does not change."""
    parents = list(range(len(conversations)))
    for i, j, _ in _links(conversations, threshold, min_compared_chars, _CLUSTER_SEED):
        _join(parents, i, j)
    roots = [_root(parents, i) for i in range(len(conversations))]
    names: dict[int, str] = {}
    for root, conversation in zip(roots, conversations, strict=True):
        names[root] = min(names.get(root, conversation.id), conversation.id)
    return [names[root] for root in roots]


def _links(
    conversations: Sequence[Conversation], at_least: float, min_compared_chars: int, seed: int
) -> Iterator[tuple[int, int, float]]:
    """(i, j, similarity) of conversations: equal texts first, then similar ones between the first of each text."""
    holders: dict[str, dict[Shingles, list[int]]] = {"whole": {}, "question": {}, "answer": {}}
    for number, conversation in enumerate(conversations):
        for kind, text in views(conversation, min_compared_chars):
            holders[kind].setdefault(shingles(text), []).append(number)
    for texts in holders.values():
        groups = list(texts.values())
        yield from ((first, other, 1.0) for first, *others in groups for other in others)
        for i, j, similarity in similar_pairs(list(texts), at_least, seed):
            yield groups[i][0], groups[j][0], similarity


def _root(parents: list[int], i: int) -> int:
    while parents[i] != i:
        parents[i] = parents[parents[i]]
        i = parents[i]
    return i


def _join(parents: list[int], i: int, j: int) -> None:
    a, b = sorted((_root(parents, i), _root(parents, j)))
    parents[b] = a


def largest_similarity(
    held_out: Iterable[Conversation], others: Iterable[Conversation], min_compared_chars: int, at_least: float
) -> float:
    """The largest Jaccard similarity between a held-out conversation and another, of those that MinHash proposes.

    0 when none reaches `at_least`; computed anew, without the clusters, so that it can contradict them.
    """
    tested = list(held_out)
    everything = [*tested, *others]
    across = (
        similarity
        for i, j, similarity in _links(everything, at_least, min_compared_chars, _CHECK_SEED)
        if (i < len(tested)) != (j < len(tested))
    )
    return max(across, default=0.0)
