"""Near-duplicates gathered into clusters, so that a split can keep copies of one text together.

MinHash over character trigrams proposes pairs (Broder 1997; banding as in Leskovec, Rajaraman and Ullman, Mining of
Massive Datasets, chapter 3), exact Jaccard similarity decides, union-find joins. Questions, answers and whole
conversations are compared each with their like. A different number or a negation does not part two texts here: they are
both kept, but training on one and testing on the other would be a leak.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from rensa import RMinHash, RMinHashLSH

from doctorglm.conversation import Conversation
from doctorglm.curate.normal import normalised

_N = 3
_ROWS = 3
_BANDS = 84
"""A pair at Jaccard 0.4 shares one of 84 bands of 3 rows with probability 0.996, at 0.5 with 0.99999."""

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
    sets: Sequence[Shingles], at_least: float, seed: int = 1, wanted: Callable[[int, int], bool] | None = None
) -> Iterator[tuple[int, int, float]]:
    """(i, j, exact Jaccard) with i < j for the wanted pairs that MinHash proposes and the exact value confirms.

    `wanted` is asked before the exact value is computed, and may change its mind while the pairs are consumed.
    """
    if not sets:
        return
    hashes = RMinHash.from_token_sets(sets, _ROWS * _BANDS, seed)
    index = RMinHashLSH(at_least, _ROWS * _BANDS, _BANDS)
    index.insert_many(hashes)
    for i, candidates in enumerate(index.query_all(hashes)):
        for j in sorted(candidates):
            if j <= i or (wanted and not wanted(i, j)):
                continue
            similarity = jaccard(sets[i], sets[j])
            if similarity >= at_least:
                yield i, j, similarity


class Comparison:
    """Conversations prepared for comparison: each distinct text once, with the numbers of those that hold it."""

    def __init__(self, conversations: Sequence[Conversation], min_compared_chars: int) -> None:
        self._ids = [c.id for c in conversations]
        self._holders: dict[str, dict[Shingles, list[int]]] = {"whole": {}, "question": {}, "answer": {}}
        for number, conversation in enumerate(conversations):
            for kind, text in views(conversation, min_compared_chars):
                self._holders[kind].setdefault(shingles(text), []).append(number)

    def clusters(self, threshold: float, rounds: int = 1) -> list[str]:
        """One cluster name per conversation: the smallest id in its cluster, which order does not change.

        Each round proposes pairs with other hashes, so that what one misses another finds.
        """
        forest = Forest(len(self._ids))
        for texts in self._holders.values():
            for first, *others in texts.values():
                for other in others:
                    forest.join(first, other)
            for seed in range(1, rounds + 1):
                _join_similar(forest, texts, threshold, seed)
        roots = [forest.root(i) for i in range(len(self._ids))]
        names: dict[int, str] = {}
        for root, identifier in zip(roots, self._ids, strict=True):
            names[root] = min(names.get(root, identifier), identifier)
        return [names[root] for root in roots]

    def largest_similarity(self, held_out: Collection[str], at_least: float, rounds: int = 1) -> float:
        """The largest Jaccard similarity between one of these ids and another, of the pairs that MinHash proposes.

        0 when none reaches `at_least`. Uses neither the clusters nor the hashes of as many rounds of clustering, so
        that it can contradict them.
        """
        inside = [identifier in held_out for identifier in self._ids]
        return max(_largest_across(texts, inside, at_least, rounds + 1) for texts in self._holders.values())


def _join_similar(forest: "Forest", texts: Mapping[Shingles, list[int]], threshold: float, seed: int) -> None:
    first = [numbers[0] for numbers in texts.values()]

    def are_apart(i: int, j: int) -> bool:
        return forest.root(first[i]) != forest.root(first[j])

    for i, j, _ in similar_pairs(list(texts), threshold, seed, are_apart):
        forest.join(first[i], first[j])


def _largest_across(texts: Mapping[Shingles, list[int]], inside: Sequence[bool], at_least: float, seed: int) -> float:
    sides = [{inside[number] for number in numbers} for numbers in texts.values()]
    if any(len(side) > 1 for side in sides):
        return 1.0
    across = similar_pairs(list(texts), at_least, seed, lambda i, j: sides[i] != sides[j])
    return max((similarity for _, _, similarity in across), default=0.0)


class Forest:
    """Union-find over 0 to n - 1, with path halving."""

    def __init__(self, n: int) -> None:
        self._parents = list(range(n))

    def root(self, i: int) -> int:
        """The number that stands for the set of `i`."""
        parents = self._parents
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    def join(self, i: int, j: int) -> None:
        """Makes the sets of `i` and `j` one."""
        a, b = sorted((self.root(i), self.root(j)))
        self._parents[b] = a
