"""Echo and verbatim runs by hand and against brute force."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doctorglm.evaluate.figures.copies import RUN, echo, echoes, longest_run, verbatim
from doctorglm.evaluate.figures.overlap import tokens

few = st.text(alphabet="ab水药 ", max_size=14)
QUESTION = "慢性胃炎能喝咖啡吗？"


def brute_run(first: list[str], second: list[str]) -> int:
    """Every run of the first that is one of the second."""
    runs = {tuple(second[a:b]) for a in range(len(second)) for b in range(a + 1, len(second) + 1)}
    return max(
        (
            sum(map(len, first[a:b]))
            for a in range(len(first))
            for b in range(a + 1, len(first) + 1)
            if tuple(first[a:b]) in runs
        ),
        default=0,
    )


def brute_echo(question: str, answer: str) -> float:
    """By token: whether any run that holds it is long enough and stands in the question."""
    asked, said = tokens(question), tokens(answer)
    n = min(RUN, len(asked))
    held = 0
    for place in range(len(said)):
        runs = [said[a : a + n] for a in range(max(0, place - n + 1), place + 1) if a + n <= len(said)]
        held += bool(n) and any(run == asked[b : b + n] for run in runs for b in range(len(asked)))
    return held / len(said) if said else 0.0


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        (QUESTION, 1.0),
        (QUESTION * 3, 1.0),
        ("慢性胃炎 能喝咖啡吗", 1.0),
        ("慢性胃炎能喝咖啡吗？不建议喝。", 9 / 13),
        ("慢性胃炎不建议喝咖啡。", 0.0),
        ("不建议。", 0.0),
        ("可以", 0.0),
        ("", 0.0),
    ],
)
def test_share_of_the_answer_that_is_the_question(answer: str, share: float) -> None:
    """C078: the tuned model only repeats the question."""
    assert echo(QUESTION, answer) == pytest.approx(share)
    assert echoes(QUESTION, answer) is (share >= 0.5)


def test_short_and_english_questions() -> None:
    assert echo("头痛", "头痛") == 1.0
    assert echo("头痛", "头痛要多休息") == pytest.approx(2 / 6)
    assert echo("？", "多休息") == 0.0
    asked = "Is it safe to drink coffee with chronic gastritis?"
    assert echo(asked, asked.upper()) == 1.0
    assert echo(asked, "With chronic gastritis it is safe to drink tea.") == 0.0
    assert echo("慢性胃炎能喝咖啡嗎？", "慢性胃炎能喝咖啡吗") == 1.0


@given(few, few)
@settings(max_examples=200, deadline=None)
def test_echo_against_brute_force(question: str, answer: str) -> None:
    assert echo(question, answer) == pytest.approx(brute_echo(question, answer))


@given(st.lists(st.sampled_from(["水", "药", "ab", "c"]), max_size=12), st.lists(st.sampled_from(["水", "药", "ab"])))
@settings(max_examples=300, deadline=None)
def test_longest_run_against_brute_force(first: list[str], second: list[str]) -> None:
    assert longest_run(first, second) == brute_run(first, second)


def test_runs_shared_with_the_reference_alone() -> None:
    question = "孩子发烧38.5度已经三天了怎么办"
    reference = "孩子发烧38.5度已经三天了，建议尽快到儿科门诊查血常规。"
    assert verbatim(reference, reference, question) == len("建议尽快到儿科门诊查血常规")
    assert verbatim("先物理降温，尽快到儿科门诊。", reference, question) == len("尽快到儿科门诊")
    assert verbatim(question, reference, question) == 0
    assert verbatim("", reference, question) == verbatim("多喝水", "", question) == 0
    # what is shared with the question in a few words cuts nothing
    assert verbatim("建议孩子发烧休息", "建议孩子发烧休息", question) == len("建议孩子发烧休息")
    # a question too short to be given back in a run cuts nothing either
    assert verbatim("头痛要多休息", "头痛要多休息", "头痛") == 6
    assert verbatim("Take two tablets daily", "take two tablets", "How much?") == len("taketwotablets")


def test_long_texts_are_read() -> None:
    texts = ["".join(chr(0x4E00 + (i * i * step) % 701) for i in range(10_000)) for step in (1, 3, 7)]
    assert verbatim(*texts) >= 0
    assert 0 <= echo(texts[0], texts[1]) < 1
    assert verbatim("水" * 10_000, "水" * 10_000, "") == 10_000
