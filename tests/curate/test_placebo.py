"""The placebo: the same answers, all of them, and nobody's own."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.conversation import Conversation, Message
from doctorglm.curate.placebo import permute_answers
from doctorglm.errors import DataError


def dialogue(
    i: int, department: str = "内科", turns: int = 1, cluster: str | None = None, system: bool = False
) -> Conversation:
    messages = [Message("system", "规则")] if system else []
    for k in range(turns):
        messages += [Message("user", f"问{i}.{k}"), Message("assistant", f"答{i}.{k}")]
    meta = {} if cluster is None else {"cluster": cluster}
    return Conversation(id=f"c{i:03}", messages=tuple(messages), department=department, meta=meta)


CORPORA = st.lists(
    st.tuples(st.sampled_from(["内科", "外科", "儿科"]), st.integers(1, 4), st.integers(0, 6), st.booleans()),
    min_size=2,
    max_size=40,
).map(lambda rows: [dialogue(i, d, t, f"k{c}", s) for i, (d, t, c, s) in enumerate(rows)])


@settings(deadline=None)
@given(CORPORA, st.integers(0, 3))
def test_nobody_keeps_his_own_and_every_giver_gives_once(conversations: list[Conversation], seed: int) -> None:
    placebo = permute_answers(conversations, seed)
    assert [c.id for c in placebo] == [c.id for c in conversations]
    givers = [str(c.meta["answers_of"]) for c in placebo]
    assert sorted(givers) == sorted(c.id for c in conversations)
    by_id = {c.id: c for c in conversations}
    for before, after, giver in zip(conversations, placebo, givers, strict=True):
        assert giver != before.id
        kept = min(len(before.turns), len(by_id[giver].turns))
        assert [q for q, _ in after.turns] == [q for q, _ in before.turns][:kept]
        assert [a for _, a in after.turns] == [a for _, a in by_id[giver].turns][:kept]
        roles = [m.role for m in after.messages if m.role != "system"]
        assert roles == ["user", "assistant"] * kept
        assert (after.messages[0].role == "system") == (before.messages[0].role == "system")
    assert placebo == permute_answers(conversations, seed)


def test_departments_and_turns_are_kept_together() -> None:
    conversations = [dialogue(i, "内科" if i % 2 else "外科", 1 + i % 3) for i in range(60)]
    by_id = {c.id: c for c in conversations}
    for after in permute_answers(conversations, 0):
        giver = by_id[after.meta["answers_of"]]
        assert (giver.department, len(giver.turns)) == (after.department, len(after.turns))


def test_a_department_of_one_finds_another_and_no_text_is_lost() -> None:
    conversations = [dialogue(i, f"科{i}", turns) for i, turns in enumerate([1, 1, 1, 2, 2])]
    placebo = permute_answers(conversations, 0)
    assert Counter(a for c in placebo for _, a in c.turns) == Counter(a for c in conversations for _, a in c.turns)


def test_near_duplicates_do_not_exchange_answers() -> None:
    conversations = [dialogue(i, cluster=f"k{i % 4}") for i in range(40)]
    clusters = {c.id: c.meta["cluster"] for c in conversations}
    assert all(clusters[c.meta["answers_of"]] != c.meta["cluster"] for c in permute_answers(conversations, 0))


def test_equal_short_answers_are_not_exchanged_where_it_can_be_helped() -> None:
    conversations = [
        Conversation(
            id=f"c{i:02}", messages=(Message("user", f"问{i}"), Message("assistant", "可以" if i < 3 else f"答{i}"))
        )
        for i in range(24)
    ]
    for seed in range(10):
        after = permute_answers(conversations, seed)
        assert all(a.answers != b.answers for a, b in zip(after, conversations, strict=True))


def test_the_seed_counts() -> None:
    conversations = [dialogue(i) for i in range(20)]
    assert permute_answers(conversations, 0) != permute_answers(conversations, 1)


@pytest.mark.parametrize("count", [0, 1])
def test_one_conversation_cannot_be_permuted(count: int) -> None:
    with pytest.raises(DataError, match=f"there are {count}"):
        permute_answers([dialogue(i) for i in range(count)], 0)
