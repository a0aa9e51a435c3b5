"""Splits keep clusters whole, meet their shares, and move little when data is added."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.curate.splits import Cluster, assign, ids_sha256

SHARES = {"pretrain": 0.40, "train": 0.405, "valid": 0.045, "test": 0.15}


def corpus(sizes: list[int], source: str = "cmd") -> list[Cluster]:
    return [Cluster(f"{source}-{i:04}-0000", size, source) for i, size in enumerate(sizes)]


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=120), st.integers(0, 5))
def test_the_shares_are_met(sizes: list[int], seed: int) -> None:
    counts: Counter[str] = Counter()
    for size, split in zip(sizes, assign(corpus(sizes), SHARES, seed), strict=True):
        counts[split] += size
    for name, share in SHARES.items():
        assert abs(counts[name] - share * sum(sizes)) <= max(sizes)


def test_shares_hold_within_each_source() -> None:
    clusters = corpus([1] * 400) + corpus([1] * 100, "zhongjing")
    splits = assign(clusters, SHARES, 0)
    counts = Counter((c.source, s) for c, s in zip(clusters, splits, strict=True))
    assert counts["cmd", "test"] == 60
    assert counts["zhongjing", "test"] == 15


def test_the_order_of_the_clusters_does_not_count_and_the_seed_does() -> None:
    clusters = corpus([1, 2, 3] * 50)
    forwards = assign(clusters, SHARES, 0)
    assert assign(clusters[::-1], SHARES, 0)[::-1] == forwards
    assert assign(clusters, SHARES, 1) != forwards


def test_added_data_moves_little() -> None:
    before = corpus([1] * 1000)
    after = before + corpus([1] * 1100)[1000:]
    old, new = assign(before, SHARES, 0), assign(after, SHARES, 0)[:1000]
    moved = sum(a != b for a, b in zip(old, new, strict=True))
    assert moved < 60


STRATA = [
    ("cmd", 3000),
    ("cmd", 2000),
    ("zhongjing", 1500),
    ("zhongjing", 1000),
    *[("cmd", 50)] * 40,
    *[("x", 1)] * 500,
]
"""Of 10,000 records: a few large departments, forty small ones, and five hundred with a name that nobody else has."""


def hospital(count: int, first: int = 0) -> list[Cluster]:
    """Records drawn at random over the strata, each a cluster of its own."""
    rng = random.Random(first)
    drawn = rng.choices(range(len(STRATA)), [n for _, n in STRATA], k=count)
    return [Cluster(f"r{first + i:06}", 1, STRATA[k][0], f"科{k}") for i, k in enumerate(drawn)]


def test_departments_meet_the_shares_each_and_the_smallest_together() -> None:
    conversations = hospital(10_000)
    splits = assign(conversations, SHARES, 0, by_department=True)
    sizes = Counter(c.department for c in conversations)
    counts = Counter((c.department, s) for c, s in zip(conversations, splits, strict=True))
    for department, size in sizes.items():
        for name, share in SHARES.items():
            assert abs(counts[department, name] - share * size) <= 1.5
    for name, share in SHARES.items():
        assert abs(splits.count(name) - share * 10_000) < 60
    alone = [s for c, s in zip(conversations, splits, strict=True) if sizes[c.department] == 1]
    assert len(alone) > 100
    # three standard deviations of a draw
    assert abs(alone.count("test") / len(alone) - 0.15) < 3 * (0.15 * 0.85 / len(alone)) ** 0.5


def test_a_tenth_more_moves_few_by_department() -> None:
    before, more = hospital(10_000), hospital(1_000, 10_000)
    old = assign(before, SHARES, 0, by_department=True)
    new = assign(before + more, SHARES, 0, by_department=True)[: len(before)]
    moved = sum(a != b for a, b in zip(old, new, strict=True))
    assert 0 < moved < 350


def test_departments_are_strata_under_their_usual_names_only_when_asked() -> None:
    conversations = [
        replace(c, department="心内科" if i % 2 else "Cardiology") for i, c in enumerate(corpus([1] * 200))
    ]
    usual = [replace(c, department="心血管内科") for c in conversations]
    assert assign(conversations, SHARES, 0, by_department=True) == assign(usual, SHARES, 0, by_department=True)
    assert assign(conversations, SHARES, 0) == assign(corpus([1] * 200), SHARES, 0)


def test_one_split_takes_all() -> None:
    assert set(assign(corpus([1] * 10), {"train": 1.0}, 0)) == {"train"}


def test_the_hash_is_of_the_sorted_ids() -> None:
    # printf 'cmd-0000-0000\ncmd-0000-0001\n' | sha256sum
    ids = np.array([b"cmd-0000-0000", b"cmd-0000-0001"])
    assert ids_sha256(ids) == ids_sha256(ids[::-1])
    assert ids_sha256(ids) == "3c0b0d692abe89b7750345e6b505b473c5eaa71eff87e5fb8a228b210091a07a"
