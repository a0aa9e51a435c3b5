"""Near-duplicates are found as brute force finds them, and chance agreement of short texts is not."""

import itertools
import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.conversation import Conversation, Message
from doctorglm.curate import pairs
from doctorglm.curate.engines import Inline
from doctorglm.curate.near import Comparison
from doctorglm.curate.normal import normalised
from doctorglm.curate.pairs import Index, Plan, jaccard, sign
from doctorglm.curate.texts import shingles

from .tables import table_of

WORDS = "头痛发热咳嗽血压血糖胃炎肝炎建议检查休息饮食清淡药物医生复诊注意避免症状治疗定期"
"""Twenty words of two characters."""


def dialogue(identifier: str, question: str, answer: str) -> Conversation:
    return Conversation(id=identifier, messages=(Message("user", question), Message("assistant", answer)))


def sentence(rng: random.Random, words: int) -> str:
    pairs = [WORDS[i : i + 2] for i in range(0, len(WORDS), 2)]
    return "".join(rng.choices(pairs, k=words)) + "。"


def joined(conversations: list[Conversation], threshold: float = 0.4, min_chars: int = 16) -> list[set[str]]:
    groups: dict[str, set[str]] = {}
    for conversation, cluster in zip(conversations, clusters(conversations, threshold, min_chars), strict=True):
        groups.setdefault(cluster, set()).add(conversation.id)
    assert all(name == min(group) for name, group in groups.items())
    return [group for group in groups.values() if len(group) > 1]


def clusters(conversations: list[Conversation], threshold: float, min_chars: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        comparison = compared(conversations, min_chars, Path(folder))
        return [conversations[number].id for number in comparison.clusters(threshold).tolist()]


def compared(conversations: list[Conversation], min_chars: int, folder: Path) -> Comparison:
    table = table_of(conversations, folder / "store")
    return Comparison(table, np.arange(len(table)), min_chars, Inline(), folder)


def of_other_parity(i: np.ndarray, j: np.ndarray) -> np.ndarray:
    return (i % 2) != (j % 2)


def test_shingles_and_jaccard_by_hand() -> None:
    assert shingles("头痛 三天，") == {"头痛三", "痛三天"}
    assert shingles("可以。") == {"可以"}
    # abc bcd cde | bcd cde def: two of four
    assert jaccard(shingles("abcde"), shingles("bcdef")) == 0.5


def test_pairs_are_those_of_brute_force() -> None:
    rng = random.Random(3)
    texts = [sentence(rng, 20) for _ in range(150)]
    for text in texts[:120]:
        units = list(text)
        for _ in range(rng.randint(1, 12)):
            units[rng.randrange(len(units))] = rng.choice("甲乙丙丁戊")
        texts.append("".join(units))
    sets = [shingles(text) for text in texts]
    expected = {
        (i, j): s for i, j in itertools.combinations(range(len(sets)), 2) if (s := jaccard(sets[i], sets[j])) >= 0.4
    }
    assert len(expected) > 20
    plan = Plan(rows=3, bands=84)
    blocks = [sign([normalised(text) for text in texts[at : at + 50]], plan) for at in range(0, len(sets), 50)]
    assert {(i, j): s for i, j, s in Index(plan, blocks).similar(0.4, sets.__getitem__)} == expected


def test_a_bucket_of_many_is_not_compared_with_the_square_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)
    same = sentence(rng, 20)
    texts = [same + "".join(rng.choices("甲乙丙丁戊", k=3)) for _ in range(600)]
    sets = [shingles(text) for text in texts]
    asked = []

    def counting(i: int) -> frozenset[str]:
        asked.append(i)
        return sets[i]

    roots = list(range(len(sets)))

    def apart(i: np.ndarray, j: np.ndarray) -> np.ndarray:
        return np.array([roots[a] != roots[b] for a, b in zip(i, j, strict=True)], dtype=bool)

    plan = Plan(3, 84)
    for i, j, _ in Index(plan, [sign([normalised(text) for text in texts], plan)]).similar(0.4, counting, apart):
        one, other = sorted((roots[i], roots[j]))
        roots = [one if root == other else root for root in roots]
    assert len(set(roots)) == 1
    assert len(asked) < 20 * len(sets)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("餐前空腹血糖6.8，二甲双胍0.5g，每日两次。", "餐前空腹血糖16.8，二甲双胍0.5g，每日两次。"),
        ("高血压的病人完全可以适量吃一些党参泡水。", "高血压的病人完全不可以适量吃一些党参泡水。"),
        (
            "慢性胃炎应及时治疗，饮食清淡，注意休息，定期复查胃镜。",
            "慢性胃炎应及时救治，饮食清淡，留意休息，定期复查胃镜。",
        ),
    ],
)
def test_spun_text_and_other_numbers_stay_together(one: str, other: str) -> None:
    rng = random.Random(0)
    conversations = [dialogue("a", sentence(rng, 12), one), dialogue("b", sentence(rng, 12), other)]
    assert joined(conversations) == [{"a", "b"}]


def test_a_copied_question_joins_too() -> None:
    rng = random.Random(1)
    asked = sentence(rng, 15)
    conversations = [dialogue("a", asked, sentence(rng, 15)), dialogue("b", asked + "谢谢", sentence(rng, 15))]
    assert joined(conversations) == [{"a", "b"}]


def test_short_answers_and_stock_questions_that_agree_do_not_join() -> None:
    rng = random.Random(2)
    by_answer = [dialogue(f"a{i}", sentence(rng, 12), "可以") for i in range(20)]
    by_question = [dialogue(f"q{i}", "高血压怎么治疗？", sentence(rng, 30)) for i in range(20)]
    assert joined(by_answer + by_question) == []
    assert joined(by_answer, min_chars=2) == [{c.id for c in by_answer}]


def test_a_pair_joins_from_its_own_similarity_on() -> None:
    rng = random.Random(9)
    one = sentence(rng, 30)
    conversations = [dialogue("a", "甲", one), dialogue("b", "乙", one[:40] + sentence(rng, 10))]
    similarity = jaccard(shingles(conversations[0].answers), shingles(conversations[1].answers))
    assert 0.45 < similarity < 0.85
    assert joined(conversations, similarity - 0.01) == [{"a", "b"}]
    assert joined(conversations, similarity + 0.01) == []


def test_blocks_hide_no_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(8)
    same = sentence(rng, 20)
    texts = [normalised(same + sentence(rng, 2)) for _ in range(40)]
    plan = Plan(3, 84)
    of = [shingles(text) for text in texts]
    found = []
    for block in (1 << 14, 3):
        monkeypatch.setattr(pairs, "_BLOCK", block)
        found.append(sorted(Index(plan, [sign(texts, plan)]).similar(0.4, of.__getitem__)))
    assert len(found[0]) > 500
    assert found[0] == found[1]


def test_bits_rule_out_what_only_shares_a_bucket() -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**63, (3, 4), dtype=np.uint64)
    bits[2] = bits[0] ^ np.uint64(0b111)  # three bits of each word differ
    i, j = pairs._near(bits, np.zeros(3, np.uint32), differing=12)
    assert (i.tolist(), j.tolist()) == ([0], [2])
    i, j = pairs._near(bits, np.array([1, 2, 3], np.uint32), differing=256)
    assert not len(i) and not len(j)


def test_far_less_likely_pairs_are_not_read_once_one_is_known() -> None:
    rng = random.Random(10)
    texts = [sentence(rng, 12) for _ in range(61)]
    texts += [text[:18] + sentence(rng, 3) for text in texts]  # similar to one each, about 0.6
    texts += [texts[0] + "。", texts[0]]
    of = [shingles(text) for text in texts]
    plan = Plan(3, 84)
    asked: list[int] = []

    def shingled(i: int) -> frozenset[str]:
        asked.append(i)
        return of[i]

    largest = Index(plan, [sign([normalised(text) for text in texts], plan)]).largest(0.4, shingled, of_other_parity)
    assert largest == 1.0
    assert len(asked) < 20


def test_the_threshold_counts() -> None:
    conversations = [
        dialogue("a", "甲", "abcdefghijklmnopqrstuvwxyz"),
        dialogue("b", "乙", "abcdefghijklmnopqrst123456"),
    ]
    assert joined(conversations, 0.5) == [{"a", "b"}]
    assert joined(conversations, 0.7) == []


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(12)), st.randoms(use_true_random=False))
def test_clusters_do_not_depend_on_the_order(order: list[int], rng: random.Random) -> None:
    texts = [sentence(rng, 12) for _ in range(4)]
    conversations = [dialogue(f"c{i:02}", f"{i}号" + sentence(rng, 3), texts[i % 4]) for i in range(12)]
    names = dict(zip([c.id for c in conversations], clusters(conversations, 0.4, 16), strict=True))
    shuffled = [conversations[i] for i in order]
    assert dict(zip([c.id for c in shuffled], clusters(shuffled, 0.4, 16), strict=True)) == names


def test_no_conversations_no_clusters() -> None:
    assert clusters([], 0.4, 16) == []


def test_the_leak_check_finds_the_nearest_pair_across(tmp_path: Path) -> None:
    rng = random.Random(4)
    # every trigram differs, so that only the planted pairs are near
    texts = ["".join(chr(0x4E00 + rng.randrange(20_000)) for _ in range(40)) for _ in range(8)]
    held_out = [dialogue(f"t{i}", texts[i], texts[i + 4] + "。") for i in range(4)]
    apart = [dialogue("x", texts[0][::-1], texts[1][::-1])]
    near = [dialogue("y", texts[2][::-1], texts[6][:30] + texts[5][::-1][:10])]

    def largest(others: list[Conversation], held_out: list[Conversation] = held_out) -> float:
        everything = [*held_out, *others]
        inside = np.arange(len(everything)) < len(held_out)
        return compared(everything, 16, tmp_path).largest_similarity(inside, 0.2)

    assert largest(apart) == 0.0
    exact = jaccard(shingles(near[0].answers), shingles(held_out[2].answers))
    assert 0.5 < exact < 0.7
    assert largest(apart + near) == exact
    # a pair on one side only is no leak, equal texts across are
    assert largest(apart, [*held_out, *near]) == 0.0
    assert largest([dialogue("z", texts[0], "另一个回答")]) == 1.0


@pytest.mark.parametrize("held", [2_000_000, 50])
def test_the_largest_similarity_is_brute_forces_and_few_texts_are_read_for_it(
    held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "_HELD", held)
    rng = random.Random(6)
    texts = [sentence(rng, 12) for _ in range(300)]
    texts += [text[: 2 * k] + sentence(rng, 12 - k) for k in (4, 7, 9) for text in texts[:20]]
    of = [shingles(text) for text in texts]
    plan = Plan(3, 84)
    asked: list[int] = []

    def shingled(i: int) -> frozenset[str]:
        asked.append(i)
        return of[i]

    expected = max(jaccard(of[i], of[j]) for i, j in itertools.combinations(range(len(of)), 2) if (i - j) % 2)
    assert Index(plan, [sign(texts, plan)]).largest(0.2, shingled, of_other_parity) == expected
    assert len(asked) < 2000  # of 32,400 pairs, each of which several bands propose
    pairs_read = list(zip(asked[::2], asked[1::2], strict=True))
    assert len(pairs_read) == len(set(pairs_read))
    # far from what could reach the similarity that matters, nothing is read at all
    asked.clear()
    assert Index(plan, [sign(texts, plan)]).largest(0.7, shingled, of_other_parity) == 0.0 and not asked
