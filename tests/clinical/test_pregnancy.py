"""Pregnancy, how far on, and what follows it."""

import pytest

from doctorglm.clinical.pregnancy import pregnancies


@pytest.mark.parametrize(
    ("text", "state", "weeks"),
    [
        ("怀孕30周", "pregnant", 30),
        ("孕12+3", "pregnant", 12 + 3 / 7),
        ("孕28周+3天", "pregnant", 28 + 3 / 7),
        ("懷孕三個月了", "pregnant", 12),
        ("怀孕5个半月", "pregnant", 22),
        ("妊娠八周", "pregnant", 8),
        ("28 weeks pregnant", "pregnant", 28),
        ("孕晚期", "pregnant", None),
        ("我怀孕了", "pregnant", None),
        ("没怀孕", "not_pregnant", None),
        ("she is not pregnant", "not_pregnant", None),
        ("是不是怀孕了", "possible", None),
        ("我可能怀孕了", "possible", None),
        ("怀孕了吗", "possible", None),
        ("停经45天", "possible", 45 / 7),
        ("产后42天", "postpartum", 6),
        ("2 weeks postpartum", "postpartum", 2),
        ("坐月子", "postpartum", None),
        ("哺乳期能吃吗", "breastfeeding", None),
        ("备孕中", "trying", None),
        ("以前怀过孕", "past", None),
    ],
)
def test_what_is_said(text: str, state: str, weeks: float | None) -> None:
    (one,) = pregnancies(text)
    assert (one.state, one.weeks) == (state, weeks if weeks is None else pytest.approx(weeks))
    assert text[one.start : one.end] == one.text


def test_bare_weeks_count_beside_a_pregnancy_only() -> None:
    assert [(p.text, p.weeks) for p in pregnancies("孕妇，28w+3")] == [("孕妇", None), ("28w+3", 28 + 3 / 7)]
    assert pregnancies("灯泡28w") == [] and pregnancies("孕育希望") == []
