"""Each metric by hand, alone and paired."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from doctorglm.errors import DataError
from doctorglm.evaluate.items import DialogueItem, Evaluation, LikelihoodItem
from doctorglm.evaluate.metrics import (
    LOOP_CHARACTERS,
    METRICS,
    as_json,
    differences,
    ends_by_itself,
    loops,
    summarise,
    value,
)

SAID = DialogueItem(id="a", answer="多喝水。", tokens=5, finish="stop", seconds=0.1, repetition=0.0, loop=0, ends=True)


def evaluation(*items: LikelihoodItem | DialogueItem, name: str = "one") -> Evaluation:
    likelihood = {item.id: item for item in items if isinstance(item, LikelihoodItem)}
    dialogue = {item.id: item for item in items if isinstance(item, DialogueItem)}
    return Evaluation(Path(name), likelihood, dialogue, {"inputs": {"base": "b"}})


ONE = evaluation(
    LikelihoodItem(id="a", nats=6.0, tokens=2),
    LikelihoodItem(id="b", nats=2.0, tokens=2),
    SAID,
    replace(SAID, id="b", repetition=0.5, loop=LOOP_CHARACTERS, tokens=9, finish="length", ends=False),
)
TWO = evaluation(
    LikelihoodItem(id="b", nats=1.0, tokens=2),
    LikelihoodItem(id="a", nats=3.0, tokens=2),
    replace(SAID, repetition=0.1),
    replace(SAID, id="b", repetition=0.2),
    name="two",
)


def test_values_by_hand() -> None:
    expected = {
        "nll_per_token": 2.0,
        "perplexity": math.exp(2.0),
        "repetition": 0.25,
        "loops": 0.5,
        "ends_by_itself": 0.5,
        "answer_tokens": 7.0,
    }
    assert {name: value(name, ONE) for name in METRICS} == pytest.approx(expected)
    summary = summarise(ONE, resamples=1000)
    assert {name: interval.value for name, interval in summary.items()} == pytest.approx(expected)
    written = json.loads(json.dumps(as_json(summary), allow_nan=False))
    assert all(set(row) == {"value", "low", "high", "n"} for row in written.values())
    assert all(row["low"] <= row["value"] <= row["high"] and row["n"] == 2 for row in written.values())


def test_differences_pair_by_id_whatever_the_order() -> None:
    found = {name: difference.difference for name, difference in differences(TWO, ONE, resamples=1000).items()}
    assert found == pytest.approx(
        {
            "nll_per_token": -1.0,
            "perplexity": math.e - math.exp(2),
            "repetition": -0.1,
            "loops": -0.5,
            "ends_by_itself": 0.5,
            "answer_tokens": -2.0,
        }
    )
    # item a costs 3 nats less, item b 1 less: resampling draws -6/4, -4/4 or -2/4, unpaired it would reach further
    nll = differences(TWO, ONE, resamples=1000)["nll_per_token"]
    assert (nll.low, nll.high) == pytest.approx((-1.5, -0.5))


def test_the_order_of_the_files_changes_no_digit() -> None:
    items = [LikelihoodItem(id=f"q{i}", nats=float(i * i % 17), tokens=3 + i % 5) for i in range(20)]
    zero = evaluation(*(replace(item, nats=0.0) for item in items))
    forth, back = evaluation(*items), evaluation(*reversed(items))
    assert differences(forth, zero, resamples=1000) == differences(back, zero, resamples=1000)


def test_only_the_suites_that_were_run() -> None:
    spoken = evaluation(SAID)
    assert set(summarise(spoken)) == {"repetition", "loops", "ends_by_itself", "answer_tokens"}
    assert set(differences(spoken, spoken)) == {"repetition", "loops", "ends_by_itself", "answer_tokens"}


@pytest.mark.parametrize(
    ("item", "ended"),
    [(SAID, True), (replace(SAID, ends=False), False), (replace(SAID, answer=" \n"), False)],
    ids=["ends", "cut", "empty"],
)
def test_an_empty_answer_has_not_ended(item: DialogueItem, ended: bool) -> None:
    assert ends_by_itself(item) is ended


@pytest.mark.parametrize(
    ("item", "looped"),
    [
        (SAID, False),
        (replace(SAID, loop=LOOP_CHARACTERS - 1), False),
        (replace(SAID, loop=LOOP_CHARACTERS), True),
        (replace(SAID, finish="loop", ends=False), True),
    ],
)
def test_what_counts_as_a_loop(item: DialogueItem, looped: bool) -> None:
    assert loops(item) is looped


def test_other_items_are_refused_with_their_number_and_names() -> None:
    mine = evaluation(*(replace(SAID, id=f"m{i}") for i in range(5)), SAID, name="mine")
    with pytest.raises(DataError, match=r"5 only in mine \(m0, m1, m2, …\), 1 only in one \(b\)"):
        differences(mine, evaluation(*ONE.dialogue.values()))
    with pytest.raises(DataError, match=r"suite likelihood: .* 0 only in one \(-\), 2 only in two"):
        differences(evaluation(SAID), evaluation(SAID, *TWO.likelihood.values(), name="two"))


def test_another_tokenizer_is_refused() -> None:
    longer = evaluation(LikelihoodItem(id="a", nats=6.0, tokens=3), LikelihoodItem(id="b", nats=2.0, tokens=2))
    with pytest.raises(DataError, match=r"1 items have other numbers of tokens \(a; 3 in one, 2 in two\)"):
        differences(longer, evaluation(*TWO.likelihood.values(), name="two"))
