"""The limit keeps the best of each department evenly, whatever the order."""

import random
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from doctorglm.curate.mix import Candidates, filled, tie

Row = tuple[str, str, float]


def kept(rows: list[Row], limit: int, seed: int = 0) -> set[str]:
    candidates = Candidates(seed)
    for row in rows:
        candidates.add(row[0], "", *row[1:])
    flags = candidates.chosen(limit)
    assert len(flags) == len(rows) == len(candidates)
    return {row[0] for row, flag in zip(rows, flags, strict=True) if flag}


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.integers(0, 200))
def test_filling_is_giving_one_at_a_time_to_the_emptiest(sizes: list[int], limit: int) -> None:
    by_hand = [0] * len(sizes)
    for _ in range(limit):
        open_ = [k for k, size in enumerate(sizes) if by_hand[k] < size]
        if open_:
            by_hand[min(open_, key=lambda k: (by_hand[k], k))] += 1
    assert filled(np.array(sizes), limit).tolist() == by_hand


def test_small_departments_keep_all_and_large_ones_an_equal_cap() -> None:
    rows = [(f"{name}{i}", name, i / 100) for name, n in {"内": 90, "外": 50, "儿": 7, "": 3}.items() for i in range(n)]
    chosen = kept(rows, 50)
    assert Counter(i.rstrip("0123456789") for i in chosen) == {"内": 20, "外": 20, "儿": 7, "": 3}
    assert {f"内{i}" for i in range(70, 90)} <= chosen
    assert {f"外{i}" for i in range(30, 50)} <= chosen


def test_no_more_than_there_are_and_none_without_rows() -> None:
    rows = [("a", "内", 0.1), ("b", "外", 0.2)]
    assert kept(rows, 2) == kept(rows, 99) == {"a", "b"}
    assert kept([], 5) == set()


@given(st.lists(st.tuples(st.sampled_from("内外儿"), st.sampled_from([0.1, 0.5, 0.9])), max_size=60), st.randoms())
def test_the_order_of_the_records_does_not_count(values: list[tuple[str, float]], rng: random.Random) -> None:
    rows: list[Row] = [(f"r{i}", department, total) for i, (department, total) in enumerate(values)]
    limit = rng.randint(1, 40)
    chosen = kept(rows, limit)
    rng.shuffle(rows)
    assert kept(rows, limit) == chosen
    assert len(chosen) == min(limit, len(rows))
    for _, department, worst in (row for row in rows if row[0] in chosen):
        assert all(i in chosen for i, d, total in rows if d == department and total > worst)


def test_equals_are_drawn_by_the_seed() -> None:
    rows: list[Row] = [(f"r{i}", "内", 0.5) for i in range(200)]
    first, second = kept(rows, 100, seed=0), kept(rows, 100, seed=1)
    assert len(first) == len(second) == 100
    assert 30 <= len(first & second) <= 70
    # printf '0\0limit\0a' | sha256sum
    assert tie(0, "a") == 0x140576955DB9DB30


def test_without_a_department_the_source_is_balanced() -> None:
    candidates = Candidates(0)
    for i in range(300):
        candidates.add(f"r{i}", "abc"[i % 3], "内" if i % 3 == 2 else "", 0.5)
    assert [int(candidates.chosen(30)[k::3].sum()) for k in range(3)] == [10, 10, 10]


def test_more_than_a_thousand_rows_are_held() -> None:
    rows: list[Row] = [(f"r{i}", f"科{i % 7}", i / 5000) for i in range(5000)]
    assert kept(rows, 70) == {f"r{i}" for i in range(4930, 5000)}
