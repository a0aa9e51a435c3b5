"""Counts by hand."""

import pytest

from doctorglm.translate.coverage import coverage, distance, random_coverage

from .test_sample import plain

SOURCE = plain(
    [(0, 1), (0,), (0, 2), (0,), (0,), ()],
    chars=[10, 20, 30, 40, 50, 60],
    departments=["a", "a", "b", "b", "b", "b"],
    costs=[1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
)


def test_a_sample_is_counted() -> None:
    found = coverage(SOURCE, [0, 2])
    assert (found["conversations"], found["terms"], found["mentions"], found["chars"]) == (2, 3, 4, 40)
    assert found["cost"] == 5 and found["terms_often"] == 0
    assert found["department_distance"] == pytest.approx(1 / 6)  # 1/2 of a where the source has 1/3


def test_the_source_is_like_itself_and_says_what_is_often() -> None:
    found = coverage(SOURCE, range(6))
    assert found["terms_often"] == 1 and found["length_distance"] == found["department_distance"] == 0


def test_distances() -> None:
    assert distance("aabb", "ab") == 0 and distance("aabb", "a") == 0.5 and distance("ab", "") == 1


def test_random_samples_cost_as_much_and_are_averaged() -> None:
    equal = plain([(i,) for i in range(10)])
    found = random_coverage(equal, 4.0, seeds=5)
    assert (found["seeds"], found["terms"], found["cost"], found["conversations"]) == (5, 4, 4, 4)
