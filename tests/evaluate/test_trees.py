"""What is laid out together: every request once, every token seen by what follows it, and savings that are real."""

import random
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.evaluate.trees import Group, Request, Row, Sharing, _parts, plan

ids = st.lists(st.integers(1, 3), min_size=1, max_size=9).map(tuple)
asked = st.lists(st.builds(Request, ids, ids), min_size=1, max_size=14)
often = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def seen(group: Group, row: Row, column: int) -> tuple[int, ...]:
    """The tokens from the first of the prefix to this column, by what the column looks at."""
    before = np.flatnonzero(row.sees()[column])
    assert [row.places[i] for i in before] == list(range(len(group.prefix), len(group.prefix) + len(before)))
    return group.prefix + tuple(row.tokens[i] for i in before)


@pytest.mark.parametrize("sharing", ["prefixes", "contexts", "nothing"])
@pytest.mark.parametrize("forward_tokens", [0, 4, 10_000])
@given(requests=asked)
@often
def test_every_target_follows_exactly_its_own_tokens(
    sharing: Sharing, forward_tokens: int, requests: list[Request]
) -> None:
    found = []
    for group in plan(requests, sharing, forward_tokens):
        for row in group.rows:
            for one in row.asked:
                found.append(one.index)
                request = requests[one.index]
                assert one.targets == request.continuation
                for k, column in enumerate(one.columns):
                    assert seen(group, row, column) == request.context + request.continuation[:k]
    assert sorted(found) == list(range(len(requests)))


@given(requests=asked)
@often
def test_rows_without_sharing_are_plain_sequences(requests: list[Request]) -> None:
    for group in plan(requests, "nothing", 0):
        assert not group.prefix
        assert all(row.linear for row in group.rows)


@given(requests=asked)
@often
def test_contexts_are_never_cut(requests: list[Request]) -> None:
    """What ChatGLM-6B needs: a row has one context, whole."""
    for group in plan(requests, "contexts", 0):
        assert not group.prefix
        for row in group.rows:
            (context,) = {requests[one.index].context for one in row.asked}
            assert tuple(row.tokens[: len(context)]) == context


def test_options_of_one_token_are_read_off_one_column() -> None:
    (group,) = plan([Request((1, 2, 3), (option,)) for option in (7, 8, 9, 10)], "prefixes", 100)
    (row,) = group.rows
    assert row.tokens == [1, 2, 3]
    assert [one.columns for one in row.asked] == [[2]] * 4


def test_longer_options_are_branches() -> None:
    options = [(7, 8, 9), (7, 8, 4), (5, 6, 6, 6)]
    (group,) = plan([Request((1, 2, 3), option) for option in options], "contexts", 100)
    (row,) = group.rows
    assert sorted(row.tokens) == sorted([1, 2, 3, 7, 8, 5, 6, 6]), "what options share stands once"
    assert not row.linear


def test_shots_are_computed_once_and_questions_are_not() -> None:
    shots = [tuple(range(100 * s, 100 * s + 50)) for s in (1, 2)]
    requests = [Request((*shots[s], 10 + q, 5, 6), (7,)) for q in range(6) for s in (0, 1)]
    groups = plan(requests, "prefixes", 20)
    assert [group.prefix for group in groups] == shots
    assert [[row.tokens for row in group.rows] for group in groups] == [[[10 + q, 5, 6] for q in range(6)]] * 2


def test_a_prefix_that_does_not_pay_is_left_in_its_rows() -> None:
    requests = [Request((1, 2, 3, q), (7,)) for q in (4, 5)]
    assert [g.prefix for g in plan(requests, "prefixes", 3)] == [()], "three tokens saved, three paid"
    assert [g.prefix for g in plan(requests, "prefixes", 2)] == [(1, 2, 3)]


def test_the_last_token_of_a_context_is_no_prefix() -> None:
    """One context that goes on where another ends: the column of its own last token says what comes next."""
    (group,) = plan([Request((1, 2, 3), (4,)), Request((1, 2, 3, 4), (5,))], "prefixes", 0)
    assert group.prefix == (1, 2)


def test_orders_of_one_question_share_a_row() -> None:
    question = tuple(range(20, 60))
    requests = [Request((*question, *order, 9), (7,)) for order in ((1, 2), (2, 1))]
    (group,) = plan(requests, "prefixes", 1000)
    assert [len(row.tokens) for row in group.rows] == [40 + 3 + 3]


def test_rows_do_not_grow_without_end() -> None:
    requests = [Request((1, 2, 3), tuple(range(i, i + 40))) for i in range(4, 4 + 100)]
    (group,) = plan(requests, "prefixes", 1000)
    assert max(len(row.tokens) for row in group.rows) <= 512
    assert sum(len(row.asked) for row in group.rows) == 100


def saved(parts: list[tuple[int, int, int]], forward_tokens: int) -> int:
    return sum((end - start - 1) * length - forward_tokens for start, end, length in parts if length)


@pytest.mark.parametrize("seed", range(40))
def test_parts_save_as_much_as_any_nested_choice(seed: int) -> None:
    """Brute force over all choices of runs that share more than their surroundings."""
    draw = random.Random(seed)
    shared = [draw.choice([0, 1, 2, 5, 9]) for _ in range(draw.randint(0, 8))]
    count, forward = len(shared) + 1, draw.choice([0, 3, 8])
    runs = []
    for start, end in combinations(range(count + 1), 2):
        inner, outer = shared[start : end - 1], [shared[i] for i in (start - 1, end - 1) if 0 <= i < len(shared)]
        if inner and min(inner) > max(outer, default=0):
            runs.append((start, end, min(inner)))
    best = 0
    for size in range(len(runs) + 1):
        for chosen in combinations(runs, size):
            if all(a[1] <= b[0] for a, b in pairwise(sorted(chosen))):
                best = max(best, saved(list(chosen), forward))
    parts = _parts(count, shared, forward)
    assert [part[0] for part in parts] == [0, *(part[1] for part in parts[:-1])] and parts[-1][1] == count
    assert all(not length or length <= min(shared[start : end - 1]) for start, end, length in parts)
    assert saved(parts, forward) == best
