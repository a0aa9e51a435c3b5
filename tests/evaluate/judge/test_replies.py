"""A judge's reply is a verdict only where it says one thing, in the form that was asked for."""

from dataclasses import replace

import pytest

from doctorglm.evaluate.judge.replies import CRITERION, FAULTS, WINNER, read_reply

from .kit import cut, generation


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('{"reason": "更清楚", "winner": "A"}', "A"),
        ('好的。\n```json\n{"winner": "tie", "reason": "{一样}"}\n```\n以上。', "tie"),
        ('{"a": {"winner": "A"}} {"winner": "B"}', "B"),
        ('{broken {"winner": "B"}', "B"),
        ('{"winner": "B"} 再说一遍 {"winner": "B"}', "B"),
        ("我认为前者更好。[[A]]", "A"),
        ("[[tie]]", "tie"),
        ('[[B]] {"winner": "B"}', "B"),
        ('<think>{"winner": "A"}，不对 [[A]]</think>{"winner": "B"}', "B"),
    ],
)
def test_a_verdict_is_read(text: str, verdict: str) -> None:
    assert read_reply(generation(text), WINNER) == (verdict, None)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "empty"),
        ("A", "no_verdict"),
        ("回答A更好。", "no_verdict"),
        ('{"reason": "A 更好"}', "no_verdict"),
        ("[A] [[C]]", "no_verdict"),
        ('{"winner": "A"', "no_verdict"),
        ('{"a": {"winner": "A"}}', "no_verdict"),
        ('<think>{"winner": "A"}</think>', "no_verdict"),
        ('{"winner": "C"}', "not_allowed"),
        ('{"winner": "a"}', "not_allowed"),
        ('{"winner": ["A"]}', "not_allowed"),
        ('{"winner": {"A": 1}}', "not_allowed"),
        ('{"winner": null}', "not_allowed"),
        ('{"winner": "A"} {"winner": "回答A"}', "not_allowed"),
        ('{"winner": "A", "winner": "B"}', "contradiction"),
        ('{"winner": "A"} 不，{"winner": "B"}', "contradiction"),
        ('[[A]] {"winner": "B"}', "contradiction"),
        ("[[A]] 或 [[B]]", "contradiction"),
    ],
)
def test_anything_else_is_a_fault(text: str, fault: str) -> None:
    assert read_reply(generation(text), WINNER) == (None, fault)


def test_a_reply_that_was_cut_is_not_read() -> None:
    assert read_reply(cut('{"winner": "A"}'), WINNER) == (None, "unfinished")
    looped = replace(generation('{"winner": "A"}'), finish="loop")
    assert read_reply(looped, WINNER) == (None, "unfinished")
    shortened = replace(generation('{"winner": "A"}'), dropped_turns=1)
    assert read_reply(shortened, WINNER) == (None, "shortened")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"criteria_met": true, "reason": ""}', ("true", None)),
        ('{"criteria_met": false}', ("false", None)),
        ("[[false]]", ("false", None)),
        ('{"criteria_met": "true"}', (None, "not_allowed")),
        ('{"criteria_met": 1}', (None, "not_allowed")),
        ('{"winner": "A"}', (None, "no_verdict")),
    ],
)
def test_a_criterion_is_met_by_a_json_boolean_alone(text: str, found: tuple[str | None, str | None]) -> None:
    assert read_reply(generation(text), CRITERION) == found


def test_every_fault_can_be_named_to_the_judge() -> None:
    assert all(text.zh and text.en for text in FAULTS.values())
    hostile = '{"a":' * 1500
    assert read_reply(generation(hostile), WINNER) == (None, "no_verdict")
