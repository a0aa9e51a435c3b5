"""Marked figures: what their paths, sums and forms show of a result, and how they are written into a page."""

from typing import Any

import pytest
from markers import markers, paths, shown, written

RESULT: dict[str, Any] = {
    "commit": "a88b0b8576c11e3c6f291479ec987cecb4f8e2c9",
    "kills": 20,
    "read": 628,
    "test": 208,
    "bytes": 1_388_108_402,
    "share": 0.8625625,
    "same": True,
    "device": "no GPU",
    "gflops": {"torch.mm": 178.48, "by kind": {"one": 1}},
    "runs": [{"seconds": 12.306}, {"seconds": 24.612}],
    "nll": {"value": 3.58057, "low": 3.52037, "high": 3.63963},
    "placebo-data": {"evaluate/base": 7},
}


@pytest.mark.parametrize(
    ("expression", "form", "expected"),
    [
        ("kills", "", "20"),
        ("read", ",", "628"),
        ("bytes", ",", "1,388,108,402"),
        ("nll.value", ".2f", "3.58"),
        ("runs.1.seconds", ".0f", "25"),
        ("runs.-1.seconds", ".1f", "24.6"),
        ('gflops."torch.mm"', ".0f", "178"),
        ("gflops.by kind.one", "", "1"),
        ("placebo-data.evaluate/base", "", "7"),
        ("device", "", "no GPU"),
        ("commit", ".10", "a88b0b8576"),
        ("read - test", "", "420"),
        ("read - test - 20", "", "400"),
        ("100 * share", ".0f", "86"),
        ("bytes / 1000000000", ".1f", "1.4"),
        ("runs.1.seconds / runs.0.seconds", ".1f", "2.0"),
        ("nll", "{value:.3f} [{low:.3f}, {high:.3f}]", "3.581 [3.520, 3.640]"),
    ],
)
def test_shown(expression: str, form: str, expected: str) -> None:
    assert shown(RESULT, expression, form) == expected


@pytest.mark.parametrize(
    ("expression", "form", "reason"),
    [
        ("kils", "", "no 'kils' in kils; there: commit, kills"),
        ("runs.7.seconds", ".1f", "no '7'"),
        ("runs.first", "", "no 'first'"),
        ("kills.deeper", "", "no 'deeper'"),
        ("nll.value", "", "needs a form"),
        ("nll", ".3f", "lacks a template"),
        ("nll", "{value:.3f} {median:.3f}", "no 'median' in nll"),
        ("same", "", "neither a number nor a text"),
        ("read - test * 2", "", r"mixes \+ or - with"),
        ("device + kills", "", "no number"),
        ("20", "", "names nothing"),
        ("device", ".1f", "Unknown format code"),
        ("nll", "{value:.3x}", "format"),
        ("kills / 0", ".1f", "zero"),
    ],
)
def test_not_shown(expression: str, form: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        shown(RESULT, expression, form)


def test_the_paths_of_an_expression() -> None:
    assert paths("100 * runs.0.seconds / runs.1.seconds") == ["runs.0.seconds", "runs.1.seconds"]


def test_written_changes_the_values_and_nothing_else() -> None:
    text = (
        "at <!-- figure:r:kills -->19<!-- / --> moments, [<!-- figure:r:nll.low:.2f -->?<!-- / -->, 4]\n\n"
        "| a | <!-- figure:r:read - test --><!-- / --> |\n"
    )
    assert written(text, {"r": RESULT}) == (
        "at <!-- figure:r:kills -->20<!-- / --> moments, [<!-- figure:r:nll.low:.2f -->3.52<!-- / -->, 4]\n\n"
        "| a | <!-- figure:r:read - test -->420<!-- / --> |\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "of a missing result <!-- figure:other:kills -->19<!-- / -->",
        "of a missing value <!-- figure:r:kils -->19<!-- / -->",
        "in code `<!-- figure:r:kills -->19<!-- / -->`",
        "```\nin code <!-- figure:r:kills -->19<!-- / -->\n```\n",
        "of another commit <!-- figure:r@b88b0b8:kills -->19<!-- / -->",
    ],
)
def test_written_leaves_what_it_cannot_answer(text: str) -> None:
    assert written(text, {"r": RESULT}) == text


def test_a_marker_that_names_a_commit_holds_for_that_one_alone() -> None:
    (ours,) = markers("<!-- figure:r@a88b0b8:kills -->20<!-- / -->")
    (other,) = markers("<!-- figure:r@b88b0b8:kills -->20<!-- / -->")
    assert ours.current({"r": RESULT}) == "20"
    with pytest.raises(ValueError, match="measured again, at a88b0b8: keep the one of b88b0b8"):
        other.current({"r": RESULT})
