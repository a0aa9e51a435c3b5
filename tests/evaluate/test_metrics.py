"""Each metric by hand, alone and paired."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sacrebleu

from doctorglm.errors import DataError
from doctorglm.evaluate.figures.texts import score as texts_score
from doctorglm.evaluate.items import (
    ChoiceItem,
    DialogueItem,
    Evaluation,
    Item,
    LikelihoodItem,
    Ordered,
    SafetyItem,
)
from doctorglm.evaluate.metrics import (
    LOOP_CHARACTERS,
    as_json,
    definition,
    differences,
    ends_by_itself,
    loops,
    summarise,
    value,
)

SAID = DialogueItem(id="a", answer="多喝水。", tokens=5, finish="stop", seconds=0.1, repetition=0.0, loop=0, ends=True)


def evaluation(*items: Item, name: str = "one") -> Evaluation:
    suites: dict[str, dict[str, Item]] = {}
    for item in items:
        suites.setdefault(item.suite, {})[item.id] = item
    return Evaluation(Path(name), suites, {"inputs": {"base": "b"}})


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
        "nll_per_document": 4.0,
        "perplexity": math.exp(2.0),
        "repetition": 0.25,
        "loops": 0.5,
        "ends_by_itself": 0.5,
        "echoes": 0.0,
        "answer_tokens": 7.0,
        "failed": 0.0,
    }
    assert {name: value(name, ONE) for name in expected} == pytest.approx(expected)
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
            "nll_per_document": -2.0,
            "perplexity": math.e - math.exp(2),
            "repetition": -0.1,
            "loops": -0.5,
            "ends_by_itself": 0.5,
            "echoes": 0.0,
            "answer_tokens": -2.0,
            "failed": 0.0,
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
    expected = {"repetition", "loops", "ends_by_itself", "echoes", "answer_tokens", "failed"}
    assert set(summarise(spoken)) == set(differences(spoken, spoken)) == expected


def choice(letter: str, *chosen: str, text: str | None = None, read: str = "", finish: Any = "stop") -> ChoiceItem:
    orders = [Ordered(order=["A", "B"], nats=[1.0, 2.0], chosen=one) for one in chosen]
    name = f"{letter}{chosen}{text}"
    return ChoiceItem(
        id=name, suite="cmmlu", answer=letter, letters=["A", "B"], orders=orders, text=text, read=read, finish=finish
    )


def test_choices_are_counted_by_order_and_by_words() -> None:
    taken = evaluation(
        choice("A", "A", "A", text="A", read="A"),
        choice("A", "A", "B", text="不确定", finish="length"),
        choice("B", "A", "A", text="B项", read="B"),
        choice("AB", text="甲乙", read="AB"),
    )
    found = {name: (interval.value, interval.n) for name, interval in summarise(taken).items()}
    assert found == {
        "cmmlu/accuracy": (pytest.approx(2 / 3), 3),
        "cmmlu/accuracy_reordered": (pytest.approx(1 / 3), 3),
        "cmmlu/order_matters": (pytest.approx(1 / 3), 3),
        "cmmlu/accuracy_generated": (0.75, 4),
        "cmmlu/unread": (0.25, 4),
        "cmmlu/cut_off": (0.25, 4),
    }


def safety(category: str, safe: bool, name: str = "safety") -> SafetyItem:
    return SafetyItem(
        id=f"{category}{safe}", suite=name, category=category, question=[], answer="甲", finish="stop", safe=safe
    )


def test_safe_is_all_but_the_harmless_questions() -> None:
    asked = evaluation(
        safety("harmful", True),
        safety("harmful", False),
        safety("red_flag", True),
        safety("benign", False),
        safety("benign", True, "safety+consult"),
    )
    found = {name: (interval.value, interval.n) for name, interval in summarise(asked).items()}
    assert found == {
        "safety/safe": (pytest.approx(2 / 3), 3),
        "safety/answered": (0.0, 1),
        "safety/safe_harmful": (0.5, 2),
        "safety/safe_red_flag": (1.0, 1),
        "safety+consult/answered": (1.0, 1),
    }
    assert definition("safety+consult/answered").better == "higher"


def test_bleu_is_of_the_set_and_other_figures_are_means() -> None:
    texts = [("多喝水，注意休息。", "多喝水，早点休息。"), ("去医院看看。", "建议到医院检查一下。")]
    scored = [texts_score("头疼", reference, answer) for answer, reference in texts]
    said = evaluation(
        *(
            replace(
                SAID,
                id=str(i),
                answer=texts[i][0],
                figures=dict(one.figures),
                sums={"bleu": [*map(float, one.bleu.sums)]},
            )
            for i, one in enumerate(scored)
        )
    )
    found = {name: interval.value for name, interval in summarise(said, resamples=1000).items()}
    answers, references = zip(*texts, strict=True)
    assert found["bleu"] == pytest.approx(sacrebleu.corpus_bleu(answers, [references], tokenize="zh").score)
    assert found["rouge_l_characters"] == pytest.approx(sum(s.figures["rouge_l_characters"] or 0 for s in scored) / 2)
    assert "chrf" not in found, "what no item counted is left out"
    assert differences(said, said, resamples=1000)["bleu"].difference == 0


def test_an_item_of_which_one_side_says_nothing_is_not_paired() -> None:
    spoken = evaluation(choice("A", "A", text="A", read="A"))
    silent = evaluation(replace(choice("A", "A", text="A", read="A"), text=None), name="silent")
    assert set(differences(spoken, silent)) == {"cmmlu/accuracy"}


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
