"""Mobiles and fixed lines of other countries, told apart by their numbering plans."""

import pytest

from doctorglm.clinical.deid import find


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("+44 7700 900481", "mobile"),
        ("+44 20 7946 0018", "landline"),
        ("01632 960 219", "landline"),
        ("+852 9501 0263", "mobile"),
        ("+852 2555 0171", "landline"),
        ("+81 90-1234-5678", "mobile"),
        ("+81 3-1234-5678", "landline"),
        ("+254 700 000 881", "mobile"),
        ("+49 30 12345678", "landline"),
        ("+1 415 555 0134", "landline"),
        ("+855 23 756 789", "landline"),
        ("+7 771 000 9998", "mobile"),
    ],
)
def test_a_foreign_number_is_a_mobile_where_its_plan_says_so(number: str, kind: str) -> None:
    text = f"我现在在国外，有事请打 {number}，谢谢医生"
    assert [(span.type, text[span.start : span.end]) for span in find(text)] == [(kind, number)]
