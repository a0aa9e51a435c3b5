"""What one text denies and the other affirms, both with one denial."""

import pytest

from .conftest import Told

_EXCHANGED = ("order", "exchanged")


@pytest.mark.parametrize(
    ("english", "right", "wrong"),
    [
        (
            "Spit the blood out rather than swallow it.",
            "把血吐出来，不要咽下去。",
            "把血咽下去，不要吐出来。",
        ),
        (
            "It is a bruise, not a fracture.",
            "这是瘀伤，而不是骨折。",
            "这是骨折，而不是瘀伤。",
        ),
        (
            "This is not a cold but pneumonia.",
            "这不是感冒，而是肺炎。",
            "这不是肺炎，而是感冒。",
        ),
    ],
)
def test_exchanged(told: Told, english: str, right: str, wrong: str) -> None:
    assert _EXCHANGED not in told(english, right)
    assert _EXCHANGED in told(english, wrong)


def test_what_is_denied_may_stand_before_its_denial(told: Told) -> None:
    english = "I am allergic to penicillin but not to aspirin."
    assert _EXCHANGED not in told(english, "我对青霉素过敏，阿司匹林不要紧。")
    assert _EXCHANGED not in told(english, "我对青霉素过敏，对阿司匹林不过敏。")
    assert _EXCHANGED not in told(english, "我对青霉素过敏，阿司匹林不用怕过敏。")


def test_two_denials_are_not_compared(told: Told) -> None:
    english = "Take it with water, not milk, and never with alcohol."
    assert _EXCHANGED not in told(english, "用水送服，不要用牛奶，绝不要用酒。")
