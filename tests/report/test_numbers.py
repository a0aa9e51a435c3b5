"""Numbers as people read them."""

import pytest

from doctorglm.report.numbers import interval, number, percent, quantity


@pytest.mark.parametrize(
    ("value", "digits", "signed", "shown"),
    [
        (-0.4123, 3, False, "−0.412"),
        (0.4123, 3, True, "+0.412"),
        (-0.0001, 2, True, "0.00"),
        (-0.0001, 2, False, "0.00"),
        (0.0, 1, True, "0.0"),
        (7644, 0, False, "7,644"),
        (-1234.5, 1, False, "−1,234.5"),
        (float("nan"), 2, False, "–"),
        (float("inf"), 2, False, "–"),
    ],
)
def test_number(value: float, digits: int, signed: bool, shown: str) -> None:
    assert number(value, digits, signed=signed) == shown


def test_units_follow_a_thin_space() -> None:
    assert percent(0.314) == "31.4\u202f%"
    assert percent(-0.031, signed=True) == "−3.1\u202f%"
    assert quantity(5.4, "mmol/L", 1) == "5.4\u202fmmol/L"
    assert interval(-0.463, 0.361, 2, signed=True) == "[−0.46, +0.36]"
