"""A sample that is kept for a second start, and what of a budget it may take."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from doctorglm.conversation import Conversation, Message
from doctorglm.errors import ConfigError
from doctorglm.translate.cost import Prices
from doctorglm.translate.features import worst_request_usd
from doctorglm.translate.sample import SampleSettings
from doctorglm.translate.sampled import Sample, keep, kept, sampled
from doctorglm.translate.teacher import TeacherSettings

from .conftest import GLOSSARY

PRICES = Prices(usd_in=2.5, usd_out=10.0)


def conversations(number: int = 60) -> Iterator[Conversation]:
    terms = ("angina", "fever", "asthma", "nothing")
    for n in range(number):
        said = (
            Message("user", f"Case {n} has {terms[n % 4]} " + f"x{n}y " * 20),
            Message("assistant", f"Reply {n * n}."),
        )
        yield Conversation(id=str(n), messages=said)


def choose(number: int, budget: float | None = None, prices: Prices = PRICES) -> Sample:
    return sampled(
        conversations(), number, budget, GLOSSARY, settings=SampleSettings(), teacher=TeacherSettings(), prices=prices
    )


def test_a_sample_parts_the_source() -> None:
    sample = choose(10)
    chosen, rest = [one.id for one in sample.of(conversations())], [one.id for one in sample.rest(conversations())]
    assert len(chosen) == 10 and len(rest) == 50 and {*chosen, *rest} == {str(n) for n in range(60)}
    report = sample.report
    assert report["asked"] == 10 and report["by"] == "gain" and report["budget_usd"] is None
    assert report["chosen"]["terms"] == report["source"]["terms"] == 3 and report["random"]["seeds"] == 20
    assert report["random"]["cost"] >= report["chosen"]["cost"] > 0


def test_without_prices_costs_are_tokens() -> None:
    assert choose(10).report["cost_unit"] == "USD"
    report = choose(10, prices=Prices()).report
    assert report["cost_unit"] == "million tokens" and report["chosen"]["cost"] > 0


def test_what_a_budget_leaves_for_the_sample() -> None:
    under_way = 4 * worst_request_usd(TeacherSettings(), PRICES)
    assert choose(5, 10.0).report["budget_usd"] == pytest.approx(10 - under_way)
    report = choose(60, 0.1).report  # less than is under way: a fourth, of which not even the worst is more than all
    assert report["budget_usd"] == pytest.approx(0.025) and report["chosen"]["cost"] <= 0.025
    assert 0 < report["chosen"]["conversations"] < 60
    with pytest.raises(ConfigError, match="cheapest conversation") as error:
        choose(5, 1e-5)
    assert "请提高预算" in error.value.text.zh and error.value.exit_code == 2


def test_all_that_there_is_has_no_random_sample_beside_it() -> None:
    report = choose(61).report
    assert report["by"] == "all" and "random" not in report and report["asked"] == 61


def test_what_is_kept_is_found_under_its_identity_alone(tmp_path: Path) -> None:
    path, identity = tmp_path / ".sample.json", {"inputs": {"a.jsonl": "00"}, "sample": 3}
    assert kept(path, identity) is None
    keep(path, identity, Sample(frozenset({4, 2}), {"asked": 3}))
    assert kept(path, identity) == Sample(frozenset({2, 4}), {"asked": 3})
    assert kept(path, identity | {"sample": 4}) is None
