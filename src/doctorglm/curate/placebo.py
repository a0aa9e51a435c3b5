"""The placebo corpus: the same questions and the same answers, but nobody gets an answer to his own question.

A model tuned on it learns the style of the answers and nothing of what they say to a question, so what the real model
is better at than this one is content. Permutation within a department keeps vocabulary and length alike.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

from doctorglm.conversation import Conversation, Message
from doctorglm.errors import DataError

Group = list[Conversation]


def permute_answers(conversations: Sequence[Conversation], seed: int) -> list[Conversation]:
    """The conversations in their order, each with the whole answer sequence of another one of its department.

    The other has the same number of turns; where a department has no such, another department's is taken, and where
    there is none at all, the longer dialogue is cut to the shorter. `meta["answers_of"]` names the other.
    Near-duplicates (`meta["cluster"]`) do not exchange answers unless a group holds little else.
    Deterministic in the seed; ids must be unique.
    Raises DataError for fewer than two conversations.
    """
    if len(conversations) < 2:
        raise DataError(
            en=f"A placebo needs two conversations or more to exchange answers; there are {len(conversations)}.",
            zh=f"安慰剂数据需要至少两个对话来交换回答，现在只有 {len(conversations)} 个。",
        )
    donors: dict[str, Conversation] = {}
    for group in _groups(conversations):
        donors |= _exchange(group, random.Random(f"{seed}:{group[0].id}"))
    return [_with_answers(c, donors[c.id]) for c in conversations]


def _groups(conversations: Sequence[Conversation]) -> list[Group]:
    """Two or more conversations each: by department and turns, the rest by turns, the rest of these as one."""
    by_both, alone = _gathered(conversations, lambda c: (c.department, len(c.turns)))
    by_turns, alone = _gathered(alone, lambda c: len(c.turns))
    groups = [*by_both, *by_turns]
    if len(alone) > 1 or not groups:
        return [*groups, alone]
    for last in alone:
        min(groups, key=lambda g: abs(len(g[0].turns) - len(last.turns))).append(last)
    return groups


def _gathered(
    conversations: Iterable[Conversation], key: Callable[[Conversation], Hashable]
) -> tuple[list[Group], Group]:
    """Groups in which at least two clusters can exchange answers, and the conversations that have no such group."""
    groups: dict[Hashable, Group] = defaultdict(list)
    for conversation in conversations:
        groups[key(conversation)].append(conversation)
    able = [g for g in groups.values() if len({_cluster(c) for c in g}) > 1]
    return able, [c for g in groups.values() if len({_cluster(c) for c in g}) == 1 for c in g]


def _cluster(conversation: Conversation) -> str:
    return str(conversation.meta.get("cluster", conversation.id))


def _exchange(group: Group, rng: random.Random) -> dict[str, Conversation]:
    """Receiver's id -> giver: the group in a random order, cluster by cluster, turned by at least the largest cluster.

    Turned so far (and no further than leaves as much behind) nobody meets his own cluster.
    """
    members: dict[str, Group] = defaultdict(list)
    for conversation in rng.sample(group, len(group)):
        members[_cluster(conversation)].append(conversation)
    order = [c for cluster in members.values() for c in cluster]
    largest = max(map(len, members.values()))
    steps = range(largest, len(order) - largest + 1) or range(1, len(order))
    step = min(steps[:_MAX_TRIED_STEPS], key=lambda s: _clashes(order, s))
    return {c.id: order[(i + step) % len(order)] for i, c in enumerate(order)}


_MAX_TRIED_STEPS = 16
"""Steps that are tried for one by which nobody gets, from another cluster, a short answer equal to his own."""


def _clashes(order: Group, step: int) -> int:
    givers = order[step:] + order[:step]
    return sum(c.answers == g.answers or _cluster(c) == _cluster(g) for c, g in zip(order, givers, strict=True))


def _with_answers(conversation: Conversation, giver: Conversation) -> Conversation:
    answers = iter(answer for _, answer in giver.turns)
    messages: list[Message] = []
    for message in conversation.messages:
        if message.role == "assistant":
            answer = next(answers, None)
            if answer is None:
                del messages[-1]
                break
            message = Message("assistant", answer)
        messages.append(message)
    return replace(conversation, messages=tuple(messages), meta={**conversation.meta, "answers_of": giver.id})
