"""What is searched for in a conversation: what a question leans on is added, and nothing where it leans on nothing."""

import time

import pytest

from doctorglm.conversation import Message
from doctorglm.library.query import query_of

from .passages import talk


@pytest.mark.parametrize(
    ("said", "query"),
    [
        (["痛风怎么治？"], "痛风怎么治？"),
        (["痛风怎么治？", "可用秋水仙碱。", "那怎么预防？"], "那怎么预防？ 痛风 秋水仙碱"),
        (["痛风怎么治？", "可用秋水仙碱。", "这个药有什么副作用"], "这个药有什么副作用 秋水仙碱 痛风"),
        (["痛风怎么治？", "可用秋水仙碱。", "那这个药呢"], "那这个药呢 秋水仙碱 痛风"),
        (["布洛芬是什么药", "退热止痛药。", "孩子能吃吗"], "孩子能吃吗 布洛芬"),
        (["我咳嗽一周了", "可能是支气管炎。", "严重吗"], "严重吗 支气管炎 咳嗽"),
        (["我有高血压", "要坚持服药。", "这病会遗传吗"], "这病会遗传吗 高血压"),
        (["我有高血压", "要坚持服药。", "它会遗传吗"], "它会遗传吗 高血压"),
        (["痛风怎么治", "可用秋水仙碱。", "感冒了怎么办"], "感冒了怎么办"),
        (["痛风怎么治", "可用秋水仙碱。", "那布洛芬呢"], "那布洛芬呢 痛风"),
        (["痛风怎么治", "可用秋水仙碱。", "布洛芬这个药安全吗"], "布洛芬这个药安全吗"),
        (["痛风怎么治", "可用秋水仙碱。", "它和布洛芬能一起吃吗"], "它和布洛芬能一起吃吗 秋水仙碱 痛风"),
        (["发烧三天", "有没有咳嗽？", "没有咳嗽"], "没有咳嗽 发烧"),
        (["没有发烧，咳嗽一周", "多喝水。", "怎么办"], "怎么办 咳嗽"),
        (["What is gout?", "A kind of arthritis.", "How is it treated?"], "How is it treated? gout arthritis"),
        (
            ["Tell me about ibuprofen", "It is an old remedy.", "Is this drug safe for children?"],
            "Is this drug safe for children? ibuprofen",
        ),
        (["您好", "您好", "在吗"], "在吗"),
    ],
)
def test_a_question_with_what_it_leans_on(said: list[str], query: str) -> None:
    assert query_of(talk(*said)) == query


def test_what_is_denied_in_the_question_stays() -> None:
    assert query_of(talk("没有发烧，就是咳嗽")) == "没有发烧，就是咳嗽"


def test_nothing_asked_is_nothing_searched() -> None:
    assert query_of([]) == query_of([Message("assistant", "您好")]) == ""


def test_only_the_latest_turns_count() -> None:
    turns = ["我有痛风", "好的。", *["嗯", "好的。"] * 10, "那怎么治"]
    assert query_of(talk(*turns)) == "那怎么治"


def test_a_long_conversation_takes_no_long_time() -> None:
    long = "我头痛发热咳嗽三天了，没有腹泻，吃了布洛芬。" * 5_000
    query_of(talk("痛风"))
    start = time.perf_counter()
    query = query_of(talk(*[long, long] * 20, long))
    assert time.perf_counter() - start < 2
    assert len(query) <= 1_100
    assert query.startswith("我头痛") and query.endswith("吃了布洛芬。")
