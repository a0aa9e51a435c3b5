"""Repetition measures against brute force, hand arithmetic and real doctors' answers."""

import csv
import io
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.clinical.repetition import LONGEST_RULE, MAX_PERIOD, longest_loop, rep_n

texts = st.text(alphabet="ab水。 ", max_size=24)
loopy = st.builds(
    lambda before, block, times, after: before + block * times + after,
    st.text(alphabet="ab水。", max_size=6),
    st.text(alphabet="ab水。-", min_size=1, max_size=5),
    st.integers(1, 30),
    st.text(alphabet="ab水。", max_size=6),
)


def brute_rep(text: str, n: int) -> float:
    seen: Counter[str] = Counter(text[i : i + n] for i in range(max(0, len(text) - n + 1)))
    total = sum(seen.values())
    return sum(count - 1 for count in seen.values()) / total if total else 0.0


def brute_loop(text: str, max_period: int, min_repetitions: int) -> int:
    """Every substring, every period: as the definition says."""
    best = 0
    for start in range(len(text)):
        for end in range(start + best + 1, len(text) + 1):
            part = text[start:end]
            for period in range(1, min(max_period, len(part) // min_repetitions) + 1):
                repeats = all(part[i] == part[i % period] for i in range(len(part)))
                spoken = any(c.isalnum() for c in part)
                if repeats and (spoken or len(part) > LONGEST_RULE):
                    best = max(best, len(part))
    return best


@given(texts | loopy, st.integers(1, 6))
def test_rep_n_is_the_brute_force_count(text: str, n: int) -> None:
    assert rep_n(text, n) == pytest.approx(brute_rep(text, n), abs=1e-12)


def test_rep_n_by_hand() -> None:
    # 多喝水多喝水: 多喝水多 喝水多喝 水多喝水 are three different 4-grams; of its six 1-grams three are new
    assert rep_n("多喝水多喝水") == 0
    assert rep_n("多喝水多喝水", 1) == pytest.approx(0.5)
    assert rep_n("好" * 103) == pytest.approx(0.99)
    assert rep_n("多喝水") == rep_n("") == 0


@settings(max_examples=60, deadline=None)
@given(texts | loopy.filter(lambda t: len(t) < 60), st.integers(1, 4), st.integers(2, 4))
def test_longest_loop_is_the_brute_force_one(text: str, max_period: int, min_repetitions: int) -> None:
    expected = brute_loop(text, max_period, min_repetitions)
    assert longest_loop(text, max_period=max_period, min_repetitions=min_repetitions) == expected


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("", 0),
        ("建议多喝水，注意休息。", 0),
        ("多喝水，多喝水，", 0),
        ("多喝水，多喝水，多喝水，", 12),
        ("您好。多喝水，多喝水，多喝水，多喝", 14),
        ("好" * 50, 50),
        ("建议" + "。" * LONGEST_RULE + "多休息", 0),
        ("建议" + "！" * (LONGEST_RULE + 1), LONGEST_RULE + 1),
        ("一" + "-" * 40 + "\n\n\n\n二", 0),
        ("ab" + "-" * 60 + "水水水", 3),
        ("😀好" * 5, 10),
        ("\ud800好" * 3, 6),
    ],
)
def test_longest_loop_by_hand(text: str, covered: int) -> None:
    assert longest_loop(text) == covered


def test_period_and_repetitions_are_limits() -> None:
    block = "".join(chr(0x4E00 + i) for i in range(MAX_PERIOD))
    assert longest_loop(block * 3) == 3 * MAX_PERIOD
    assert longest_loop((block + "一点") * 3) == 0
    assert longest_loop((block + "一点") * 3, max_period=MAX_PERIOD + 2) == 3 * (MAX_PERIOD + 2)
    assert longest_loop("多喝水。" * 2, min_repetitions=2) == 8


@pytest.mark.parametrize("wrong", [{"max_period": 0}, {"min_repetitions": 1}])
def test_senseless_limits_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="a loop needs"):
        longest_loop("好好好", **wrong)


def test_n_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="n >= 1"):
        rep_n("好", 0)


def test_doctors_hardly_loop(shared: Path) -> None:
    """The basis of LOOP_CHARACTERS and of the repetition margin, as their docstrings quote it."""
    source = next((shared / "data/corpora/cmd").glob("*.csv")).read_bytes().decode("gb18030")
    answers = [row["answer"] for row in csv.DictReader(io.StringIO(source, newline=""))]
    covered = sorted(longest_loop(answer) for answer in answers)
    assert len(answers) == 7644
    assert covered[-3:] == [5, 5, 132]
    repetition = [rep_n(answer) for answer in answers]
    assert sum(repetition) / len(repetition) == pytest.approx(0.020, abs=0.001)
