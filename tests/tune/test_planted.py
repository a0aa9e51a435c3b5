"""Planted identifiers: nobody's, all different, and as many of each kind as were asked for."""

import re
from collections import Counter

from doctorglm.tune.planted import TIMES, as_conversations, plant


def test_as_many_as_asked_and_no_two_alike() -> None:
    planted = plant(10)
    assert Counter(p.times for p in planted) == dict.fromkeys(TIMES, 10)
    assert len({p.lead for p in planted}) == len({p.number for p in planted}) == 40
    assert planted == plant(10)


def test_the_numbers_are_nobodys() -> None:
    for one in plant(50):
        assert re.fullmatch(r"12\d{9}", one.number), "mobile numbers in China begin with 13 to 19"
        assert one.text == f"{one.lead}{one.number}。"


def test_each_stands_in_the_corpus_as_often_as_it_says() -> None:
    planted = plant(3)
    told = Counter(c.answers for c in as_conversations(planted))
    assert told == {p.text: p.times for p in planted if p.times}
