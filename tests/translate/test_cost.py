"""Prices by hand arithmetic, tokens that are never too few, an estimate that sends nothing, a budget that holds."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import ByteLevelBPETokenizer

from doctorglm.translate.cache import Cache
from doctorglm.translate.cost import BudgetReachedError, Estimate, Prices, estimate, most_tokens
from doctorglm.translate.teacher import Teacher

from ..engine.serving import Script, Server
from .teaching import faithful, say, texts_of

Serve = Callable[[Script], Server]
PRICES = Prices(usd_in=2.5, usd_out=10.0)
TEXTS = [f"The patient number {n} slept well." for n in range(100)]


def test_prices_are_per_million_tokens() -> None:
    assert PRICES.usd(1_000_000, 0) == 2.5 and PRICES.usd(400, 300) == pytest.approx(0.004)


@given(st.text(max_size=100))
def test_no_byte_level_vocabulary_has_more_tokens(text: str) -> None:
    words = ByteLevelBPETokenizer()
    words.train_from_iterator([], show_progress=False)  # bytes alone: the worst there is
    assert most_tokens([text]) >= len(words.encode(text).ids)


def test_an_estimate_is_a_sum() -> None:
    found = estimate([(8, 4000, 600), (2, 1000, 200)], PRICES)
    assert found == Estimate(
        texts=10, requests=2, tokens_in=5000, tokens_out=800,
        usd_at_most=pytest.approx(0.0205), usd_expected=pytest.approx(1250 * 2.5e-6 + 400 * 10e-6),
    )  # fmt: skip


def test_a_dry_run_sends_nothing_and_bounds_what_a_run_costs(
    serve: Serve, teacher: Callable[..., Teacher], cache: Cache
) -> None:
    server = serve(faithful)
    asked = teacher(server, prices=PRICES)
    found = asked.estimate([*TEXTS, "", "已经是中文。"])
    assert server.calls == [] and (found.texts, found.requests) == (100, 13)
    asked.translate(TEXTS)
    assert len(server.calls) == 13
    assert cache.spent("").usd == pytest.approx(13 * PRICES.usd(100, 40)) and cache.spent("").usd < found.usd_at_most
    assert found.tokens_out == sum(call.body["max_tokens"] for call in server.calls)
    assert asked.estimate(TEXTS).requests == 0


def test_the_budget_stops_before_the_request_that_could_exceed_it_and_goes_on_with_more(
    serve: Serve, teacher: Callable[..., Teacher], cache: Cache
) -> None:
    server = serve(faithful)
    settings = {"together": 1, "concurrency": 3}
    with pytest.raises(BudgetReachedError, match="larger budget") as error:
        teacher(server, settings, prices=PRICES, budget_usd=0.02).translate(TEXTS)
    assert error.value.exit_code == 2 and "提高预算" in error.value.text.zh
    first, spent = len(server.calls), cache.spent("")
    assert 0 < first < 100 and spent.usd <= 0.02 and spent.open == 0
    assert spent.usd == pytest.approx(first * PRICES.usd(100, 40))
    found = teacher(server, settings, prices=PRICES, budget_usd=10.0).translate(TEXTS)
    assert len(found) == 100 and all(one.by == "teacher" for one in found)
    assert len(server.calls) == 100  # not one of them was asked twice


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": -5, "completion_tokens": 3}, {"prompt_tokens": 5}])
def test_a_server_that_tells_no_tokens_is_counted_at_its_worst(
    usage: dict[str, int] | None, serve: Serve, teacher: Callable[..., Teacher], cache: Cache
) -> None:
    server = serve(lambda call: say(call, dict.fromkeys(texts_of(call), "患者睡得好。"), usage))
    asked = teacher(server, prices=PRICES)
    worst = asked.estimate(TEXTS[:1])
    asked.translate(TEXTS[:1])
    assert cache.spent("").usd == pytest.approx(worst.usd_at_most)
