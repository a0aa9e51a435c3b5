"""Splits keep clusters whole, meet their shares, and move little when data is added."""

import random
from collections import Counter, defaultdict
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.conversation import Conversation, Message
from doctorglm.curate.splits import assign, ids_sha256

SHARES = {"pretrain": 0.40, "train": 0.405, "valid": 0.045, "test": 0.15}


def corpus(sizes: list[int], source: str = "cmd") -> list[Conversation]:
    turn = (Message("user", "问"), Message("assistant", "答"))
    return [
        Conversation(
            id=f"{source}-{i:04}-{k:04}", messages=turn, source=source, meta={"cluster": f"{source}-{i:04}-0000"}
        )
        for i, size in enumerate(sizes)
        for k in range(size)
    ]


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=120), st.integers(0, 5))
def test_no_cluster_crosses_and_the_shares_are_met(sizes: list[int], seed: int) -> None:
    conversations = corpus(sizes)
    splits = assign(conversations, SHARES, seed)
    homes = defaultdict(set)
    for conversation, split in zip(conversations, splits, strict=True):
        homes[conversation.meta["cluster"]].add(split)
    assert all(len(home) == 1 for home in homes.values())
    counts = Counter(splits)
    for name, share in SHARES.items():
        assert abs(counts[name] - share * len(conversations)) <= max(sizes)


def test_shares_hold_within_each_source() -> None:
    conversations = corpus([1] * 400) + corpus([1] * 100, "zhongjing")
    splits = assign(conversations, SHARES, 0)
    counts = Counter((c.source, s) for c, s in zip(conversations, splits, strict=True))
    assert counts["cmd", "test"] == 60
    assert counts["zhongjing", "test"] == 15


def test_the_order_of_the_records_does_not_count_and_the_seed_does() -> None:
    conversations = corpus([1, 2, 3] * 50)
    forwards = dict(zip([c.id for c in conversations], assign(conversations, SHARES, 0), strict=True))
    backwards = assign(conversations[::-1], SHARES, 0)
    assert dict(zip([c.id for c in conversations[::-1]], backwards, strict=True)) == forwards
    assert assign(conversations, SHARES, 1) != list(forwards.values())


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


def hospital(count: int, first: int = 0) -> list[Conversation]:
    """Records drawn at random over the strata, each a cluster of its own."""
    rng = random.Random(first)
    drawn = rng.choices(range(len(STRATA)), [n for _, n in STRATA], k=count)
    turn = (Message("user", "问"), Message("assistant", "答"))
    names = [f"r{first + i:06}" for i in range(count)]
    return [
        Conversation(id=n, messages=turn, source=STRATA[k][0], department=f"科{k}", meta={"cluster": n})
        for n, k in zip(names, drawn, strict=True)
    ]


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


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=60), st.integers(0, 5))
def test_no_cluster_crosses_by_department(sizes: list[int], seed: int) -> None:
    conversations = [replace(c, department=f"科{i % 3}") for i, c in enumerate(corpus(sizes))]
    splits = assign(conversations, SHARES, seed, by_department=True)
    homes = defaultdict(set)
    for conversation, split in zip(conversations, splits, strict=True):
        homes[conversation.meta["cluster"]].add(split)
    assert all(len(home) == 1 for home in homes.values())


def test_one_split_takes_all() -> None:
    assert set(assign(corpus([1] * 10), {"train": 1.0}, 0)) == {"train"}


def test_the_hash_is_of_the_sorted_ids() -> None:
    conversations = corpus([2])
    # printf 'cmd-0000-0000\ncmd-0000-0001\n' | sha256sum
    assert ids_sha256(conversations) == ids_sha256(conversations[::-1])
    assert ids_sha256(conversations) == "3c0b0d692abe89b7750345e6b505b473c5eaa71eff87e5fb8a228b210091a07a"
