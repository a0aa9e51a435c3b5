"""The choice against every subset there is, against a greedy choice that looks at all, and in what it promises."""

import itertools
import math
import random
from dataclasses import replace
from typing import Any

import pytest

from doctorglm.translate.sample import Choice, SampleSettings, Source, at_random, choose, length_strata, strata

TERMS_ALONE = SampleSettings(sample_words=0, sample_balance=0)
BOUND = 1 - 1 / math.e


def source(seed: int, number: int = 9, terms: int = 7) -> Source:
    """Conversations with a few terms and words each; two are near duplicates of others."""
    rng = random.Random(seed)
    some = [tuple(sorted(rng.sample(range(terms), rng.randint(0, 4)))) for _ in range(number)]
    return Source(
        terms=some,
        words=[tuple(sorted(rng.sample(range(12), rng.randint(1, 5)))) for _ in range(number)],
        chars=[rng.randint(20, 900) for _ in range(number)],
        departments=[rng.choice(["", "eyes", "heart"]) for _ in range(number)],
        costs=[rng.choice([0.5, 1.0, 1.5, 4.0]) for _ in range(number)],
        originals=[0 if i == number - 1 else 1 if i == number - 2 else i for i in range(number)],
    )


def plain(terms: list[tuple[int, ...]], **changes: Any) -> Source:
    """Conversations that differ in their terms alone."""
    n = len(terms)
    made = Source(terms=terms, words=[()] * n, chars=[100] * n, departments=[""] * n, costs=[1.0] * n,
                  originals=list(range(n)))  # fmt: skip
    return replace(made, **changes)


def value(of: Source, chosen: tuple[int, ...], size: float, settings: SampleSettings) -> float:
    """The value as the page tells it, from the set as a whole: k mentions are worth 1 - 1 / (k + 1)."""
    originals = {of.originals[i] for i in chosen}
    total = 0.0
    for weight, lists in ((1.0, of.terms), (settings.sample_words, of.words)):
        known = {term for some in lists for term in some}
        counts = [sum(term in lists[i] for i in originals) for term in known]
        total += weight * sum(1 - 1 / (k + 1) for k in counts) / len(known) if known else 0
    lengths = length_strata(of.chars).tolist()
    for labels in (lengths, list(of.departments)):
        for label in set(labels):
            room = size * labels.count(label) / len(of)
            total += settings.sample_balance / 2 * min(room, sum(labels[i] == label for i in originals)) / size
    return total


def naive(of: Source, number: int, settings: SampleSettings) -> tuple[int, ...]:
    """Looks at every conversation in every round; the rank of equals is the seed's, learnt from a source of blanks."""
    rank = _order(len(of), settings.sample_seed)
    chosen: list[int] = []
    while len(chosen) < number:
        now = value(of, tuple(chosen), number, settings)
        chosen.append(min(
            (i for i in range(len(of)) if i not in chosen),
            key=lambda i: (-round(value(of, (*chosen, i), number, settings) - now, 12), of.originals[i] != i, rank[i]),
        ))  # fmt: skip
    return tuple(sorted(chosen))


def _order(number: int, seed: int) -> list[int]:
    blank = plain([()] * number)
    settings = replace(TERMS_ALONE, sample_seed=seed)
    sets = [set[int](), *(set(choose(blank, n, None, settings).numbers) for n in range(1, number + 1))]
    first = [next(iter(after - before)) for before, after in itertools.pairwise(sets)]
    return [first.index(i) for i in range(number)]


@pytest.mark.parametrize("seed", range(25))
def test_within_a_number_it_reaches_the_bound_and_is_what_it_says(seed: int) -> None:
    of, settings = source(seed), SampleSettings()
    found = choose(of, 4, None, settings)
    assert len(found.numbers) == 4 and found.value == pytest.approx(value(of, found.numbers, 4, settings))
    best = max(value(of, some, 4, settings) for some in itertools.combinations(range(9), 4))
    assert best * BOUND <= found.value <= best + 1e-9


@pytest.mark.parametrize("seed", range(25))
def test_lazy_is_what_looking_at_all_chooses(seed: int) -> None:
    of = source(seed)
    for settings in (TERMS_ALONE, SampleSettings(sample_seed=seed)):
        for number in (2, 5, 8):
            assert choose(of, number, None, settings).numbers == naive(of, number, settings)


@pytest.mark.parametrize("seed", range(25))
def test_within_a_budget_it_reaches_the_bound_and_keeps_it(seed: int) -> None:
    of, budget = source(seed), 6.0
    found = choose(of, len(of), budget, TERMS_ALONE)
    assert 0 < sum(of.costs[i] for i in found.numbers) <= budget
    sets = itertools.chain.from_iterable(itertools.combinations(range(9), n) for n in range(1, 10))
    best = max(value(of, some, 1, TERMS_ALONE) for some in sets if sum(of.costs[i] for i in some) <= budget)
    assert best * BOUND / 2 <= found.value <= best + 1e-9


def test_each_greedy_choice_is_taken_where_it_is_the_better() -> None:
    # by gain per cost the cheap one comes first, and leaves no room for the one that has nearly everything
    dear = plain([(0,), (1, 2, 3, 4, 5, 6, 7, 8, 9)], costs=[0.1, 1.0])
    assert choose(dear, 2, 1.0, TERMS_ALONE) == Choice((1,), "gain", pytest.approx(9 / 20))
    # by gain the dear one comes first, and leaves no room for four that have more together
    cheap = plain([(0, 1), (2,), (3,), (4,), (5,)], costs=[4.0, 1.0, 1.0, 1.0, 1.0])
    assert choose(cheap, 5, 4.0, TERMS_ALONE) == Choice((1, 2, 3, 4), "gain_per_cost", pytest.approx(4 / 12))


def test_a_number_and_a_budget_hold_both() -> None:
    of = plain([(i,) for i in range(10)])
    assert len(choose(of, 3, 8.0).numbers) == 3 and len(choose(of, 8, 3.0).numbers) == 3
    assert choose(of, 5, 0.5).numbers == ()
    assert choose(of, 10, 10.0).by == "all"


def test_a_second_mention_counts_less_than_a_first_of_another_term() -> None:
    of = plain([(0, 1, 2), (0, 1), (3,), (0, 3)])
    assert choose(of, 2, None, TERMS_ALONE).numbers == (0, 3)  # 3 and a second 0, not 0 and 1 again
    assert choose(replace(of, terms=[(0, 1, 2), (0, 1), (3,), ()]), 2, None, TERMS_ALONE).numbers == (0, 2)


def test_a_near_duplicate_gains_nothing_and_comes_last() -> None:
    of = plain([(0, 1), (0, 1, 2), (3,), ()], originals=[0, 0, 2, 3])
    for seed in range(8):
        settings = SampleSettings(sample_seed=seed, sample_balance=0)
        assert choose(of, 3, None, settings).numbers in ((0, 2, 3), (1, 2, 3))
    assert choose(of, 4).by == "all"


def test_the_same_seed_chooses_the_same_and_another_decides_between_equals() -> None:
    of = plain([(0,)] * 40)
    assert choose(of, 5).numbers == choose(of, 5).numbers
    assert len({choose(of, 5, None, SampleSettings(sample_seed=seed)).numbers for seed in range(6)}) == 6


def test_lengths_and_departments_are_as_in_the_source_unless_they_are_worth_nothing() -> None:
    # every fifth is long, of another department, and alone has terms
    number = 100
    is_long = [i % 5 == 0 for i in range(number)]
    of = plain(
        [(i, i + 1, i + 2) if is_long[i] else () for i in range(number)],
        chars=[1000 + i if is_long[i] else 100 + i for i in range(number)],
        departments=["heart" if is_long[i] else "eyes" for i in range(number)],
    )
    alone = choose(of, 20, None, TERMS_ALONE).numbers
    assert sum(is_long[i] for i in alone) == 20
    like = choose(of, 20).numbers
    assert sum(is_long[i] for i in like) == 4
    assert sorted(length_strata(of.chars)[list(like)].tolist()) == list(range(20))


def test_words_find_what_no_glossary_knows() -> None:
    of = plain([(0,), (1,), (), ()], words=[(0,), (0,), (1, 2, 3), (0,)])
    assert 2 in choose(of, 2, None, SampleSettings(sample_balance=0)).numbers
    assert choose(of, 2, None, TERMS_ALONE).numbers == (0, 1)


def test_more_than_there_is_takes_all() -> None:
    of = plain([(0,), (1,)])
    assert choose(of, 2).numbers == choose(of, 10**6).numbers == (0, 1) and choose(of, 3).by == "all"


def test_a_source_without_terms_or_costs() -> None:
    of = plain([()] * 6, costs=[0.0] * 6)
    assert len(choose(of, 3).numbers) == 3 and len(choose(of, 3, 0.1).numbers) == 3


def test_strata_are_twentieths_and_departments() -> None:
    of = plain([()] * 40, chars=list(range(40)), departments=["b"] * 16 + ["a"] * 24)
    found, shares = strata(of)
    assert [length for length, _ in found] == [i // 2 for i in range(40)]
    assert [department for _, department in found] == [21] * 16 + [20] * 24
    assert shares == [0.05] * 20 + [0.6, 0.4]


def test_a_random_sample_costs_as_much_or_a_little_more() -> None:
    of = source(1, number=40)
    for seed in range(20):
        spent = [of.costs[i] for i in at_random(of, 20.0, seed)]
        assert 20 <= sum(spent) < 20 + max(of.costs)
    assert len({at_random(of, 20.0, seed) for seed in range(20)}) > 15
    assert at_random(of, 1e9, 0) == tuple(range(40))
