"""What is read of a conversation, and a cost that is no less than the teacher's own estimate."""

from collections.abc import Callable
from typing import Any

import pytest

from doctorglm.conversation import Conversation, Message
from doctorglm.translate.cost import Prices
from doctorglm.translate.features import read_source, worst_request_usd
from doctorglm.translate.sample import Source
from doctorglm.translate.teacher import Teacher, TeacherSettings

from .conftest import GLOSSARY

PRICES = Prices(usd_in=2.5, usd_out=10.0)
NOWHERE = "http://127.0.0.1:1/v1#tiny"


def conversation(*said: str, department: str = "") -> Conversation:
    messages = tuple(Message("assistant" if i % 2 else "user", text) for i, text in enumerate(said))
    return Conversation(id="a", messages=messages, department=department)


def read(*conversations: Conversation, settings: TeacherSettings | None = None, prices: Prices = PRICES) -> Source:
    return read_source(conversations, GLOSSARY, settings or TeacherSettings(), prices)


def test_terms_words_lengths_and_departments() -> None:
    found = read(
        conversation("Angina and fevers", "Asthma, fever", department="heart"),
        conversation("我发热三天了 fever，怎么办", "Fever somehow"),
        conversation("nothing somehow", department="heart"),
    )
    assert found.terms == [(0, 1, 2), (1,), ()]
    assert found.chars == [17 + 13, 16 + 13, 15] and found.departments == ["heart", "", "heart"]
    # fever and somehow are in two conversations; every other word is in one alone
    assert [len(words) for words in found.words] == [1, 2, 1] and found.originals == [0, 1, 2]


def test_what_stands_as_it_is_costs_nothing() -> None:
    assert read(conversation("你好", "123 / 45", "")).costs == [0.0]


@pytest.mark.parametrize("settings", [{}, {"together": 1}, {"together": 2, "part_chars": 200}])
def test_a_cost_is_no_less_than_what_the_teacher_expects_and_little_more(
    settings: dict[str, Any], teacher: Callable[..., Teacher]
) -> None:
    asked = teacher(NOWHERE, settings, prices=PRICES)
    long = " ".join(f"The angina came back {n} times." for n in range(30))
    some = [
        conversation("I have a fever of 39 degrees.", "Take paracetamol.\nSee a doctor."),
        conversation(long, "Ok.", "And then?", long[:300]),
        conversation('He said "no".', "Ünïcödé ½ is kept."),
    ]
    of = TeacherSettings(**settings)
    for one in some:
        expected = asked.estimate([m.content for m in one.messages]).usd_expected
        assert expected <= read(one, settings=of).costs[0] <= 1.25 * expected
    together = asked.estimate([m.content for one in some for m in one.messages]).usd_expected
    assert together <= sum(read(*some, settings=of).costs)


@pytest.mark.parametrize("settings", [{}, {"together": 1}, {"part_chars": 400}])
def test_no_full_request_of_english_is_dearer_than_the_worst(
    settings: dict[str, Any], teacher: Callable[..., Teacher]
) -> None:
    asked = teacher(NOWHERE, settings, prices=PRICES)
    of = TeacherSettings(**settings)
    texts = [f"{n} " + "y" * (of.part_chars // of.together - 2) for n in range(of.together)]
    found = asked.estimate(texts)
    assert found.requests == 1 and found.usd_at_most <= worst_request_usd(of, PRICES) <= 2 * found.usd_at_most
